"""Progressive data expansion: train on balanced parts first, then add the other samples a few at a time.

Deng, Yang, Mirzasoleiman and Gu, "Robust learning with progressive data expansion against spurious correlation", NeurIPS 2023, Algorithm 1:
the warm-up set holds as many samples of every part as the smallest non-empty part has; after ``warm_up`` epochs, and every ``every`` epochs
from then on, ``add`` unused samples join it, until none is left. Epochs count from 1 here, so the first expansion comes at the start of
epoch ``warm_up`` + 1; the paper's and the code's first expansion before epoch 140, counted from 0, is ``warm_up: 140``.

The authors' lower learning rate from the first expansion on belongs to the recipe: a ``step`` schedule with the milestone ``warm_up``.
Their code for CelebA replaces the active set at the first expansion; that is not offered.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spurprune import seeds
from spurprune.methods import erm
from spurprune.training.method import Context

OPTIONS = {
    "partition": {
        "$ref": "#/$defs/partition",
        "default": "groups",
        "description": "the parts that are equal in size during the warm-up",
    },
    "warm_up": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100_000,
        "x-allowed": "a whole number from 1 to 100,000",
        "description": "the number of epochs before the first expansion",
    },
    "every": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100_000,
        "x-allowed": "a whole number from 1 to 100,000",
        "description": "the number of epochs from one expansion to the next",
    },
    "add": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1_000_000_000,
        "x-allowed": "a whole number from 1 to 1,000,000,000",
        "description": "the number of samples that an expansion adds",
    },
    "variant": {
        "enum": ["paper", "code"],
        "default": "paper",
        "x-allowed": "paper or code",
        "description": "an expansion is drawn without replacement, or with, as in the public code",
    },
}


class Method(erm.Method):
    """ERM on a growing set of samples, which depends on the stream and the epoch alone, so there is no state to resume."""

    def __init__(self, context: Context) -> None:
        """Draw the warm-up set and all expansions; raise TrainingError if the plan keeps one part alone."""
        super().__init__(context)
        options, epochs = context.options, context.training["epochs"]
        self.warm_up: int = options["warm_up"]
        self.every: int = options["every"]
        rng = np.random.default_rng(context.stream.seed(seeds.EXPANSION))
        sets = _sets(context, self._expansions(epochs), rng)
        self.order = np.concatenate(sets)  # rows, in the order in which they join
        self.active = np.cumsum([len(rows) for rows in sets])  # after 0, 1, … expansions

    def rows(self, epoch: int) -> np.ndarray:
        """Return the rows that an epoch visits, int64, in the order in which they joined; with ``code``, some of them repeatedly."""
        return self.order[: self._count(epoch)]

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        """Return the active samples in random order, in batches of which the last may have another size."""
        times = np.bincount(self.rows(epoch), minlength=len(self.context.weight)).astype(np.float64)
        return erm.Method(replace(self.context, weight=times)).batches(epoch, rng)

    def num_batches(self, epoch: int) -> int:
        """Return the number of batches, which grows with every expansion."""
        return self._number(self._count(epoch))

    def _expansions(self, epoch: int) -> int:
        """Return how many expansions come by the start of an epoch."""
        return max(0, 1 + (epoch - 1 - self.warm_up) // self.every)

    def _count(self, epoch: int) -> int:
        return int(self.active[min(self._expansions(epoch), len(self.active) - 1)])


def _sets(context: Context, expansions: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the rows of the warm-up set and of each expansion, of which there are fewer if no sample is left."""
    count = context.visits_by_part()
    smallest = int(count[count > 0].min())
    kept = context.weight > 0
    warm_up = [rng.choice(np.flatnonzero(kept & (context.part == part)), smallest, replace=False) for part in np.flatnonzero(count)]
    sets = [np.concatenate(warm_up)]
    for _ in range(expansions):
        kept[sets[-1]] = False
        unused = np.flatnonzero(kept)
        if not len(unused):
            break
        add = context.options["add"]
        sets.append(rng.choice(unused, add, replace=context.options["variant"] == "code") if len(unused) > add else unused)
    return sets

"""Correct-n-Contrast, stage 2: features of one class are pulled together although a reference tells them apart (Zhang et al. 2022, Sec. 4).

The partition holds what the reference, stage 1, predicts. A batch has rows in four roles, in this order: *anchors*, which the reference
predicts rightly as their class y; *positives*, of class y but predicted as another; *negatives*, of another class but predicted as y; and
as many negatives of the *other side*, where positives are anchors and anchors positives: samples of another class than y that are
predicted as the positives are. With more than two classes, all positives of a batch are therefore predicted as one class, that of a
positive drawn at random. Without such positives, any sample of class y is one; without such negatives on either side, any sample of another
class is. Of classes that are never predicted rightly, no sample is an anchor. Rows are drawn anew in every epoch, within a batch and role
with replacement only where there are too few. The loss of a batch is

    weight · (contrast of anchors + contrast of positives) + (1 - weight) · cross-entropy of all rows,

where the contrast of anchor z is -(1/M) sum_m log(exp(s(z, z_m)/t) / sum_j exp(s(z, z_j)/t)), with cosine similarity s of features, the M
positives z_m and all positives and negatives z_j.

``contrast: first`` and ``classes: equal`` do as the public code: it contrasts only the first anchor and the first positive of a batch, each
anchor being first once per epoch, and drops batches until all classes have equally many. The other positives may then be predicted as any
other class. Not offered are its frozen batch normalisation, its steps over 32 such batches at a time, its default partition, clusters of
features in place of predictions, and that it takes only rightly predicted samples as the other side's negatives, which with two classes
they all are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spurprune.errors import TrainingError
from spurprune.methods import erm
from spurprune.training.method import Batch, Context

OPTIONS = {
    "partition": {
        "$ref": "#/$defs/partition",
        "default": "predicted",
        "description": "the classes that a reference predicts",
    },
    "anchors": {
        "type": "integer",
        "minimum": 1,
        "maximum": 10_000,
        "default": 16,
        "x-allowed": "a whole number from 1 to 10,000",
        "description": "anchors per batch",
    },
    "positives": {
        "type": "integer",
        "minimum": 1,
        "maximum": 10_000,
        "default": 16,
        "x-allowed": "a whole number from 1 to 10,000",
        "description": "positives per batch",
    },
    "negatives": {
        "type": "integer",
        "minimum": 1,
        "maximum": 10_000,
        "default": 16,
        "x-allowed": "a whole number from 1 to 10,000",
        "description": "negatives per batch, for either side",
    },
    "temperature": {
        "type": "number",
        "minimum": 0.001,
        "maximum": 1000,
        "default": 0.1,
        "x-allowed": "a number from 0.001 to 1,000",
        "description": "what similarities are divided by",
    },
    "weight": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0.75,
        "x-allowed": "a number from 0 to 1",
        "description": "the weight of the contrastive loss; the cross-entropy has the rest",
    },
    "share": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1,
        "default": 1.0,
        "x-allowed": "a number above 0 and at most 1",
        "description": "the share of every class's anchors that an epoch uses",
    },
    "contrast": {
        "enum": ["all", "first"],
        "default": "all",
        "x-allowed": "all or first",
        "description": "contrast all anchors of a batch, or the first alone, as the public code does",
    },
    "classes": {
        "enum": ["all", "equal"],
        "default": "all",
        "x-allowed": "all or equal",
        "description": "use the anchors of all classes alike, or make as many batches of each as of the class with the fewest",
    },
}


@dataclass(frozen=True)
class _Pools:
    """Where the rows of a batch come from if its anchors are of one class; arrays of rows, int64.

    ``alike`` maps a predicted class to the positives of that prediction, ``second`` to the negatives of the other side.
    """

    anchors: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    alike: dict[int, np.ndarray]
    second: dict[int, np.ndarray]


class Method(erm.Method):
    """ERM with composed batches, in which a row's position says its role, and a contrastive loss; it keeps no state."""

    def __init__(self, context: Context) -> None:
        """Find the candidates for each role.

        Raise TrainingError if the plan leaves one class, or the reference is right about no sample that it keeps.
        """
        super().__init__(context)
        options = context.options
        self.num_anchors, self.num_positives, self.num_negatives = (options[name] for name in ("anchors", "positives", "negatives"))
        self.sizes = [self.num_anchors, self.num_positives, self.num_negatives, self.num_negatives]
        self.leading: int = self.num_anchors if options["contrast"] == "all" else 1  # anchors of a batch that are contrasted
        _check(context)
        self.pools = _pools(context)
        used = {label: max(1, round(options["share"] * len(one.anchors))) for label, one in self.pools.items()}
        if options["classes"] == "equal":
            fewest = min(-(-count // self.leading) for count in used.values())
            used = {label: min(count, fewest * self.leading) for label, count in used.items()}
        self.used = used  # by class, how many anchors lead batches in an epoch

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        """Return batches of the classes' anchors and what goes with them, in random order."""
        batches = [self._batch(label, anchors, rng) for label in self.pools for anchors in self._anchors(label, rng)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def num_batches(self, epoch: int) -> int:
        """Return the number of batches, the same in every epoch."""
        return sum(-(-count // self.leading) for count in self.used.values())

    def loss(self, batch: Batch) -> Tensor:
        """Return the weighted sum of the contrastive losses of both sides and of the mean cross-entropy of all rows."""
        options = self.context.options
        with torch.autocast(batch.rows.device.type, enabled=False):  # products of bfloat16 numbers are too coarse for the temperature
            unit = functional.normalize(batch.features.float(), dim=1)
            anchors, positives, negatives, second = unit.split(self.sizes)
            count = self.leading if options["contrast"] == "first" else None
            contrast = _contrast(anchors[:count], positives, negatives, options["temperature"])
            contrast = contrast + _contrast(positives[:count], anchors, second, options["temperature"])
        return options["weight"] * contrast + (1 - options["weight"]) * super().loss(batch)

    def _anchors(self, label: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield the anchors of each batch of one class: those that this batch leads with, then others to make up the number."""
        pool = rng.permutation(self.pools[label].anchors)
        for start in range(0, self.used[label], self.leading):
            stop = min(start + self.leading, self.used[label])
            missing, others = self.num_anchors - (stop - start), len(pool) - (stop - start)
            # Counted on from the leading ones and around, so that they are not among the others.
            more = stop + rng.choice(others, missing, replace=False) if missing <= others else rng.choice(len(pool), missing)
            yield pool[np.concatenate([np.arange(start, stop), more]) % len(pool)]

    def _batch(self, label: int, anchors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        pools = self.pools[label]
        positives = _draw(pools.positives, self.num_positives, rng)
        predicted = int(self.context.part[positives[0]])
        if self.context.options["contrast"] == "all" and len(pools.alike) > 1:
            positives = _draw(pools.alike[predicted], self.num_positives, rng)
        negatives = _draw(pools.negatives, self.num_negatives, rng)
        return np.concatenate([anchors, positives, negatives, _draw(pools.second[predicted], self.num_negatives, rng)])


def _contrast(anchors: Tensor, positives: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Return the mean supervised contrastive loss of the anchors [A, D], scalar; all rows have unit length."""
    similarity = anchors @ torch.cat([positives, negatives]).T / temperature
    return (similarity.logsumexp(dim=1, keepdim=True) - similarity[:, : len(positives)]).mean()


def _draw(pool: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``count`` rows of a pool, with replacement only if it has too few."""
    return rng.choice(pool, count, replace=count > len(pool))


def _check(context: Context) -> None:
    kept = context.weight > 0
    if len(np.unique(context.label[kept])) < 2:
        raise TrainingError("The plan keeps samples of one class alone, but the method cnc contrasts classes; choose another plan.")
    if not (kept & (context.part == context.label)).any():
        raise TrainingError(
            f"The reference behind '{context.options['partition']}' predicts no sample rightly that the plan keeps, so the method cnc has "
            "no anchors; choose a later epoch or another reference."
        )


def _pools(context: Context) -> dict[int, _Pools]:
    """Return the candidates for each role by the anchors' class, for all classes with anchors; a sample of weight k is there k times."""
    rows = np.repeat(np.arange(len(context.weight)), context.weight.astype(np.int64))
    label, predicted = context.label[rows], context.part[rows]
    pools = {}
    for one in np.unique(label[predicted == label]).tolist():
        same, as_one = label == one, predicted == one
        others = rows[~same]
        positive = same & ~as_one if (same & ~as_one).any() else same
        negatives = {other: rows[~same & (predicted == other)] for other in np.unique([one, *predicted[positive]]).tolist()}
        negatives = {other: found if len(found) else others for other, found in negatives.items()}
        pools[one] = _Pools(
            anchors=rows[same & as_one],
            positives=rows[positive],
            negatives=negatives[one],
            alike={other: rows[positive & (predicted == other)] for other in np.unique(predicted[positive]).tolist()},
            second=negatives,
        )
    return pools

"""The interface of training methods: what a method sees, and what it decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from spurprune.errors import TrainingError
from spurprune.models.network import Network
from spurprune.training.recipe import Stream

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Context:
    """What a method is given at the start: the training samples of one repeat; ``rows`` below are positions in these arrays.

    ``weight`` float64 [N] >= 0, from the plan; ``visits``, how weights become visits ("exact" or "drawn", see ``training.visits``).
    ``label`` int64 [N]; ``part`` int64 [N], each sample's position in ``parts``, the names of the parts of the partition in
    ``options.partition``; one part holds all samples for methods without that option. ``options`` are those of the method's entry, all
    given, ``training`` is the block of the recipe. ``stream`` is the training run's random stream, ``device`` that of its tensors.
    ``classes`` are the names of the labels. ``other_visits`` are the visits per epoch of the plan in ``options.steps_of``, None without.
    ``least_batch`` is how many rows a batch must have, two for batch normalisation.
    """

    weight: np.ndarray
    visits: str
    label: np.ndarray
    part: np.ndarray
    parts: tuple[str, ...]
    options: Mapping[str, Any]
    training: Mapping[str, Any]
    stream: Stream
    device: torch.device = CPU
    classes: tuple[str, ...] = ()
    other_visits: int | None = None
    least_batch: int = 1

    def visits_by_part(self) -> np.ndarray:
        """Return how many visits of an epoch fall on each part, float64 [number of parts], from the plan's weights.

        Raises TrainingError if all fall on one part, since a method that compares parts would be another method then.
        """
        count = np.bincount(self.part, weights=self.weight, minlength=len(self.parts))
        if np.count_nonzero(count) < 2:
            raise TrainingError(
                f"All samples that the plan keeps are in part '{self.parts[int(count.argmax())]}' of '{self.options['partition']}', so "
                "there are no parts to compare; choose another plan or partition."
            )
        return count


@dataclass(frozen=True)
class Batch:
    """What the loss of one batch is computed from, on the device; a row may occur more than once.

    ``rows`` and ``label`` int64 [B]; ``logits`` float32 [B, C]; ``features`` [B, D] in the network's type (bfloat16 in mixed
    precision). Gradients flow through the last two.
    """

    rows: Tensor
    label: Tensor
    logits: Tensor
    features: Tensor


class Method(Protocol):
    """A training method. Each kind is a class ``Method(context)`` in ``spurprune.methods``; most override little of ERM."""

    def prepare(self, network: Network) -> Network:
        """Return what is trained: the network itself, as most methods do, or one around it, with the first or the kept weights in place."""

    def finish(self, network: Network) -> Network:
        """Return the network that a run ends with, from the one that ``prepare`` returned, after training."""

    def masks(self) -> dict[str, Tensor]:
        """Return which weights of the finished network are kept, bool, by parameter; empty for methods that mask none."""

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        """Return the rows of each batch of an epoch (counted from 1), int64, in order; determined by ``rng``."""

    def num_batches(self, epoch: int) -> int:
        """Return the number of batches of an epoch, known for every epoch from the start, since a linear schedule needs their sum."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the scalar to minimise for one batch.

        On a GPU the computation is recorded after the first few batches and then replayed: state may change only in place, and no Python
        branch may depend on values on the device.
        """

    def state(self) -> dict[str, Tensor]:
        """Return the method's own state, which it needs to resume, by name; empty for most methods."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Resume from what ``state`` returned."""

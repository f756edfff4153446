"""Empirical risk minimisation: plain training, of which every other method is a variation."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional

from spurprune.models.network import Network
from spurprune.training import visits
from spurprune.training.method import Batch, Context


class Method:
    """ERM on a plan's weights, each the number of times that an epoch visits a sample."""

    def __init__(self, context: Context) -> None:
        """Raise TrainingError if the plan's weights cannot be turned into visits (see ``visits.count``)."""
        self.context = context
        self.batch_size: int = context.training["batch_size"]
        self.num_visits = visits.count(context.weight, context.visits)

    def prepare(self, network: Network) -> Network:
        """Return the network as it is."""
        return network

    def finish(self, network: Network) -> Network:
        """Return the network as it is."""
        return network

    def masks(self) -> dict[str, Tensor]:
        """Return nothing: all weights are kept."""
        return {}

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        """Return an epoch's visits in random order, in batches of which the last may be smaller."""
        rows = visits.epoch_rows(self.context.weight, self.context.visits, rng)
        return [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]

    def num_batches(self, epoch: int) -> int:
        """Return the number of batches, the same in every epoch."""
        return -(-self.num_visits // self.batch_size)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the batch."""
        return functional.cross_entropy(batch.logits, batch.label, label_smoothing=self.context.training["label_smoothing"])

    def state(self) -> dict[str, Tensor]:
        """Return nothing: ERM has no state."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Do nothing: ERM has no state."""

"""Empirical risk minimisation: plain training, of which every other method is a variation."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional

from spurprune.errors import TrainingError
from spurprune.models.network import Network
from spurprune.training import visits
from spurprune.training.method import Batch, Context


class Method:
    """ERM on a plan's weights, each the number of times that an epoch visits a sample."""

    def __init__(self, context: Context) -> None:
        """Raise TrainingError if the plan's weights cannot be turned into visits (see ``visits.count``), or into too few of them."""
        self.context = context
        self.batch_size: int = context.training["batch_size"]
        self.num_visits = visits.count(context.weight, context.visits)
        if self.num_visits < context.least_batch:
            raise TrainingError(
                f"The plan leaves {self.num_visits} visit an epoch, but the network has batch normalisation, which takes at least "
                f"{context.least_batch} samples; lower its sparsity or choose another network."
            )

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
        """Return an epoch's visits in random order, in batches of which the last may have another size."""
        return self._batched(visits.epoch_rows(self.context.weight, self.context.visits, rng))

    def num_batches(self, epoch: int) -> int:
        """Return the number of batches, the same in every epoch."""
        return self._number(self.num_visits)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the batch."""
        return functional.cross_entropy(batch.logits, batch.label, label_smoothing=self.context.training["label_smoothing"])

    def state(self) -> dict[str, Tensor]:
        """Return nothing: ERM has no state."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Do nothing: ERM has no state."""

    def _batched(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return rows in batches (see ``visits.batches``)."""
        return visits.batches(rows, batch_size=self.batch_size, least=self.context.least_batch)

    def _number(self, total: int) -> int:
        """Return how many batches ``_batched`` makes of ``total`` rows."""
        return visits.num_batches(total, batch_size=self.batch_size, least=self.context.least_batch)

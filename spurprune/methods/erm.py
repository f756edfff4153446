"""Empirical risk minimisation: the plain training that every other method varies."""

from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional


class Method:
    """ERM on a plan's weights: pruned samples are left out, a weight of k means k visits an epoch."""

    def __init__(self, weight: np.ndarray, training: dict[str, Any]) -> None:
        """Take the plan's weight of each training row, float [N] of whole numbers, and the setting's ``training`` block."""
        self.rows = np.repeat(np.arange(len(weight)), weight.astype(np.int64))
        self.label_smoothing: float = training["label_smoothing"]

    def epoch_rows(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Return all rows of positive weight in random order, int64."""
        return rng.permutation(self.rows)

    def loss(self, logits: Tensor, label: Tensor, group: Tensor, rows: Tensor) -> Tensor:
        """Return the mean cross-entropy of the batch."""
        return functional.cross_entropy(logits, label, label_smoothing=self.label_smoothing)

    def state(self) -> dict[str, Tensor]:
        """Return nothing: ERM learns nothing besides the network."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on as before: ERM has no state."""

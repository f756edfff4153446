"""The cross-entropy loss at the last given epoch, as a control."""

import numpy as np

from spurprune.difficulty.dynamics import Dynamics


def score(dynamics: Dynamics) -> np.ndarray:
    """Return the cross-entropy in nats at the last epoch; float64 [seeds, samples]."""
    return dynamics.loss[:, -1].astype(np.float64)

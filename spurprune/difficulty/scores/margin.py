"""The margin at the last given epoch, as a control; negated so that larger is harder."""

import numpy as np

from spurprune.difficulty.dynamics import Dynamics


def score(dynamics: Dynamics) -> np.ndarray:
    """Return the negated margin (the true class's logit minus the largest other) at the last epoch; float64 [seeds, samples]."""
    return -dynamics.margin[:, -1].astype(np.float64)

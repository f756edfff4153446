"""Area under the margin (Pleiss et al. 2020), negated so that larger is harder."""

import numpy as np

from spurprune.difficulty.dynamics import Dynamics


def score(dynamics: Dynamics) -> np.ndarray:
    """Return the negated mean over epochs of the margin (the true class's logit minus the largest other); float64 [seeds, samples]."""
    return -dynamics.margin.astype(np.float64).mean(axis=1)

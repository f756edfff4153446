"""EL2N, the L2 norm of the error vector (Paul et al. 2021, Deep Learning on a Data Diet; the paper's score, Sec. 2)."""

import numpy as np

from spurprune.difficulty.dynamics import Dynamics


def score(dynamics: Dynamics) -> np.ndarray:
    """Return ‖softmax f(x) − onehot(y)‖₂ averaged over the given epochs (as published: one); float64 [seeds, samples] in [0, √2]."""
    return dynamics.error.astype(np.float64).mean(axis=1)

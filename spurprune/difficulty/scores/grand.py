"""Last-layer GraNd: the norm of the loss gradient with respect to the classifier alone (Paul et al. 2021)."""

import numpy as np

from spurprune.difficulty.dynamics import Dynamics


def score(dynamics: Dynamics) -> np.ndarray:
    """Return ‖p − y‖₂ · √(1 + ‖h‖²), for weights and bias together, averaged over the given epochs; float64 [seeds, samples]."""
    error, norm = dynamics.error.astype(np.float64), dynamics.feature_norm.astype(np.float64)
    return (error * np.sqrt(1 + norm**2)).mean(axis=1)

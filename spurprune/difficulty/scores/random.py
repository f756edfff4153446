"""A random score, as a control: it needs no reference run."""

import numpy as np

from spurprune.difficulty.dynamics import Dynamics


def score(dynamics: Dynamics) -> np.ndarray:
    """Return uniform numbers in [0, 1) drawn from the dynamics' seed; float64 [seeds, samples]."""
    seeds, _, samples = dynamics.loss.shape
    return np.random.default_rng(dynamics.seed).random((seeds, samples))

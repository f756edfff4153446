"""Forgetting events (Toneva et al. 2019)."""

import numpy as np

from spurprune.difficulty.dynamics import Dynamics


def score(dynamics: Dynamics) -> np.ndarray:
    """Return the number of transitions from correct to incorrect; float64 [seeds, samples].

    A sample that was never learned gets the number of recorded epochs, which no count of transitions can reach, so that it is the hardest.
    """
    correct = dynamics.correct
    forgotten = (correct[:, :-1] & ~correct[:, 1:]).sum(axis=1)
    return np.where(correct.any(axis=1), forgotten, correct.shape[1]).astype(np.float64)

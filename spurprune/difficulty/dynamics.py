"""Training dynamics as arrays, the input of every score."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dynamics:
    """What was recorded of every sample, for one repeat: arrays [reference seeds, epochs, samples].

    ``loss`` cross-entropy, ``error`` the L2 norm of softmax minus one-hot, ``margin`` the true class's logit minus the largest other,
    ``correct`` bool, ``feature_norm`` the L2 norm of the penultimate features; all float32 but ``correct``. ``seed`` is the random
    stream's seed for scores that draw.
    """

    loss: np.ndarray
    error: np.ndarray
    margin: np.ndarray
    correct: np.ndarray
    feature_norm: np.ndarray
    seed: int = 0

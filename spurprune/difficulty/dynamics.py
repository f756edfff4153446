"""Training dynamics as arrays: the input of every score."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dynamics:
    """The recorded dynamics of one repeat's samples: arrays [reference seeds, epochs, samples].

    ``loss`` float32, cross-entropy in nats; ``error`` float32, the L2 norm of softmax minus one-hot; ``margin`` float32, the true class's
    logit minus the largest other; ``predicted`` int16, the label of the largest logit; ``feature_norm`` float32, the L2 norm of the
    penultimate features. ``label`` int16 [samples]; ``seed`` is for scores that draw random numbers.
    """

    loss: np.ndarray
    error: np.ndarray
    margin: np.ndarray
    predicted: np.ndarray
    feature_norm: np.ndarray
    label: np.ndarray
    seed: int = 0

    @property
    def correct(self) -> np.ndarray:
        """Whether each prediction was right, bool [reference seeds, epochs, samples]."""
        return np.asarray(self.predicted == self.label)

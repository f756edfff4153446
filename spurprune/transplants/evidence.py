"""What flips say of a region: the strength of the evidence that it holds a cue, its significance, and the suspects."""

from dataclasses import dataclass

import numpy as np

TOP = 0.1  # the share of donors, those with most flips, by which a region is judged (ours)
OFFSET = 0.01  # added to both means, so that the ratio of two that are nearly zero says little (ours)
QUANTILE = 0.995  # of the control's flips: a suspect has more (ours)
FLOOR = 0.02  # and more than this share (ours)


@dataclass(frozen=True)
class Strength:
    """Of a region: the mean flips of the top tenth of donors and of the control, and the log ratio of these means."""

    top: float
    control: float

    @property
    def difference(self) -> float:
        """The absolute effect."""
        return self.top - self.control

    @property
    def log_ratio(self) -> float:
        """The relative effect, ln((top + 0.01) / (control + 0.01))."""
        return float(np.log((self.top + OFFSET) / (self.control + OFFSET)))


def strength(donors: np.ndarray, control: np.ndarray) -> Strength:
    """Return the strength of a region from the flips of donors [N] and of the control [M], neither empty."""
    return Strength(float(top_mean(donors)), float(top_mean(control)))


def top_mean(flips: np.ndarray) -> np.ndarray:
    """Return the means of the highest tenth of the flips along the last axis, rounded up: of one flip at least."""
    count = -(-flips.shape[-1] // round(1 / TOP))
    mean: np.ndarray = np.sort(flips, axis=-1)[..., -count:].mean(axis=-1)
    return mean


def significance(donors: np.ndarray, control: np.ndarray, permutations: int, rng: np.random.Generator) -> np.ndarray:
    """Return each region's p-value, float64 [regions], from flips [regions, N] and [regions, M] of the same donors and controls.

    Donors and controls are permuted, alike in all regions, and a region's log ratio is compared with the largest of all regions, which
    corrects for their number (Westfall and Young 1993).
    """
    together, n = np.concatenate([donors, control], axis=1), donors.shape[1]
    found = _log_ratios(together, n)
    largest = np.array([_log_ratios(together[:, rng.permutation(together.shape[1])], n).max() for _ in range(permutations)])
    p: np.ndarray = (1 + (largest[None] >= found[:, None] - 1e-12).sum(axis=1)) / (1 + permutations)
    return p


def _log_ratios(flips: np.ndarray, donors: int) -> np.ndarray:
    ratios: np.ndarray = np.log((top_mean(flips[:, :donors]) + OFFSET) / (top_mean(flips[:, donors:]) + OFFSET))
    return ratios


def suspects(donors: np.ndarray, control: np.ndarray) -> np.ndarray:
    """Return which donors are suspected to carry a cue, bool [N]: more flips than 99.5% of the control [M], and than a floor."""
    limit = max(FLOOR, float(np.quantile(control, QUANTILE)))
    return donors > limit

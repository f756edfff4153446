"""Statistics over repeats: means with confidence intervals, paired differences, agreement of rankings. Pure functions."""

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
ROUNDING = 1e-12  # by which equal shares, or equal differences of them, may differ as they are computed


@dataclass(frozen=True)
class Estimate:
    """A mean over repeats with its 95% confidence interval, which is NaN with fewer than two repeats and where all repeats are equal."""

    mean: float
    low: float
    high: float
    n: int


def estimate(values: np.ndarray) -> Estimate:
    """Return the mean and its Student t interval over repeats; NaN values (metrics that do not exist) are left out.

    Equal repeats have no interval: a width of zero would claim that the next repeat comes out the same, which a few shares of a small
    test set, all 0 or all one sample apart, do not show.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    mean = float(values.mean())
    if n == 1 or np.ptp(values) <= ROUNDING:
        return Estimate(mean, math.nan, math.nan, n)
    from scipy import stats  # here, since it takes most of a second, which planning does without

    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return Estimate(mean, mean - half, mean + half, n)


def paired_difference(values: dict[int, float], reference: dict[int, float]) -> Estimate:
    """Return the mean difference to a reference over the repeats that both have (by repeat), with its 95% interval."""
    shared = sorted(values.keys() & reference.keys())
    return estimate(np.array([values[repeat] - reference[repeat] for repeat in shared]))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation of two scores of the same samples; ties get their average rank."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan  # all ranks of one are tied
    from scipy import stats

    return float(stats.spearmanr(a, b).statistic)


def top_overlap(a: np.ndarray, b: np.ndarray, share: float) -> float:
    """Return how much of the hardest ``share`` of samples by one score is among the hardest by the other; by chance, ``share``.

    Where samples of equal score straddle the edge, it is the expected overlap of two rankings that break their ties at random,
    independently.
    """
    count = max(1, round(share * len(a)))
    return float(_chance_of_top(a, count) @ _chance_of_top(b, count)) / count


def _chance_of_top(score: np.ndarray, count: int) -> np.ndarray:
    """Return every sample's chance to be among the ``count`` of highest score if ties are broken at random, float64 [N]."""
    edge = np.partition(score, len(score) - count)[len(score) - count]
    above, tied = score > edge, score == edge
    chance: np.ndarray = above + tied * ((count - above.sum()) / tied.sum())
    return chance

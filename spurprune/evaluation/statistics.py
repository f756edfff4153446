"""Statistics over repeats, as pure functions: means with confidence intervals, paired differences, agreement of rankings."""

import math
from dataclasses import dataclass, replace

import numpy as np

CONFIDENCE = 0.95
ROUNDING = 1e-12  # equal shares, or equal differences of shares, may differ by this much through rounding


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` repeats with its 95% confidence interval, which is NaN with fewer than two repeats or if all are equal."""

    mean: float
    low: float
    high: float
    n: int


def bounded(value: Estimate, low: float = 0.0, high: float = 1.0) -> Estimate:
    """Return an estimate whose interval lies within the bounds of its values, for a share 0 and 1.

    Where the t interval leaves them, it is taken on the logit scale instead: its half-width there is that of the t interval over the
    derivative at the mean, p (1 − p), as for shares in surveys (Korn and Graubard, Survey Methodology 24, 1998). Other estimates stay as
    they are, as do those without an interval.
    """
    if math.isnan(value.low) or (value.low >= low and value.high <= high):
        return value
    width = high - low
    share = min(max((value.mean - low) / width, ROUNDING), 1 - ROUNDING)
    odds, half = math.log(share / (1 - share)), (value.high - value.mean) / width / (share * (1 - share))
    return replace(value, low=low + width * _logistic(odds - half), high=low + width * _logistic(odds + half))


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def estimate(values: np.ndarray) -> Estimate:
    """Return the mean and its Student t interval over repeats; NaN values (undefined metrics) are left out.

    Equal repeats have no interval: a width of zero would claim that further repeats give the same value, which a few equal shares of a
    small test set do not show.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    mean = float(values.mean())
    if n == 1 or np.ptp(values) <= ROUNDING:
        return Estimate(mean, math.nan, math.nan, n)
    from scipy import stats  # imported here, since it takes most of a second and planning does not need it

    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return Estimate(mean, mean - half, mean + half, n)


def paired_difference(values: dict[int, float], reference: dict[int, float]) -> Estimate:
    """Return the mean difference from a reference over the repeats that both have, with its 95% interval; values are by repeat."""
    shared = sorted(values.keys() & reference.keys())
    return estimate(np.array([values[repeat] - reference[repeat] for repeat in shared]))


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean (SEM) over repeats, without NaN values; NaN with fewer than two."""
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def welch_of_shares(share: float, n: int, reference: float, reference_n: int) -> float:
    """Return the p-value of Welch's one-sided t-test that a share of ``n`` samples is larger than another, over their indicators.

    This is the test of Yang, Chou and Chaudhuri (2022) for a spurious score against a clean network's. Equal indicators throughout both
    have no variance: p is then 0 if the share is larger, 1 if it is smaller, NaN if they are equal. NaN with fewer than two samples.
    """
    if min(n, reference_n) < 2 or math.isnan(share) or math.isnan(reference):
        return math.nan
    variances = [value * (1 - value) / (count - 1) for value, count in ((share, n), (reference, reference_n))]
    if sum(variances) == 0:
        return math.nan if share == reference else float(share < reference)
    from scipy import stats

    t = (share - reference) / math.sqrt(sum(variances))
    degrees = sum(variances) ** 2 / sum(one**2 / (count - 1) for one, count in zip(variances, (n, reference_n), strict=True))
    return float(stats.t.sf(t, degrees))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Spearman's rank correlation of two scores of the same samples; ties get their average rank, and a constant score gives NaN."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    from scipy import stats

    return float(stats.spearmanr(a, b).statistic)


def top_overlap(a: np.ndarray, b: np.ndarray, share: float) -> float:
    """Return what fraction of the hardest ``share`` of samples by one score is also among the hardest by the other; ``share`` by chance.

    If samples of equal score straddle the threshold, this is the expected overlap when each ranking breaks its ties at random.
    """
    count = max(1, round(share * len(a)))
    return float(_chance_of_top(a, count) @ _chance_of_top(b, count)) / count


def _chance_of_top(score: np.ndarray, count: int) -> np.ndarray:
    """Return every sample's probability of being among the ``count`` highest scores if ties are broken at random, float64 [N]."""
    edge = np.partition(score, len(score) - count)[len(score) - count]
    above, tied = score > edge, score == edge
    chance: np.ndarray = above + tied * ((count - above.sum()) / tied.sum())
    return chance

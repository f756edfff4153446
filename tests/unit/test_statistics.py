"""Statistics over repeats, by hand and by their formulas."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import stdtrit

from spurprune.evaluation import statistics

FINITE = st.floats(-100, 100, allow_subnormal=False)


@pytest.mark.parametrize(
    ("values", "mean", "half"),
    [
        ([1.0, 3.0], 2.0, 12.7062),  # t(1) = 12.7062, standard error √2 / √2 = 1
        ([1.0, 2.0, 3.0, 4.0, 5.0], 3.0, 2.77645 * math.sqrt(2.5 / 5)),  # t(4) = 2.77645, variance 2.5
    ],
)
def test_t_interval_by_hand(values: list[float], mean: float, half: float) -> None:
    result = statistics.estimate(np.array(values))
    assert result.n == len(values)
    assert (result.mean, result.low, result.high) == pytest.approx((mean, mean - half, mean + half), abs=1e-4)


@given(st.lists(FINITE, min_size=2, max_size=12))
def test_t_interval_is_the_mean_and_a_quantile_of_its_standard_error(values: list[float]) -> None:
    result = statistics.estimate(np.array(values))
    assume(np.ptp(values) > 1e-9)
    n, mean = len(values), math.fsum(values) / len(values)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    half = float(stdtrit(n - 1, 0.975)) * spread
    assert (result.low, result.high) == pytest.approx((mean - half, mean + half), rel=1e-12, abs=1e-12)


def test_missing_values_are_left_out_and_short_samples_have_no_interval() -> None:
    assert statistics.estimate(np.array([1.0, math.nan, 3.0])) == statistics.estimate(np.array([1.0, 3.0]))
    one = statistics.estimate(np.array([math.nan, 0.4]))
    assert (one.mean, one.n) == (0.4, 1) and math.isnan(one.low) and math.isnan(one.high)
    none = statistics.estimate(np.array([]))
    assert none.n == 0 and math.isnan(none.mean)


def test_differences_are_paired_by_repeat() -> None:
    pruned = {0: 0.1, 1: 0.3, 2: 0.9}
    unpruned = {1: 0.5, 0: 0.4, 7: 0.0}
    result = statistics.paired_difference(pruned, unpruned)
    assert result.n == 2
    # Differences -0.3 and -0.2: mean -0.25, standard error 0.05.
    assert (result.mean, result.low, result.high) == pytest.approx((-0.25, -0.25 - 12.7062 * 0.05, -0.25 + 12.7062 * 0.05), abs=1e-5)
    assert statistics.paired_difference({0: 1.0}, {1: 1.0}).n == 0


def test_equal_repeats_have_no_interval() -> None:
    fifth = statistics.estimate(np.array([0.2, 0.2, 0.2]))
    assert (fifth.mean, fifth.n) == (pytest.approx(0.2), 3) and math.isnan(fifth.low) and math.isnan(fifth.high)
    # Each repeat differs by one of 40 images, but the computed differences vary by up to 1e-17.
    one_image = statistics.paired_difference({0: 9 / 40, 1: 10 / 40, 2: 13 / 40}, {0: 10 / 40, 1: 11 / 40, 2: 14 / 40})
    assert (one_image.mean, one_image.n) == (pytest.approx(-1 / 40), 3) and math.isnan(one_image.low)


@given(st.data(), st.integers(3, 30))
def test_rank_correlation_is_that_of_average_ranks(data: st.DataObject, n: int) -> None:
    levels = st.lists(st.integers(0, 6).map(float), min_size=n, max_size=n)
    a, b = np.array(data.draw(levels)), np.array(data.draw(levels))
    result = statistics.rank_correlation(a, b)
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert math.isnan(result)
    else:
        x, y = ((np.sum(v < v[:, None], axis=1) + np.sum(v <= v[:, None], axis=1)) / 2 for v in (a, b))
        assert result == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)


def test_rank_correlation_ignores_a_monotone_change() -> None:
    a = np.random.default_rng(0).random(50)
    assert statistics.rank_correlation(a, np.exp(5 * a)) == pytest.approx(1)
    assert statistics.rank_correlation(a, -a) == pytest.approx(-1)


def test_overlap_of_the_hardest() -> None:
    a = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    b = np.array([9.0, 0, 8, 7, 5, 4, 3, 2, 1, 6])
    assert statistics.top_overlap(a, b, 0.1) == 1.0
    assert statistics.top_overlap(a, b, 0.2) == statistics.top_overlap(a, b, 0.16) == 0.5  # {0, 1} and {0, 2}
    assert statistics.top_overlap(a, b, 0.4) == 0.75  # {0, 1, 2, 3} and {0, 2, 3, 9}
    assert statistics.top_overlap(a, -a, 0.5) == 0.0
    assert statistics.top_overlap(a, a, 1.0) == 1.0
    assert statistics.top_overlap(a, b, 0.001) == 1.0  # never fewer than one sample


def test_overlap_of_unrelated_scores_is_the_share() -> None:
    rng = np.random.default_rng(0)
    overlaps = [statistics.top_overlap(rng.random(500), rng.random(500), 0.1) for _ in range(100)]
    assert np.mean(overlaps) == pytest.approx(0.1, abs=0.02)


def test_the_standard_error_leaves_missing_values_out() -> None:
    assert statistics.standard_error(np.array([1.0, 2.0, np.nan, 3.0])) == pytest.approx(1 / math.sqrt(3))
    assert math.isnan(statistics.standard_error(np.array([1.0, np.nan])))


@given(st.lists(st.booleans(), min_size=3, max_size=40), st.lists(st.booleans(), min_size=3, max_size=40))
def test_welchs_test_of_shares_is_that_of_their_indicators(a: list[bool], b: list[bool]) -> None:
    x, y = np.array(a, dtype=float), np.array(b, dtype=float)
    assume(np.ptp(x) > 0 and np.ptp(y) > 0)  # scipy warns of constants
    expected = stats.ttest_ind(x, y, equal_var=False, alternative="greater").pvalue
    assert statistics.welch_of_shares(x.mean(), len(x), y.mean(), len(y)) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_welchs_test_without_variance() -> None:
    assert statistics.welch_of_shares(1.0, 10, 0.0, 10) == 0.0
    assert statistics.welch_of_shares(0.0, 10, 1.0, 10) == 1.0
    assert math.isnan(statistics.welch_of_shares(0.0, 10, 0.0, 10))
    assert math.isnan(statistics.welch_of_shares(0.5, 1, 0.0, 10)) and math.isnan(statistics.welch_of_shares(math.nan, 10, 0.0, 10))
    assert statistics.welch_of_shares(0.6, 500, 0.0, 500) < 1e-60


def test_an_interval_that_leaves_its_bounds_is_on_the_logit_scale() -> None:
    """0.2 ± 0.24: the logit is −ln 4, its half-width 0.24 / (0.2 × 0.8) = 1.5; of −0.6 ± 0.48 in [−1, 1] they are the same."""
    e = math.exp(1.5)
    low, high = 1 / (1 + 4 * e), e / (e + 4)
    found = statistics.bounded(statistics.Estimate(0.2, -0.04, 0.44, 5))
    assert (found.mean, found.low, found.high, found.n) == pytest.approx((0.2, low, high, 5))
    found = statistics.bounded(statistics.Estimate(-0.6, -1.08, -0.12, 5), low=-1.0)
    assert (found.low, found.high) == pytest.approx((2 * low - 1, 2 * high - 1))


def test_an_interval_within_its_bounds_stays_as_it_is() -> None:
    for one in (statistics.Estimate(0.2, 0.0, 0.4, 3), statistics.Estimate(0.2, math.nan, math.nan, 1)):
        assert statistics.bounded(one) is one


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_intervals_of_shares_are_bounded_and_hold_the_mean(shares: list[float]) -> None:
    one = statistics.bounded(statistics.estimate(np.array(shares)))
    assert math.isnan(one.low) or 0 <= one.low <= one.mean <= one.high <= 1

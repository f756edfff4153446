"""From a plan's weights to an epoch's rows: by hand, and as properties of any weights."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import chisquare

from spurprune.errors import TrainingError
from spurprune.training.visits import DRAWN, EXACT, batches, count, epoch_rows, num_batches

WHOLE = st.lists(st.integers(0, 4), min_size=1, max_size=30)
REAL = st.lists(st.floats(0, 4, allow_subnormal=False), min_size=1, max_size=30)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_exact_visits_by_hand() -> None:
    rows = epoch_rows(np.array([0.0, 2.0, 1.0]), EXACT, rng())
    assert rows.tolist() == rng().permutation([1, 1, 2]).tolist() and rows.dtype == np.int64


def test_drawn_visits_by_hand() -> None:
    """Weights of 0.5 and 1.5 make two draws, three quarters of which are of the second sample."""
    weight = np.array([0.5, 0.0, 1.5])
    epochs = [epoch_rows(weight, DRAWN, rng(seed)) for seed in range(4000)]
    assert {len(rows) for rows in epochs} == {2} and {rows.dtype for rows in epochs} == {np.dtype(np.int64)}
    visits = np.bincount(np.concatenate(epochs), minlength=3)
    assert visits[1] == 0
    assert chisquare(visits[[0, 2]], [2000, 6000]).pvalue > 1e-3
    assert {0, 1, 2} == {int((rows == 0).sum()) for rows in epochs}, "draws are with replacement"


@pytest.mark.parametrize(("weight", "expected"), [([0.4, 0.2], 1), ([1.2, 1.2], 2), ([0.7, 0.9], 2), ([3.0], 3)])
def test_the_number_of_draws_is_the_rounded_sum(weight: list[float], expected: int) -> None:
    assert count(np.array(weight), DRAWN) == expected == len(epoch_rows(np.array(weight), DRAWN, rng()))


@given(WHOLE, st.integers(0, 2**32))
def test_whole_weights_are_visited_exactly(weight: list[int], seed: int) -> None:
    assume(any(weight))
    rows = epoch_rows(np.array(weight, dtype=np.float64), EXACT, rng(seed))
    assert np.bincount(rows, minlength=len(weight)).tolist() == weight
    assert len(rows) == count(np.array(weight, dtype=np.float64), EXACT)


@given(REAL, st.integers(0, 2**32))
def test_only_samples_of_positive_weight_are_drawn(weight: list[float], seed: int) -> None:
    assume(sum(weight) > 0.51)
    array = np.array(weight)
    rows = epoch_rows(array, DRAWN, rng(seed))
    assert len(rows) == count(array, DRAWN) == pytest.approx(array.sum(), abs=0.5 + 1e-9)
    assert (array[rows] > 0).all()
    assert rows.tolist() == epoch_rows(array, DRAWN, rng(seed)).tolist()


@given(REAL)
def test_exact_visits_refuse_exactly_the_fractional_weights(weight: list[float]) -> None:
    assume(sum(weight) > 0.51)
    if all(value.is_integer() for value in weight):
        assert count(np.array(weight), EXACT) == sum(weight)
    else:
        with pytest.raises(TrainingError, match="but exact visits need whole numbers"):
            epoch_rows(np.array(weight), EXACT, rng())


@pytest.mark.parametrize(
    ("weight", "visits", "expected"),
    [
        ([1, 0.5, 1.5, 0.5], EXACT, "The plan's weights of 3 training samples are 0.5, 1.5, but exact visits need whole numbers; "),
        ([1, 0.1, 0.2, 0.3, 0.4], EXACT, "The plan's weights of 4 training samples are 0.1, 0.2, 0.3 and others, but exact"),
        ([1, 2.25], EXACT, "The plan's weight of one training sample is 2.25, but exact visits need whole numbers; "),
        ([1, -1], EXACT, "The plan's weight of one training sample is -1, but weights must be finite numbers >= 0; "),
        ([1, float("nan"), float("inf")], DRAWN, "The plan's weights of 2 training samples are inf, nan, but weights must be finite"),
        ([0, 0], EXACT, "The plan leaves no training sample to visit; "),
        ([0.2, 0.2], DRAWN, "The plan leaves no training sample to visit; "),
        ([1, 1e9], EXACT, "The plan asks for 1e+09 visits an epoch, since its largest weight is 1e+09, but at most 134,217,728 fit into"),
        ([1e308, 1e308], DRAWN, "The plan asks for inf visits an epoch, since its largest weight is 1e+308, but"),
    ],
)
def test_unfit_weights_are_refused(weight: list[float], visits: str, expected: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(TrainingError) as error:
        count(np.array(weight, dtype=np.float64), visits)
    assert_one_sentence(str(error.value))
    assert str(error.value).startswith(expected)


def test_other_kinds_of_visits_are_refused() -> None:
    with pytest.raises(ValueError, match="not 'floored'"):
        count(np.ones(2), "floored")


@pytest.mark.parametrize(
    ("total", "least", "sizes"),
    [
        (129, 2, [129]),  # the textbook's case: one sample has no variance
        (257, 2, [128, 129]),
        (129, 1, [128, 1]),
        (130, 2, [128, 2]),
        (128, 2, [128]),
        (1, 2, [1]),  # nothing to join; methods refuse it
        (0, 2, []),
    ],
)
def test_a_last_batch_that_is_too_small_is_joined_to_the_one_before(total: int, least: int, sizes: list[int]) -> None:
    rows = np.random.default_rng(0).permutation(total)
    found = batches(rows, batch_size=128, least=least)
    assert [len(one) for one in found] == sizes
    assert num_batches(total, batch_size=128, least=least) == len(sizes)
    assert not sizes or np.array_equal(np.concatenate(found), rows)


@given(st.integers(0, 60), st.integers(2, 20), st.integers(1, 2))
def test_all_batches_but_the_last_are_those_without_joining(total: int, batch_size: int, least: int) -> None:
    rows = np.arange(total)
    plain = [rows[start : start + batch_size].tolist() for start in range(0, total, batch_size)]
    found = [one.tolist() for one in batches(rows, batch_size=batch_size, least=least)]
    joined = least == 2 and len(plain) > 1 and len(plain[-1]) == 1
    assert found == ([*plain[:-2], plain[-2] + plain[-1]] if joined else plain)
    assert num_batches(total, batch_size=batch_size, least=least) == len(found)

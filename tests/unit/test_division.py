"""Divisions by class, and of units that stay together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data.division import grouped_split, stratified_split

SHARES = st.sampled_from([(0.7, 0.1, 0.2), (0.5, 0.0, 0.5), (0.9, 0.1, 0.0), (0.4, 0.3, 0.3)])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60), SHARES, st.integers(0, 5))
def test_units_stay_whole(rows: list[tuple[int, int]], shares: tuple[float, ...], seed: int) -> None:
    y, unit = np.array(rows).T
    split = grouped_split(y, unit, shares, np.random.default_rng(seed))
    assert split.dtype == np.int8 and len(split) == len(rows)
    assert all(len(set(split[unit == one])) == 1 for one in set(unit.tolist()))
    assert all(shares[one] > 0 for one in set(split.tolist()))
    assert np.array_equal(split, grouped_split(y, unit, shares, np.random.default_rng(seed)))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), SHARES)
def test_no_split_exceeds_its_share_by_more_than_a_unit(sizes: list[int], shares: tuple[float, ...]) -> None:
    unit = np.repeat(np.arange(len(sizes)), sizes)
    split = grouped_split(np.zeros(len(unit), dtype=int), unit, shares, np.random.default_rng(0))
    found = np.bincount(split, minlength=3)
    assert (found <= np.array(shares) * len(unit) + max(sizes)).all()


@given(st.integers(1, 30))
def test_the_numbers_of_units_do_not_matter(count: int) -> None:
    unit = np.arange(count) % 3
    y = np.zeros(count, dtype=int)
    first, second = (grouped_split(y, one, (0.6, 0.2, 0.2), np.random.default_rng(0)) for one in (unit, 10 * unit + 5))
    assert np.array_equal(first, second)


def test_units_of_one_sample_are_divided_as_samples_are() -> None:
    y = np.repeat([0, 1], [150, 50])
    split = grouped_split(y, np.arange(200), (0.7, 0.1, 0.2), np.random.default_rng(0))
    assert [np.bincount(split[y == one]).tolist() for one in (0, 1)] == [[105, 15, 30], [35, 5, 10]]


def test_the_split_that_lacks_most_gets_a_unit() -> None:
    """Of class 0, 12 samples in units of 6, 4 and 2; halves want 6 each: 6 goes to the first, and 4 and 2 to the second."""
    unit = np.repeat([0, 1, 2], [2, 6, 4])
    split = grouped_split(np.zeros(12, dtype=int), unit, (0.5, 0.5), np.random.default_rng(0))
    assert split[unit == 1].tolist() == [0] * 6 and (split[unit != 1] == 1).all()


def test_classes_are_divided_too() -> None:
    """Twenty units of two samples, ten of each class: each half gets five of each."""
    y = np.repeat(np.arange(20) % 2, 2)
    split = grouped_split(y, np.repeat(np.arange(20), 2), (0.5, 0.5), np.random.default_rng(3))
    assert [np.bincount(split[y == one]).tolist() for one in (0, 1)] == [[10, 10], [10, 10]]


def test_another_stream_draws_other_units() -> None:
    y, unit = np.zeros(60, dtype=int), np.repeat(np.arange(20), 3)
    first, second = (grouped_split(y, unit, (0.7, 0.1, 0.2), np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.array_equal(first, second) and np.bincount(first).tolist() == np.bincount(second).tolist() == [42, 6, 12]


def test_a_split_by_class_has_exact_sizes() -> None:
    y = np.repeat([0, 1], [30, 10])
    split = stratified_split(y, {"train": 28, "validation": 4, "test": 8}, np.random.default_rng(0))
    assert np.bincount(split[y == 1]).tolist() == [7, 1, 2]
    with pytest.raises(ValueError, match="the splits hold 3 samples in total, the data 40"):
        stratified_split(y, {"train": 3}, np.random.default_rng(0))

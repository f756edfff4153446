"""Ranks: a strict order with ties broken by seed, overall and within the class."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spurprune.difficulty.ranks import ranks, ranks_within

SCORES = hnp.arrays(np.float64, st.integers(1, 40), elements=st.sampled_from([0.0, 0.5, 1.0, 2.0, -3.0]))


def test_ranks_by_hand() -> None:
    rank = ranks(np.array([0.3, 0.1, 0.9, 0.5]), np.random.default_rng(0))
    assert rank.tolist() == [1, 0, 3, 2] and rank.dtype == np.int32
    assert ranks_within(rank, np.array([0, 0, 1, 1])).tolist() == [1, 0, 1, 0]
    assert ranks_within(rank, np.array([0, 1, 0, 0])).tolist() == [0, 0, 2, 1]


@given(SCORES, st.integers(0, 99))
def test_ranks_are_a_strict_order_that_follows_the_score(score: np.ndarray, seed: int) -> None:
    rank = ranks(score, np.random.default_rng(seed))
    assert sorted(rank.tolist()) == list(range(len(score)))
    assert (np.diff(score[np.argsort(rank)]) >= 0).all()
    assert np.array_equal(rank, ranks(score, np.random.default_rng(seed)))


def test_ties_are_broken_by_the_seed_and_evenly() -> None:
    score = np.zeros(4)
    orders = [ranks(score, np.random.default_rng(seed)) for seed in range(400)]
    assert len({tuple(order) for order in orders}) == 24
    assert (np.abs(np.mean(orders, axis=0) - 1.5) < 0.25).all()


@given(SCORES, st.data())
def test_ranks_within_a_class_count_from_zero_in_the_overall_order(score: np.ndarray, data: st.DataObject) -> None:
    label = data.draw(hnp.arrays(np.int16, len(score), elements=st.integers(0, 3)))
    rank = ranks(score, np.random.default_rng(0))
    within = ranks_within(rank, label)
    for value in np.unique(label):
        members = np.flatnonzero(label == value)
        assert sorted(within[members].tolist()) == list(range(len(members)))
        assert np.array_equal(np.argsort(within[members]), np.argsort(rank[members]))

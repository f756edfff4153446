"""ERM with the steps of another plan: whole passes over its own samples first, then part of one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.methods.erm_matched import Method
from tests.recipes import TRAINING, context


def method(samples: int, other_visits: int, batch_size: int = 8) -> Method:
    return Method(replace(context(np.ones(samples), TRAINING | {"batch_size": batch_size}), other_visits=other_visits))


@pytest.mark.parametrize(("samples", "other", "sizes"), [(20, 9, [8, 1]), (5, 12, [8, 4]), (8, 8, [8])])
def test_an_epoch_has_the_visits_of_the_other_plan(samples: int, other: int, sizes: list[int]) -> None:
    one = method(samples, other)
    assert [len(rows) for rows in one.batches(1, np.random.default_rng(0))] == sizes
    assert one.num_batches(1) == len(sizes)


@given(samples=st.integers(1, 30), other=st.integers(1, 100), seed=st.integers(0, 9))
def test_no_sample_is_visited_twice_more_than_another(samples: int, other: int, seed: int) -> None:
    rows = np.concatenate(method(samples, other).batches(1, np.random.default_rng(seed)))
    count = np.bincount(rows, minlength=samples)
    assert len(rows) == other and count.max() - count.min() <= 1


def test_epochs_visit_other_samples() -> None:
    one = method(100, 10)
    first, second = (np.concatenate(one.batches(epoch, np.random.default_rng(epoch))).tolist() for epoch in (1, 2))
    assert set(first) != set(second)

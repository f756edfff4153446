"""Progressive data expansion: which samples are active when."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.dag import plugins
from spurprune.errors import TrainingError
from spurprune.methods.pde import Method
from spurprune.training import optim
from spurprune.training.recipe import Stream
from tests.recipes import TRAINING, context

PARTS = ("a", "b", "empty", "c")
PART = np.array([0, 3, 1, 0, 0, 3, 1, 0, 1, 0])  # sizes 5, 3, 0, 2


def method(part: np.ndarray = PART, weight: np.ndarray | None = None, epochs: int = 20, **options: Any) -> Method:
    changes = {"stream": Stream((options.pop("repeat", 0),))}
    given = plugins.defaults("methods", "pde") | {"warm_up": 3, "every": 2, "add": 3} | options
    kept = np.ones(len(part)) if weight is None else weight
    return Method(context(kept, TRAINING | {"epochs": epochs, "batch_size": 4}, part=part, parts=PARTS, options=given, **changes))


def visited(of: Method, epoch: int) -> list[int]:
    found: list[int] = sorted(np.concatenate(of.batches(epoch, np.random.default_rng(epoch))).tolist())
    return found


def test_the_warm_up_takes_as_many_of_every_part_as_the_smallest_has() -> None:
    one = method()
    assert np.bincount(PART[one.rows(1)], minlength=4).tolist() == [2, 2, 0, 2]
    assert visited(one, 1) == visited(one, 3) == sorted(one.rows(1).tolist())


def test_expansions_come_when_they_are_due_until_nothing_is_left() -> None:
    """6 samples in epochs 1 to 3, 3 more from epoch 4 on, the last one from epoch 6 on."""
    one = method()
    assert [len(visited(one, epoch)) for epoch in range(1, 10)] == [6, 6, 6, 9, 9, 10, 10, 10, 10]
    assert [one.num_batches(epoch) for epoch in range(1, 10)] == [2, 2, 2, 3, 3, 3, 3, 3, 3]
    assert visited(one, 6) == visited(one, 20) == list(range(10))


def test_the_published_schedule_has_sixteen_expansions() -> None:
    """Waterbirds: before epochs 140, 150, … 290 of 300, counted from 0, each of 10 samples."""
    part = np.repeat([0, 1], [400, 100])
    one = method(part, epochs=300, warm_up=140, every=10, add=10)
    sizes = [len(one.rows(epoch)) for epoch in range(1, 301)]
    growing = [epoch for epoch in range(1, 300) if sizes[epoch] > sizes[epoch - 1]]
    assert growing == list(range(140, 300, 10)) and sizes[139] == 200 and sizes[140] == 210 and sizes[-1] == 360
    drop = {"name": "step", "milestones": [140], "factor": 0.01}
    assert [optim.learning_rate(1.0, drop, epoch, 0, 1) for epoch in (140, 141)] == [1.0, 0.01], "in the epoch of the first expansion"


WEIGHTS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=40)


@given(WEIGHTS, st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.sampled_from(["paper", "code"]), st.integers(0, 9))
def test_active_sets_grow_and_hold_only_what_the_plan_keeps(
    samples: list[tuple[int, bool]], warm_up: int, every: int, add: int, variant: str, repeat: int
) -> None:
    part, weight = np.array([part for part, _ in samples]), np.array([float(kept) for _, kept in samples])
    if len(set(part[weight > 0].tolist())) < 2:
        with pytest.raises(TrainingError, match=r"All samples that the plan keeps|leaves no training sample"):
            method(part, weight)
        return
    one = method(part, weight, warm_up=warm_up, every=every, add=add, variant=variant, repeat=repeat)
    kept = np.flatnonzero(weight)
    for epoch in range(1, 20):
        rows, later = one.rows(epoch), one.rows(epoch + 1)
        assert np.array_equal(rows, later[: len(rows)]) and set(rows.tolist()) <= set(kept.tolist())
        assert len(later) - len(rows) in ((0, add) if set(later.tolist()) < set(kept.tolist()) else range(add + 1))
        assert len(one.batches(epoch, np.random.default_rng(0))) == one.num_batches(epoch)
        if variant == "paper":
            assert len(set(rows.tolist())) == len(rows)
            expansions = 0 if epoch <= warm_up else 1 + (epoch - 1 - warm_up) // every
            assert len(rows) == min(len(one.rows(1)) + expansions * add, len(kept))


def test_the_paper_adds_without_replacement_and_the_code_with() -> None:
    part = np.repeat([0, 1], [300, 2])
    paper, code = (method(part, warm_up=1, every=1, add=100, epochs=4, variant=variant) for variant in ("paper", "code"))
    assert [len(np.unique(paper.rows(epoch))) for epoch in (1, 2, 3, 4)] == [4, 104, 204, 302]
    assert [len(code.rows(epoch)) for epoch in (1, 2, 3)] == [4, 104, 204]
    rows = code.rows(3)
    warm_up, first, second = (set(part.tolist()) for part in np.split(rows, [4, 104]))
    assert len(first) < 100 and len(second) < 100, "some samples are added twice at once"
    assert not warm_up & first and not (warm_up | first) & second, "but never again"
    assert visited(code, 3) == sorted(rows.tolist()), "and visited as often"


def test_active_sets_depend_on_the_repeat_and_the_epoch_alone() -> None:
    part = np.repeat([0, 1], [90, 10])
    one, again, other = (method(part, repeat=repeat) for repeat in (0, 0, 1))
    again.batches(9, np.random.default_rng(5))
    for epoch in (9, 1, 4):
        assert np.array_equal(one.rows(epoch), again.rows(epoch))
        assert set(one.rows(epoch).tolist()) != set(other.rows(epoch).tolist())
    orders = [np.concatenate(one.batches(2, np.random.default_rng(seed))).tolist() for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert one.state() == {}


def test_one_part_alone_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(TrainingError, match="in part 'a' of 'groups'") as error:
        method(weight=np.where(PART == 0, 1.0, 0.0))
    assert_one_sentence(str(error.value))

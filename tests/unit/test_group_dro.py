"""Group DRO: weights move towards the worst part; every part is drawn equally often; what it cannot use is refused."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from spurprune.dag import plugins
from spurprune.errors import TrainingError
from spurprune.methods.group_dro import Method
from spurprune.training.method import Batch
from tests.recipes import TRAINING, context

PARTS = ("a", "b", "c", "empty")
PART = np.array([0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2])  # sizes 4, 1, 9, 0
LOSSES = {0: math.log(2), 1: math.log(4), 2: math.log(8)}  # of a sample with the logits below, by part


def method(weight: np.ndarray | None = None, visits: str = "exact", training: dict[str, Any] = TRAINING, **options: Any) -> Method:
    given = {**plugins.defaults("methods", "group_dro"), "eta": 1.0, "sampling": "plan"} | options
    kept = np.ones(len(PART)) if weight is None else weight
    return Method(context(kept, training, visits=visits, part=PART, parts=PARTS, options=given))


def batch(*rows: int) -> Batch:
    """Two classes; the first is right, with a cross-entropy that depends on the row's part."""
    p = torch.tensor([math.exp(-LOSSES[int(PART[row])]) for row in rows])
    logits = torch.stack([p.log(), (1 - p).log()], dim=1).requires_grad_()
    return Batch(torch.tensor(rows), torch.zeros(len(rows), dtype=torch.int64), logits, torch.zeros(len(rows), 1))


def q(of: Method) -> list[float]:
    return of.log_q.exp().tolist()


def test_weights_start_equal_for_parts_with_samples() -> None:
    assert q(method()) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert q(method(np.where(PART == 1, 0.0, 1.0))) == pytest.approx([1 / 2, 0, 1 / 2, 0]), "b is pruned"


def test_one_batch_by_hand() -> None:
    """With eta 1, q is multiplied by exp(loss) = 2, 4, 8, before it weights: (2, 4, 8) / 14 of log 2, 2 log 2, 3 log 2."""
    one = method()
    loss = one.loss(batch(0, 1, 4, 5))
    assert q(one) == pytest.approx([2 / 14, 4 / 14, 8 / 14, 0])
    assert loss.item() == pytest.approx((2 + 8 + 24) / 14 * math.log(2))


def test_losses_are_means_over_a_parts_samples_and_smoothing_is_the_recipes() -> None:
    """Label smoothing 0.2 gives a target of 0.9 for the first class."""
    smooth = method(training=TRAINING | {"label_smoothing": 0.2})
    expected = -(0.9 * math.log(1 / 2) + 0.1 * math.log(1 / 2)), -(0.9 * math.log(1 / 4) + 0.1 * math.log(3 / 4))
    weights = [math.exp(value) for value in (*expected, 0)]
    loss = smooth.loss(batch(0, 1, 2, 4))
    assert loss.item() == pytest.approx((weights[0] * expected[0] + weights[1] * expected[1]) / sum(weights), rel=1e-5)


def test_the_adjustment_raises_small_parts_also_absent_ones() -> None:
    """C / sqrt(n) is 6/2, 6/1, 6/3 for parts of 4, 1, 9 samples; the batch has b alone."""
    one = method(adjustment=6.0)
    loss = one.loss(batch(4))
    weights = [math.exp(3), math.exp(6) * 4, math.exp(2)]
    assert q(one) == pytest.approx([*(weight / sum(weights) for weight in weights), 0])
    assert loss.item() == pytest.approx(weights[1] / sum(weights) * math.log(4)), "the adjustment is no part of the loss"


def test_part_sizes_are_visits_of_the_plan() -> None:
    """Weights of 4 make the 4 samples of a 16 visits, pruning leaves c 4 of 9."""
    weight = np.where(PART == 0, 4.0, np.where(np.arange(len(PART)) >= 9, 0.0, 1.0))
    assert method(weight, adjustment=6.0).bonus.tolist() == [6 / 4, 6 / 1, 6 / 2, 6]


def test_a_part_that_is_absent_from_the_batch_gives_no_nan() -> None:
    one, seen = method(), batch(0)
    loss = one.loss(seen)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2) * 2 / 4) and seen.logits.grad is not None
    assert torch.isfinite(seen.logits.grad).all() and q(one) == pytest.approx([2 / 4, 1 / 4, 1 / 4, 0])


def test_weights_carry_no_gradient() -> None:
    """The gradient is that of q times the loss, with q fixed."""
    one, seen = method(), batch(0, 4, 5)
    one.loss(seen).backward()
    assert seen.logits.grad is not None
    gradient = torch.tensor([[1 / 2 - 1, 1 / 2], [1 / 4 - 1, 3 / 4], [1 / 8 - 1, 7 / 8]])
    torch.testing.assert_close(seen.logits.grad, torch.tensor(q(one)[:3])[:, None] * gradient)


@given(st.lists(st.sampled_from(range(len(PART))), min_size=1, max_size=8), st.floats(0.01, 10))
def test_weights_move_towards_the_worst_part(rows: list[int], eta: float) -> None:
    one = method(eta=eta)
    found = [q(one)]
    for _ in range(3):
        one.loss(batch(*rows))
        found.append(q(one))
    present = {int(PART[row]) for row in rows}
    losses = {part: LOSSES[part] if part in present else 0.0 for part in LOSSES}
    worst, best = max(losses, key=lambda part: losses[part]), min(losses, key=lambda part: losses[part])
    for before, after in pairwise(found):
        assert sum(after) == pytest.approx(1) and after[3] == 0
        assert after[worst] >= before[worst] and after[best] <= before[best]
    assert losses[worst] == losses[best] or found[-1][worst] > found[0][worst]


def test_weights_survive_huge_losses_and_long_neglect() -> None:
    """After b dominated far beyond float32, another part can still take over."""
    one = method(eta=1000.0)
    for _ in range(200):
        one.loss(batch(4))
    assert q(one) == [0, 1, 0, 0]
    for _ in range(200):
        loss = one.loss(batch(5))
    assert q(one) == [0, 0, 1, 0] and math.isfinite(loss.item())


def test_state_is_restored_in_place() -> None:
    """A recorded step holds the tensor itself."""
    one, other = method(), method()
    one.loss(batch(4))
    held = other.log_q
    other.restore({name: value.clone() for name, value in one.state().items()})
    assert other.log_q is held and q(other) == q(one) != q(method())


def test_balanced_sampling_draws_parts_equally_often() -> None:
    """As many visits as the plan has; within a part, samples by their weights, none of weight 0."""
    weight = np.where(PART == 0, np.array([0, 1, 3, 0] + [0] * 10), np.where(PART == 2, 2.0, 5.0))
    one = method(weight, sampling="balanced")
    drawn = np.stack([np.concatenate(one.batches(epoch, np.random.default_rng(epoch))) for epoch in range(1, 101)])
    assert drawn.shape == (100, 27) and one.num_batches(1) == len(one.batches(1, np.random.default_rng(0))) == 4
    times = np.bincount(drawn.ravel(), minlength=len(PART))
    assert times[[0, 3]].tolist() == [0, 0]
    share = np.array([0, 1 / 12, 3 / 12, 0, 1 / 3, *[1 / 27] * 9])
    assert chisquare(times[share > 0], 2700 * share[share > 0]).pvalue > 0.01


def test_otherwise_the_plan_decides_the_visits() -> None:
    weight = np.arange(len(PART)).astype(np.float64)
    rows = np.concatenate(method(weight).batches(1, np.random.default_rng(0)))
    assert np.bincount(rows, minlength=len(PART)).tolist() == weight.tolist()


def test_balanced_sampling_takes_drawn_plans() -> None:
    one = method(np.full(len(PART), 0.5), visits="drawn", sampling="balanced")
    assert len(np.concatenate(one.batches(1, np.random.default_rng(0)))) == 7


@pytest.mark.parametrize("sampling", ["balanced", "plan"])
def test_a_single_part_is_refused(sampling: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(TrainingError, match="All samples that the plan keeps are in part 'c' of 'groups'") as error:
        method(np.where(PART == 2, 1.0, 0.0), sampling=sampling)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("sampling", ["balanced", "plan"])
def test_weights_that_are_no_visits_are_refused(sampling: str) -> None:
    with pytest.raises(TrainingError, match="exact visits need whole numbers"):
        method(np.full(len(PART), 0.5), sampling=sampling)

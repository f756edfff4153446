"""ERM: a weight is how often a sample is visited."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from spurprune.errors import TrainingError
from spurprune.methods.erm import Method
from spurprune.training.method import Batch
from tests.recipes import TRAINING, context


def test_exact_weights_are_visits_per_epoch() -> None:
    method = Method(context(np.array([1, 0, 3, 1], dtype=np.float32)))
    batches = method.batches(1, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == [0, 2, 2, 2, 3]
    assert all(rows.dtype == np.int64 for rows in batches)


def test_fractional_weights_are_drawn_or_refused_as_the_plan_says() -> None:
    weight = np.array([0.5, 0.0, 5.0])
    with pytest.raises(TrainingError, match=r"one training sample is 0\.5"):
        Method(context(weight))
    rows = np.concatenate(Method(context(weight, visits="drawn")).batches(1, np.random.default_rng(0)))
    assert len(rows) == 6 and set(rows.tolist()) <= {0, 2}


@pytest.mark.parametrize(("samples", "sizes"), [(50, [8] * 6 + [2]), (16, [8, 8]), (3, [3])])
def test_an_epoch_is_cut_into_batches(samples: int, sizes: list[int]) -> None:
    method = Method(context(np.ones(samples), TRAINING | {"batch_size": 8}))
    assert [len(rows) for rows in method.batches(1, np.random.default_rng(0))] == sizes
    assert method.num_batches(1) == method.num_batches(7) == len(sizes)


def test_one_visit_is_too_few_for_batch_normalisation(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(TrainingError, match="leaves 1 visit an epoch, but the network has batch normalisation") as error:
        Method(replace(context(np.array([0.0, 1.0])), least_batch=2))
    assert_one_sentence(str(error.value))


def test_each_epoch_has_the_order_of_its_generator() -> None:
    method = Method(context(np.ones(50)))
    orders = [np.concatenate(method.batches(epoch, np.random.default_rng(seed))).tolist() for epoch, seed in ((1, 0), (1, 0), (2, 1))]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == list(range(50))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_cross_entropy(smoothing: float) -> None:
    method = Method(context(np.ones(2), TRAINING | {"label_smoothing": smoothing}))
    logits, none = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]]), torch.zeros(2, dtype=torch.int64)
    target = 1 - smoothing / 2
    first = -(target * math.log(3 / 4) + (1 - target) * math.log(1 / 4))
    loss = method.loss(Batch(rows=none, label=torch.tensor([0, 1]), logits=logits, features=torch.zeros(2, 3)))
    assert loss.item() == pytest.approx((first + math.log(2)) / 2)

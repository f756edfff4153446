"""ERM: a weight is how often a sample is visited."""

import math

import numpy as np
import pytest
import torch

from spurprune.methods.erm import Method

LABELS_AS_GIVEN = {"label_smoothing": 0.0}


def test_weights_are_visits_an_epoch() -> None:
    method = Method(np.array([1, 0, 3, 1], dtype=np.float32), LABELS_AS_GIVEN)
    rows = method.epoch_rows(1, np.random.default_rng(0))
    assert sorted(rows.tolist()) == [0, 2, 2, 2, 3] and rows.dtype == np.int64


def test_each_epoch_has_the_order_of_its_generator() -> None:
    method = Method(np.ones(50), LABELS_AS_GIVEN)
    orders = [method.epoch_rows(epoch, np.random.default_rng(seed)).tolist() for epoch, seed in ((1, 0), (1, 0), (2, 1))]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == list(range(50))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_cross_entropy(smoothing: float) -> None:
    method = Method(np.ones(2), {"label_smoothing": smoothing})
    logits = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]])
    empty = torch.zeros(2, dtype=torch.int64)
    target = 1 - smoothing / 2
    first = -(target * math.log(3 / 4) + (1 - target) * math.log(1 / 4))
    assert method.loss(logits, torch.tensor([0, 1]), empty, empty).item() == pytest.approx((first + math.log(2)) / 2)

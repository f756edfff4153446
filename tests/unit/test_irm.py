"""Invariant risk minimisation: the penalty against torch's second derivatives, the loss by its parts, the warm-up, and what it learns."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from spurprune.dag import plugins
from spurprune.errors import TrainingError
from spurprune.methods.irm import Method, slopes
from spurprune.models.networks import mlp
from spurprune.training.data import Data, Vectors
from spurprune.training.loop import Training, fit
from spurprune.training.method import Batch
from spurprune.training.recipe import Recipe, Stream
from tests.recipes import TRAINING, context

TWO = {"parts": ("first", "second")}


def test_slopes_are_derivatives_by_a_factor_of_the_logits() -> None:
    torch.manual_seed(0)
    logits, label = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    for i in range(5):
        factor = torch.ones((), requires_grad=True)
        functional.cross_entropy(logits[i : i + 1] * factor, label[i : i + 1]).backward()
        assert factor.grad is not None
        assert slopes(logits, label)[i].item() == pytest.approx(factor.grad.item(), abs=1e-6)


@pytest.mark.parametrize(("epoch", "weight"), [(3, 1.0), (4, 50.0)])
def test_the_loss_is_made_of_risks_penalties_and_decay(epoch: int, weight: float) -> None:
    torch.manual_seed(0)
    label, part = np.array([0, 1, 0, 1, 1]), np.array([0, 0, 1, 1, 1])
    options = plugins.defaults("methods", "irm") | {"penalty": 50.0, "warm_up": 3, "l2": 0.01}
    one = Method(context(np.ones(5), label=label, part=part, options=options, **TWO))
    network = one.prepare(mlp.build((4,), 2, [3]))
    one.batches(epoch, np.random.default_rng(0))
    logits = torch.randn(5, 2)
    found = one.loss(Batch(torch.arange(5), torch.from_numpy(label), logits, logits))
    expected = 0.0
    for rows in ([0, 1], [2, 3, 4]):
        of, labels = logits[rows], torch.from_numpy(label[rows])
        expected += (functional.cross_entropy(of, labels).item() + weight * slopes(of, labels).mean().item() ** 2) / 2
    expected += 0.01 * sum(one.square().sum().item() for one in network.parameters())
    assert found.item() == pytest.approx(expected / weight, rel=1e-5)


def test_a_batch_of_one_part_counts_it_alone() -> None:
    options = plugins.defaults("methods", "irm") | {"penalty": 0.0, "warm_up": 0, "l2": 0.0}
    one = Method(context(np.ones(3), label=np.array([0, 1, 1]), part=np.array([0, 1, 1]), options=options, **TWO))
    one.prepare(mlp.build((4,), 2, []))
    one.batches(1, np.random.default_rng(0))
    logits, label = torch.tensor([[1.0, 2.0], [0.5, -1.0]]), torch.tensor([1, 1])
    assert one.loss(Batch(torch.tensor([1, 2]), label, logits, logits)).item() == pytest.approx(
        functional.cross_entropy(logits, label).item()
    )


def test_one_environment_is_refused() -> None:
    with pytest.raises(TrainingError, match="no parts to compare"):
        Method(context(np.ones(2), part=np.array([0, 0]), options=plugins.defaults("methods", "irm"), **TWO))


def test_it_prefers_the_input_that_is_as_telling_everywhere() -> None:
    """Shape is right for 75% in both environments, colour for 90 and 80%: ERM goes by colour, IRM by shape (Arjovsky et al. 2019)."""
    rng = np.random.default_rng(0)
    n = 2000
    part = np.repeat([0, 1], n // 2)
    label = rng.integers(0, 2, n)
    shape = np.where(rng.random(n) < 0.75, label, 1 - label)
    colour = np.where(rng.random(n) < np.array([0.9, 0.8])[part], label, 1 - label)
    values = torch.from_numpy(2.0 * np.stack([shape, colour], axis=1) - 1).float()
    training = TRAINING | {
        "epochs": 600,
        "batch_size": n,
        "optimizer": {"name": "adam", "lr": 0.02, "weight_decay": 0.0},
        "augmentation": {"name": "none"},
    }
    data = Data.of(values, torch.from_numpy(label), torch.zeros(n, dtype=torch.int64))
    reliance = {}
    for kind in ("erm", "irm"):
        options = plugins.defaults("methods", kind) | ({"penalty": 9100.0, "warm_up": 100} if kind == "irm" else {})
        of = context(np.ones(n), training, label=label, part=part, options=options, **TWO)
        one = plugins.load("methods", kind).Method(of)
        torch.manual_seed(0)
        network = one.prepare(mlp.build((2,), 2, []))
        fit(network, Training(data, Vectors(), one, Recipe.of(training), Stream((0,)), "here"), lambda epoch, model: [])
        by_shape, by_colour = (network.classifier.weight[1] - network.classifier.weight[0]).tolist()
        reliance[kind] = by_colour / by_shape
    assert reliance["erm"] > 1.2 and abs(reliance["irm"]) < 0.5 * reliance["erm"], reliance

"""Evaluating a network: dynamics by hand, and an unchanged network."""

import math

import numpy as np
import pytest
import torch

from spurprune.models.networks import small_cnn
from spurprune.training.data import Data, Pixels
from spurprune.training.observe import dynamics_of, observe, summary

PIXELS = Pixels.of([0.5], [0.25], torch.device("cpu"))


def data(n: int = 10) -> Data:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return Data.of(images, torch.arange(n) % 3, torch.arange(n) % 2)


def test_dynamics_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0], [0.0, math.log(3)]])
    found = dynamics_of(logits, torch.tensor([0, 0, 0]))
    # The true class's probabilities are 1/2, 3/4 and 1/4; with two classes the error is √2 times one minus these.
    np.testing.assert_allclose(found["loss"], [math.log(2), math.log(4 / 3), math.log(4)], rtol=1e-6)
    np.testing.assert_allclose(found["error"], [math.sqrt(2) / 2, math.sqrt(2) / 4, 3 * math.sqrt(2) / 4], rtol=1e-6)
    np.testing.assert_allclose(found["margin"], [0, math.log(3), -math.log(3)], rtol=1e-6, atol=1e-7)
    assert found["predicted"].tolist() == [0, 0, 1], "of equal logits the first class's counts"
    assert {name: str(values.dtype) for name, values in found.items()} == {
        "loss": "float32",
        "error": "float32",
        "margin": "float32",
        "predicted": "int16",
    }


def test_dynamics_of_three_classes() -> None:
    found = dynamics_of(torch.log(torch.tensor([[0.2, 0.5, 0.3]])), torch.tensor([2]))
    assert found["error"][0] == pytest.approx(math.sqrt(0.2**2 + 0.5**2 + 0.7**2))
    assert found["margin"][0] == pytest.approx(math.log(0.3 / 0.5))
    assert found["loss"][0] == pytest.approx(-math.log(0.3))


def test_dynamics_stay_finite_for_extreme_logits() -> None:
    found = dynamics_of(torch.tensor([[1e4, -1e4], [-1e4, 1e4]]), torch.tensor([0, 0]))
    assert all(np.isfinite(values).all() for values in found.values())
    assert found["error"].tolist() == pytest.approx([0, math.sqrt(2)])
    assert found["loss"].tolist() == pytest.approx([0, 2e4])


def test_dynamics_do_not_change_the_logits() -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    before = logits.clone()
    dynamics_of(logits, torch.tensor([0, 1, 2, 0]))
    assert torch.equal(logits, before)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_evaluated_in_eval_mode_and_keeps_its_own(training: bool) -> None:
    model = small_cnn.build((1, 8, 8), 3, [2, 2, 4]).train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    seen = observe(model, data(), PIXELS, batch_size=4)
    assert model.training is training and all(module.training is training for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items()), "batch norm's averages moved"
    model.eval()
    with torch.no_grad():
        features = model.features(PIXELS.prepare(data().inputs.values))
    torch.testing.assert_close(seen.logits, model.classifier(features).detach())
    torch.testing.assert_close(seen.feature_norm, features.square().sum(dim=1).sqrt())
    assert not seen.logits.requires_grad


def test_a_samples_outputs_do_not_depend_on_its_batch() -> None:
    model = small_cnn.build((1, 8, 8), 3, [2, 2, 4])
    whole, parts = (observe(model, data(), PIXELS, batch_size).logits for batch_size in (10, 3))
    torch.testing.assert_close(whole, parts)


def test_a_summary_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    label, group, carrier = torch.tensor([0, 0, 1, 2, 0]), torch.tensor([0, 0, 2, -1, 0]), torch.tensor([0, 0, 1, -1, 1])
    right, wrong = math.log(1 + 2 * math.exp(-2)), math.log(2 + math.exp(2))
    records = summary(logits, label=label, group=group, carrier=carrier, source_label=1)
    loss = [record.pop("loss") for record in records]
    assert records == [
        {"label": 0, "group": 0, "carrier": False, "n": 2, "n_correct": 1, "n_as_source": 1},
        {"label": 0, "group": 0, "carrier": True, "n": 1, "n_correct": 1, "n_as_source": 0},
        {"label": 1, "group": 2, "carrier": True, "n": 1, "n_correct": 1, "n_as_source": 1},
        {"label": 2, "group": None, "carrier": None, "n": 1, "n_correct": 0, "n_as_source": 0},
    ]
    assert loss == pytest.approx([(right + wrong) / 2, math.log(3), right, math.log(3)])


def test_without_a_source_nothing_is_counted_as_it() -> None:
    one = torch.zeros(1, dtype=torch.int64)
    records = summary(torch.zeros(1, 2), label=one, group=one, carrier=one, source_label=None)
    assert [record["n_as_source"] for record in records] == [None]

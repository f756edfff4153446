"""Group influence: products with the Hessian, LiSSA on a quadratic, and removal against refits."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spurprune.errors import TrainingError
from spurprune.training import influence
from spurprune.training.influence import Lissa, Weights

CPU = torch.device("cpu")


def without(loss: influence.Loss, weights: Weights, *given: Any, **options: Any) -> Weights:
    """The weights after the step that removes a group."""
    return influence.moved(weights, influence.step_without(loss, weights, *given, **options))


def small() -> tuple[influence.Loss, Weights, Tensor, Tensor]:
    """A network of 20 parameters, its loss, and seven samples."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2)).double()
    assert sum(value.numel() for value in model.parameters()) == 20
    return influence.cross_entropy_of(model), influence.weights_of(model), torch.randn(7, 3).double(), torch.randint(0, 2, (7,))


def test_products_are_those_of_the_dense_hessian() -> None:
    loss, weights, inputs, label = small()
    whole = influence.dense_hessian(loss, weights, inputs, label)
    assert whole.shape == (20, 20)
    torch.testing.assert_close(whole, whole.T)
    vector = {name: torch.randn_like(value) for name, value in weights.items()}
    product = influence.flatten(influence.hessian_vector(loss, weights, inputs, label, vector))
    torch.testing.assert_close(product, whole @ influence.flatten(vector), rtol=0, atol=1e-10)
    in_single = [{name: value.float() for name, value in of.items()} for of in (weights, vector)]
    single = influence.flatten(influence.hessian_vector(loss, in_single[0], inputs.float(), label, in_single[1]))
    torch.testing.assert_close(single.double(), product, rtol=0, atol=1e-4)


def test_the_dense_hessian_of_a_quadratic_is_its_matrix() -> None:
    matrix = torch.tensor([[2.0, 1.0], [1.0, 3.0]])

    def loss(weights: Weights, inputs: Tensor, target: Tensor) -> Tensor:
        return 0.5 * weights["w"] @ matrix @ weights["w"]

    nothing = torch.zeros(1)
    assert torch.equal(influence.dense_hessian(loss, {"w": torch.ones(2)}, nothing, nothing), matrix)


@pytest.mark.parametrize("divide", [True, False])
def test_lissa_on_a_quadratic_inverts_the_damped_hessian(divide: bool) -> None:
    matrix = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]]).double()
    gradient = {"w": torch.tensor([1.0, -2.0, 0.5]).double()}
    options = Lissa(depth=3000, damp=0.01, scale=25.0, divide_by_scale=divide)
    found = influence.lissa(gradient, lambda vector: {"w": matrix @ vector["w"]}, options)["w"]
    expected = torch.linalg.solve(matrix + 0.01 * 25.0 * torch.eye(3).double(), gradient["w"]) * (1.0 if divide else 25.0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_lissa_begins_with_the_gradient() -> None:
    matrix, gradient = torch.tensor([[2.0, 1.0], [1.0, 3.0]]).double(), torch.tensor([1.0, -2.0]).double()
    found = influence.lissa({"w": gradient}, lambda vector: {"w": matrix @ vector["w"]}, Lissa(depth=1, damp=0.1, scale=5.0))["w"]
    # h₀ = (1, −2), H h₀ = (0, −5), so h₁ = (1, −2) + 0.9 · (1, −2) − (0, −5) / 5 = (1.9, −2.8), divided by the scale
    torch.testing.assert_close(found, torch.tensor([0.38, -0.56], dtype=torch.float64), rtol=0, atol=1e-12)


def test_every_recursion_draws_samples_of_its_own() -> None:
    """The loss w² x²/2 has the Hessian x² of its sample, so recursions of depth 1 that share a sample would end alike."""
    seen: list[Tensor] = []

    def loss(weights: Weights, inputs: Tensor, target: Tensor) -> Tensor:
        return (weights["w"] ** 2 * inputs[:, 0] ** 2).sum() / 2 + 0 * target.sum()

    class Drawing(np.random.Generator):
        def integers(self, *given: object, **options: object) -> np.ndarray:  # type: ignore[override]
            drawn: np.ndarray = super().integers(*given, **options)  # type: ignore[call-overload]
            seen.append(torch.from_numpy(drawn))
            return drawn

    inputs, target = torch.arange(1.0, 101.0).double()[:, None], torch.zeros(100)
    rng = Drawing(np.random.PCG64(0))
    after = without(loss, {"w": torch.ones(1).double()}, inputs, target, np.arange(3), options=Lissa(1, 0.0, 1e6, 4), rng=rng)
    (drawn,) = seen
    assert drawn.shape == (12,) and len(drawn.unique()) > 6, "one for each of three samples' four recursions"
    gradient = torch.tensor([1.0, 4.0, 9.0]).double().repeat_interleave(4)
    step = (2 * gradient - (drawn + 1.0) ** 2 * gradient / 1e6).sum() / 1e6 / (4 * 0.97 * 100)
    torch.testing.assert_close(after["w"], 1 + step[None], rtol=0, atol=1e-14)


def test_the_loss_is_that_of_the_network_in_eval_mode() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 2)).train()
    loss, x, y = influence.cross_entropy_of(model), torch.randn(8, 4), torch.randint(0, 2, (8,))
    assert not model.training
    torch.testing.assert_close(loss(influence.weights_of(model), x, y), loss(influence.weights_of(model), x, y), rtol=0, atol=0)


def squares(weights: Weights, inputs: Tensor, target: Tensor) -> Tensor:
    """The loss of ridge regression."""
    return ((inputs @ weights["w"] - target) ** 2).mean() + 0.1 * (weights["w"] ** 2).sum()


def refit(inputs: Tensor, target: Tensor) -> Tensor:
    """The weights that minimise ``squares``."""
    gram = inputs.T @ inputs / len(target) + 0.1 * torch.eye(inputs.shape[1]).double()
    return torch.linalg.solve(gram, inputs.T @ target / len(target))


def test_removal_correlates_with_refits_without_the_group() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 5, generator=generator).double()
    target = inputs @ torch.arange(5).double() + torch.randn(200, generator=generator).double()
    weights = {"w": refit(inputs, target)}
    options = Lissa(depth=250, scale=60.0, damp=0.0, repetitions=10)
    predicted, actual = [], []
    for seed in range(4):
        group = np.random.default_rng(seed).choice(200, 8, replace=False)
        left = np.setdiff1d(np.arange(200), group)
        rng = np.random.default_rng(seed)
        found = without(squares, weights, inputs, target, group, options=options, rng=rng, at_once=80)
        predicted.append(found["w"] - weights["w"])
        actual.append(refit(inputs[left], target[left]) - weights["w"])
    correlation = float(torch.corrcoef(torch.stack([torch.cat(predicted), torch.cat(actual)]))[0, 1])
    assert correlation >= 0.95


def test_removal_reports_its_progress_and_does_not_depend_on_batches_but_for_draws() -> None:
    loss, weights, inputs, label = small()
    heard: list[None] = []
    options = Lissa(depth=2, repetitions=3)
    whole = without(
        loss,
        weights,
        inputs,
        label,
        np.array([1, 4]),
        options=options,
        rng=np.random.default_rng(0),
        at_once=4,
        progress=lambda: heard.append(None),
    )
    assert len(heard) == influence.steps(2, options, at_once=4) == 4, "six recursions of depth two, four at once"
    assert {name: value.shape for name, value in whole.items()} == {name: value.shape for name, value in weights.items()}


def test_without_curvature_removal_is_a_step_along_the_gradients() -> None:
    """With a Hessian of zero and a damping of one, h stays g: the step is the sum of gradients / scale / ((1 - p) N)."""

    def linear(weights: Weights, inputs: Tensor, target: Tensor) -> Tensor:
        return (inputs @ weights["w"]).mean()

    inputs = torch.tensor([[1.0, 0.0], [0.0, 2.0], [5.0, 5.0], [7.0, 7.0]])
    options = Lissa(depth=3, damp=1.0, scale=2.0, repetitions=2)
    found = without(linear, {"w": torch.zeros(2)}, inputs, torch.zeros(4), np.array([0, 1]), options=options, rng=np.random.default_rng(0))
    torch.testing.assert_close(found["w"], torch.tensor([1.0, 2.0]) / 2 / (0.5 * 4))


def test_a_scale_that_is_too_small_is_an_error_that_says_so() -> None:
    inputs, target = 30 * torch.ones(6, 2), torch.zeros(6)
    options = Lissa(depth=400, scale=0.5, repetitions=1)
    with pytest.raises(TrainingError, match=r"LiSSA diverged with a scale of 0\.5; raise it\."):
        without(squares, {"w": torch.ones(2)}, inputs, target, np.array([0]), options=options, rng=np.random.default_rng(0))


@pytest.mark.parametrize("group", [[], [0, 1, 2, 3, 4, 5, 6]])
def test_neither_nobody_nor_everybody_can_be_removed(group: list[int]) -> None:
    loss, weights, inputs, label = small()
    with pytest.raises(ValueError, match="cannot be removed"):
        without(loss, weights, inputs, label, np.array(group, dtype=int), options=Lissa(), rng=np.random.default_rng(0))


def test_depths_are_the_authors() -> None:
    assert [influence.depth_of(n) for n in (1, 99, 100, 5000)] == [2000, 2000, 1000, 1000]
    assert [influence.depth_of(n, deepest=1000) for n in (3, 500)] == [1000, 1000]
    assert math.isclose(Lissa().damp, 0.01) and (Lissa().scale, Lissa().repetitions, Lissa().divide_by_scale) == (25.0, 10, True)


def test_a_step_too_small_to_change_the_weights_still_has_a_size() -> None:
    weights, step = {"w": torch.tensor([3.0, 4.0])}, {"w": torch.tensor([3e-12, 4e-12])}
    assert torch.equal(influence.moved(weights, step)["w"], weights["w"])
    assert influence.relative(step, weights) == pytest.approx(1e-12)

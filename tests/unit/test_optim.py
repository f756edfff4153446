"""Optimisers against torch's own, schedules by hand."""

from typing import Any

import pytest
import torch
from torch import nn

from spurprune.models.networks import small_cnn
from spurprune.training import optim

RATES = [0.1, 0.05, 0.2, 0.01]


def network() -> small_cnn.SmallCNN:
    torch.manual_seed(0)
    return small_cnn.build((1, 8, 8), 3, [2, 2, 4])


def trained(model: nn.Module, step: Any) -> list[torch.Tensor]:
    """The parameters after four optimiser steps ``step(rate)`` on fixed batches."""
    generator = torch.Generator().manual_seed(1)
    for rate in RATES:
        x, y = torch.randn(6, 1, 8, 8, generator=generator), torch.randint(0, 3, (6,), generator=generator)
        nn.functional.cross_entropy(model(x), y).backward()
        step(rate)
    return [parameter.detach().clone() for parameter in model.parameters()]


def torch_step(optimizer: torch.optim.Optimizer) -> Any:
    def step(rate: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()

    return step


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 1e-2), (0.0, 1e-2), (0.9, 0.0), (0.0, 0.0)])
def test_sgd_is_torchs(momentum: float, weight_decay: float) -> None:
    ours, theirs = network(), network()
    options = {"name": "sgd", "lr": 9.0, "momentum": momentum, "weight_decay": weight_decay}
    reference = torch.optim.SGD(theirs.parameters(), lr=9.0, momentum=momentum, weight_decay=weight_decay, fused=True)
    for a, b in zip(trained(ours, optim.build(ours, options).step), trained(theirs, torch_step(reference)), strict=True):
        assert torch.equal(a, b)


def test_sgd_by_hand() -> None:
    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    sgd = optim.SGD([parameter], momentum=0.5, weight_decay=0.1)
    parameter.grad = torch.tensor([1.0, 0.0])
    sgd.step(0.1)  # velocity = gradient + 0.1 · weight = (1.1, -0.2); weight -= 0.1 · velocity
    assert parameter.tolist() == pytest.approx([0.89, -1.98])
    assert parameter.grad is None
    parameter.grad = torch.tensor([0.0, 0.0])
    sgd.step(1.0)  # velocity = 0.5 · (1.1, -0.2) + 0.1 · (0.89, -1.98) = (0.639, -0.298)
    assert parameter.tolist() == pytest.approx([0.251, -1.682])


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_adam_is_torchs(name: str) -> None:
    ours, theirs = network(), network()
    options = {"name": name, "lr": 9.0, "weight_decay": 0.1, "eps": 1e-6}
    if name == "adam":
        reference: torch.optim.Optimizer = torch.optim.Adam(theirs.parameters(), lr=9.0, weight_decay=0.1, eps=1e-6, fused=True)
    else:
        decayed = [p for n, p in theirs.named_parameters() if n.endswith("weight") and p.ndim > 1]
        plain = [p for n, p in theirs.named_parameters() if not (n.endswith("weight") and p.ndim > 1)]
        groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
        reference = torch.optim.AdamW(groups, lr=9.0, eps=1e-6, fused=True)
    for a, b in zip(trained(ours, optim.build(ours, options).step), trained(theirs, torch_step(reference)), strict=True):
        assert torch.equal(a, b)


def test_kernels_are_decayed_and_biases_and_normalisation_are_not() -> None:
    model = network()
    decayed, plain = optim.decay_groups(model, 0.3)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)
    assert [names[id(p)] for p in decayed["params"]] == ["body.0.weight", "body.4.weight", "body.8.weight", "classifier.weight"]
    assert sorted(names[id(p)] for p in plain["params"]) == [
        "body.1.bias",
        "body.1.weight",
        "body.5.bias",
        "body.5.weight",
        "body.9.bias",
        "body.9.weight",
        "classifier.bias",
    ]


def test_frozen_parameters_are_not_changed() -> None:
    for name in ("sgd", "adam", "adamw"):
        model = network()
        model.classifier.weight.requires_grad_(False)
        before = model.classifier.weight.clone()
        trained(model, optim.build(model, {"name": name, "lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}).step)
        assert torch.equal(model.classifier.weight, before), name


@pytest.mark.parametrize(
    ("schedule", "epoch", "step", "expected"),
    [
        ({"name": "constant"}, 7, 99, 0.1),
        ({"name": "linear"}, 1, 0, 0.1),
        ({"name": "linear"}, 1, 25, 0.075),
        ({"name": "linear"}, 4, 99, 0.001),
        ({"name": "step", "milestones": [80, 120], "factor": 0.1}, 1, 0, 0.1),
        ({"name": "step", "milestones": [80, 120], "factor": 0.1}, 80, 0, 0.1),
        ({"name": "step", "milestones": [80, 120], "factor": 0.1}, 81, 0, 0.01),
        ({"name": "step", "milestones": [80, 120], "factor": 0.1}, 120, 0, 0.01),
        ({"name": "step", "milestones": [120, 80], "factor": 0.1}, 121, 0, 0.001),
        ({"name": "step", "milestones": [], "factor": 0.1}, 160, 0, 0.1),
    ],
)
def test_schedules_by_hand(schedule: dict[str, Any], epoch: int, step: int, expected: float) -> None:
    assert optim.learning_rate(0.1, schedule, epoch, step, total_steps=100) == pytest.approx(expected)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="lion"):
        optim.build(network(), {"name": "lion", "lr": 0.1, "weight_decay": 0.0})
    with pytest.raises(ValueError, match="cosine"):
        optim.learning_rate(0.1, {"name": "cosine"}, 1, 0, 10)


def test_step_counts_are_restored_onto_the_parameters_device() -> None:
    """On a GPU the fused kernel takes them there; here the device that holds nothing stands for it."""
    parameter = nn.Parameter(torch.zeros(2, device="meta"))
    adam = optim.Adam([{"params": [parameter], "weight_decay": 0.0}], 1e-8, decoupled=False)
    adam.restore({"0.step": torch.tensor(3.0), "0.exp_avg": torch.ones(2), "0.exp_avg_sq": torch.ones(2)})
    assert {name: value.device.type for name, value in adam.state().items()} == dict.fromkeys(
        ("0.step", "0.exp_avg", "0.exp_avg_sq"), "meta"
    )

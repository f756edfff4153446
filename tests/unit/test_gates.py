"""Gates on weights: how often they keep, that every convolution and the classifier have one, and that nothing else ever changes."""

import copy

import pytest
import torch
from torch import Tensor, nn

from spurprune.models import gates
from spurprune.models.gates import Gate, Gated
from spurprune.models.network import Network
from spurprune.models.networks import mlp, small_cnn, torchvision_cnn
from spurprune.training.loop import draws_in_forward

RATES = {"logit": 0.8176, "repo": 0.6937}  # sigmoid(1.5), sigmoid(sigmoid(1.5))


def networks() -> dict[str, Network]:
    torch.manual_seed(0)
    return {
        "small_cnn": small_cnn.build((3, 8, 8), 2, [4, 4, 6]),
        "mlp": mlp.build((5,), 3, [7, 6]),
        "resnet50": torchvision_cnn.build((3, 32, 32), 2, "resnet50", None),
        "squeezenet1_1": torchvision_cnn.build((3, 32, 32), 2, "squeezenet1_1", None),
    }


def images(network: Network) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(4, 5) if isinstance(network, mlp.MLP) else torch.randn(4, 3, 32, 32)


def state(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize("kind", RATES)
def test_a_weight_is_kept_as_often_as_its_gate_says(kind: str) -> None:
    torch.manual_seed(3)
    gate = Gate(torch.ones(400, 500), 1.5, kind)
    sampled = gate.sample()
    assert sampled.mean().item() == pytest.approx(RATES[kind], abs=0.005)
    assert sampled.detach().round().unique().tolist() == [0.0, 1.0] and (sampled - sampled.round()).abs().max() < 1e-6
    sampled.sum().backward()
    assert gate.logit.grad is not None and (gate.logit.grad > 0).float().mean() > 0.99


def test_evaluation_keeps_what_is_not_below_zero() -> None:
    gate = Gate(torch.tensor([2.0, -3.0, 5.0]), 0.0, "repo").eval()
    with torch.no_grad():
        gate.logit.copy_(torch.tensor([0.0, -0.1, 4.0]))
    assert gate(torch.tensor([2.0, -3.0, 5.0])).tolist() == [2.0, 0.0, 5.0]
    assert gate.kept().tolist() == [True, False, True]


@pytest.mark.parametrize("name", ["small_cnn", "mlp", "resnet50", "squeezenet1_1"])
def test_every_convolution_and_the_classifier_have_a_gate_that_matters(name: str) -> None:
    network = networks()[name]
    layers = [one for one, module in network.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    gated = Gated(network, start=1.5, kind="logit").eval()
    assert list(gated.gates) == layers and "classifier" in layers
    if name == "resnet50":
        assert len(layers) == 54 and "body.layer1.0.conv3" in layers
    x = images(network)
    with torch.no_grad():
        logits = gated(x)
        for gate in gated.gates.values():
            gate.logit.fill_(-1.0)
            assert not torch.equal(gated(x), logits)
            gate.logit.fill_(1.5)
        assert torch.equal(gated(x), logits)


def test_only_the_gates_are_trained_and_statistics_stay() -> None:
    network = networks()["small_cnn"]
    before, x = state(network), images(network)
    plain = copy.deepcopy(network).eval()
    gated = Gated(network, start=1.5, kind="logit")
    assert draws_in_forward(gated) and not draws_in_forward(plain)
    trainable = [one for one in gated.parameters() if one.requires_grad]
    assert len(trainable) == len(gated.gates) == 4
    gated.train()
    assert not torch.equal(gated(x), gated(x)), "masks are drawn in every pass"
    optimizer = torch.optim.Adam(trainable, lr=0.5)
    for _ in range(8):
        gated(x).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    masks = gated.masks()
    assert {name: kept.shape for name, kept in masks.items()} == {f"{one}.weight": before[f"{one}.weight"].shape for one in gated.gates}
    assert not all(kept.all() for kept in masks.values())
    with torch.no_grad():
        expected = gated.eval()(x)
    sparse = gated.without_gates().eval()
    after = sparse.state_dict()
    assert after.keys() == before.keys() and all(one.requires_grad for one in sparse.parameters())
    for name, value in before.items():
        assert torch.equal(after[name], torch.where(masks[name], value, 0.0) if name in masks else value), name
    with torch.no_grad():
        assert torch.equal(sparse(x), expected) and not torch.equal(plain(x), expected)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_fixed_masks_outlast_training(optimizer: str) -> None:
    network = networks()["small_cnn"]
    masks = {name: torch.rand_like(value) > 0.5 for name, value in network.named_parameters() if value.ndim > 1}
    gates.fix(network, masks)
    first, x = state(network), images(network)
    of = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    step = of if optimizer == "sgd" else torch.optim.Adam(network.parameters(), 0.1)
    for _ in range(5):
        network(x).square().sum().backward()
        step.step()
        step.zero_grad()
    for name, value in network.named_parameters():
        kept = masks.get(name, torch.ones_like(value, dtype=torch.bool))
        assert (value[~kept] == 0).all(), name
        assert (value[kept] != first[name][kept]).any(), name

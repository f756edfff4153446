"""Networks: logits are a linear classifier on features."""

from types import ModuleType

import pytest
import torch
from torch import nn
from torchvision import models

from spurprune.models.network import Network
from spurprune.models.networks import cnn002, mlp, resnet_cifar, small_cnn, vgg16


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("model", "shape", "width"),
    [
        (small_cnn.build((1, 8, 8), 10, [16, 32, 64]), (1, 8, 8), 64),
        (small_cnn.build((3, 5, 7), 4, [2, 3, 5]), (3, 5, 7), 5),
        (resnet_cifar.build((3, 32, 32), 10, depth=8), (3, 32, 32), 64),
        (resnet_cifar.build((3, 32, 32), 10, 8, "B", "fan_out"), (3, 32, 32), 64),
        (mlp.build((1, 4, 5), 3, [7, 6]), (1, 4, 5), 6),
        (mlp.build((9,), 3, []), (9,), 9),
        (cnn002.build((2, 16, 21), 3), (2, 16, 21), 200),
    ],
)
def test_logits_are_a_linear_function_of_the_features(model: Network, shape: tuple[int, ...], width: int) -> None:
    x = torch.randn(6, *shape, generator=torch.Generator().manual_seed(0))
    model.eval()
    features = model.features(x)
    assert features.shape == (6, width)
    torch.testing.assert_close(model(x), features @ model.classifier.weight.T + model.classifier.bias)


def test_parameter_counts_by_hand() -> None:
    convolutions = 9 * (1 * 16 + 16 * 32 + 32 * 64)
    normalisation, classifier = 2 * (16 + 32 + 64), 64 * 10 + 10
    assert parameters(small_cnn.build((1, 8, 8), 10, [16, 32, 64])) == convolutions + normalisation + classifier
    assert parameters(mlp.build((1, 28, 28), 10, [300, 100])) == 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10


def test_a_perceptron_by_hand() -> None:
    model = mlp.build((1, 1, 2), 2, [2])
    with torch.no_grad():
        for parameter, values in zip(
            model.parameters(), ([[1.0, 1.0], [1.0, -1.0]], [0.0, 1.0], [[1.0, 2.0], [0.0, -1.0]], [0.5, 0.0]), strict=True
        ):
            parameter.copy_(torch.tensor(values))
    x = torch.tensor([[[[2.0, 5.0]]], [[[3.0, 1.0]]]])  # hidden: (7, relu(-2)) and (4, 3)
    assert model.features(x).tolist() == [[7.0, 0.0], [4.0, 3.0]]
    assert model(x).tolist() == [[7.5, 0.0], [10.5, -3.0]]


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (110, 1.73)])  # He et al. 2016, Table 6 (1.7 for 110)
def test_residual_networks_have_the_published_size(depth: int, millions: float) -> None:
    assert round(parameters(resnet_cifar.build((3, 32, 32), 10, depth)) / 1e6, 2) == millions


def test_projections_add_their_convolutions_and_normalisations() -> None:
    plain, projecting = (resnet_cifar.build((3, 32, 32), 10, 20, shortcut=option) for option in ("A", "B"))
    assert parameters(projecting) == parameters(plain) + (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64) == 272_474  # of the public code
    shapes = {name: tuple(value.shape) for name, value in projecting.named_parameters() if ".shortcut." in name}
    assert shapes == {
        "blocks.3.shortcut.0.weight": (32, 16, 1, 1),
        "blocks.3.shortcut.1.weight": (32,),
        "blocks.3.shortcut.1.bias": (32,),
        "blocks.6.shortcut.0.weight": (64, 32, 1, 1),
        "blocks.6.shortcut.1.weight": (64,),
        "blocks.6.shortcut.1.bias": (64,),
    }


def test_a_projection_by_hand() -> None:
    """Every second pixel of every second row, through the matrix of the projection, normalised by running statistics of 0 and 1."""
    torch.manual_seed(0)
    shortcut = resnet_cifar.build((3, 32, 32), 10, 8, shortcut="B").get_submodule("blocks.1.shortcut").eval()
    x = torch.randn(2, 16, 6, 6)
    matrix = shortcut.get_parameter("0.weight")[:, :, 0, 0]
    expected = torch.einsum("oi,nihw->nohw", matrix, x[:, :, ::2, ::2]) / (1 + nn.BatchNorm2d(1).eps) ** 0.5
    torch.testing.assert_close(shortcut(x), expected)


@pytest.mark.parametrize(
    ("by", "fans"),
    [
        ("fan_in", {"stem.0": 9 * 3, "blocks.3.conv1": 9 * 16, "blocks.6.shortcut.0": 32}),
        ("fan_out", {"stem.0": 9 * 16, "blocks.3.conv1": 9 * 32, "blocks.6.shortcut.0": 64}),
    ],
)
def test_initialisation_by_fan_in_and_by_fan_out(by: resnet_cifar.Fan, fans: dict[str, int]) -> None:
    """Standard deviations √(2 / fan); by fan-out the classifier is torch's, uniform within 1/√64."""
    torch.manual_seed(0)
    model = resnet_cifar.build((3, 32, 32), 10, 20, shortcut="B", initialisation=by)
    for layer, fan in fans.items():
        weight = model.get_parameter(f"{layer}.weight").detach()
        assert float(weight.std()) == pytest.approx((2 / fan) ** 0.5, rel=0.1), layer
    weight, bias = (parameter.detach() for parameter in model.classifier.parameters())
    assert float(bias.abs().max()) <= 1 / 8
    if by == "fan_in":
        assert float(weight.std()) == pytest.approx((2 / 64) ** 0.5, rel=0.1)
    else:
        assert float(weight.abs().max()) <= 1 / 8
        assert float(weight.std()) == pytest.approx(1 / 8 / 3**0.5, rel=0.1)


RARE = {  # those of Yang, Chou and Chaudhuri 2022
    "small MLP": (203_530, mlp, (1, 28, 28), {"hidden": [256]}),
    "LargeMLP": (335_114, mlp, (1, 28, 28), {"hidden": [256, 256, 256]}),
    "LargeMLPv2": (932_362, mlp, (1, 28, 28), {"hidden": [512, 512, 512]}),
    "CNN002": (312_202, cnn002, (1, 28, 28), {}),
    "ResNet-20": (269_722, resnet_cifar, (3, 32, 32), {"depth": 20}),
    "ResNet-32": (464_154, resnet_cifar, (3, 32, 32), {"depth": 32}),
    "ResNet-110": (1_727_962, resnet_cifar, (3, 32, 32), {"depth": 110}),
    "VGG-16": (134_301_514, vgg16, (3, 32, 32), {}),
}


@pytest.mark.parametrize("name", RARE)
def test_networks_for_rare_correlations_have_the_published_numbers_of_parameters(name: str) -> None:
    count, module, shape, options = RARE[name]
    with torch.device("meta"):  # no memory, no time
        model = module.build(shape, 10, **options)
    assert parameters(model) == count


def test_cnn002_starts_at_equal_logits_and_drops_half_of_the_first_hidden_layer() -> None:
    torch.manual_seed(0)
    model = cnn002.build((1, 28, 28), 10)
    x = torch.rand(64, 1, 28, 28)
    assert not model(x).any()
    hidden = model.body[:-2](x)  # before the second hidden layer
    assert hidden.shape == (64, 200)
    dropped = float((hidden == 0).float().mean())
    kept = float((model.eval().body[:-2](x) == 0).float().mean())
    assert dropped == pytest.approx(1 - (1 - kept) / 2, abs=0.02)


def test_vgg_is_torchvisions_with_a_linear_classifier_of_its_own() -> None:
    with torch.device("meta"):
        theirs, ours = models.vgg16(weights=None, num_classes=10), vgg16.build((3, 32, 32), 10)
        features, logits = ours.outputs(torch.zeros(2, 3, 32, 32))
    expected = {name: tuple(value.shape) for name, value in theirs.state_dict().items() if not name.startswith("classifier.6.")}
    assert {name: tuple(value.shape) for name, value in ours.body.state_dict().items()} == expected
    assert (tuple(features.shape), tuple(logits.shape)) == ((2, 4096), (2, 10))
    assert [type(layer) for layer in ours.body.classifier] == [type(layer) for layer in theirs.classifier[:-1]]


@pytest.mark.parametrize(
    ("module", "shape"), [(cnn002, (1, 15, 28)), (vgg16, (3, 32, 31)), (vgg16, (1, 32, 32))], ids=["small", "smaller", "grey"]
)
def test_images_that_they_cannot_take_are_refused(module: ModuleType, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="takes images of"):
        module.build(shape, 10)


@pytest.mark.parametrize("depth", [2, 18, 21, 51])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="6n \\+ 2"):
        resnet_cifar.build((3, 32, 32), 10, depth)

"""Networks: logits are a linear classifier on features."""

import pytest
import torch
from torch import nn

from spurprune.models.network import Network
from spurprune.models.networks import mlp, resnet_cifar, small_cnn


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("model", "shape", "width"),
    [
        (small_cnn.build((1, 8, 8), 10, [16, 32, 64]), (1, 8, 8), 64),
        (small_cnn.build((3, 5, 7), 4, [2, 3, 5]), (3, 5, 7), 5),
        (resnet_cifar.build((3, 32, 32), 10, depth=8), (3, 32, 32), 64),
        (mlp.build((1, 4, 5), 3, [7, 6]), (1, 4, 5), 6),
        (mlp.build((9,), 3, []), (9,), 9),
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


@pytest.mark.parametrize("depth", [2, 18, 21, 51])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="6n \\+ 2"):
        resnet_cifar.build((3, 32, 32), 10, depth)

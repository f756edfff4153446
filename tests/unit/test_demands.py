"""What networks demand of images and batches is declared as it is."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from spurprune.dag import plugins
from spurprune.models import demands

ARCHITECTURES = ("resnet18", "resnet50", "squeezenet1_0", "squeezenet1_1")
BLOCKS: list[dict[str, Any]] = [
    {"name": "small_cnn", "channels": [2, 2, 2]},
    {"name": "resnet_cifar", "depth": 8},
    {"name": "mlp", "hidden": [3]},
    {"name": "cnn002"},
    {"name": "vgg16"},
    *({"name": "torchvision_cnn", "architecture": one, "pretrained": None} for one in ARCHITECTURES),
]


def build(block: dict[str, Any], side: int) -> nn.Module:
    options = {key: value for key, value in block.items() if key != "name"}
    network: nn.Module = plugins.load("models", block["name"]).build((3, side, side), 2, **options)
    return network


def names() -> Iterator[str]:
    for block in BLOCKS:
        yield block.get("architecture", block["name"])


def test_all_networks_for_images_are_here() -> None:
    images = {name for name in plugins.names("models") if "images" in plugins.declared("models", name, "TAKES")}
    assert images == {block["name"] for block in BLOCKS}


@pytest.mark.parametrize("block", BLOCKS, ids=names())
def test_the_smallest_images_can_be_trained_on_and_smaller_ones_not(block: dict[str, Any]) -> None:
    side = demands.smallest(block) or 1
    network = build(block, side)
    network.train()(torch.zeros(2, 3, side, side))
    assert demands.least_batch(block) == 1 + any(isinstance(one, nn.modules.batchnorm._BatchNorm) for one in network.modules())
    if demands.smallest(block):
        with pytest.raises((RuntimeError, ValueError)):
            build(block, side - 1).train()(torch.zeros(2, 3, side - 1, side - 1))


def test_sentences_need_no_more_than_one() -> None:
    assert demands.least_batch({"name": "bert", "pretrained": "x"}) == 1 and demands.smallest({"name": "bert"}) == 0

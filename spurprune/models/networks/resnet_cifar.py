"""The residual networks for CIFAR of He et al. 2016 (Sec. 4.2): depth 6n + 2; 16, 32 and 64 channels.

Where the channels double, shortcuts are their option A, padded with zeros, or B, projections (Sec. 3.3). The public code for CIFAR-10S has
B, and initialises by fan-out.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from spurprune.models.network import Network

Fan = Literal["fan_in", "fan_out"]

TAKES = ("images",)
BATCH_NORM = True
OPTIONS = {
    "depth": {"type": "integer", "enum": [8, 14, 20, 32, 44, 56, 110]},
    "shortcut": {"enum": ["A", "B"], "default": "A"},
    "initialisation": {"enum": ["fan_in", "fan_out"], "default": "fan_in"},
}


class _Padding(nn.Module):
    """Option A: every second pixel, with the new channels zero; no parameters."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.padding = (out_channels - in_channels) // 2

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding))


def _shortcut(in_channels: int, out_channels: int, option: str) -> nn.Module:
    if in_channels == out_channels:
        return nn.Identity()
    if option == "A":
        return _Padding(in_channels, out_channels)
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride=2, bias=False), nn.BatchNorm2d(out_channels))


class _Block(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, shortcut)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        y += self.shortcut(x)
        return functional.relu(y, inplace=True)


class ResNetCifar(Network):
    """Input float [N, C, H, W]; features [N, 64]; logits [N, num_classes]. Depth 20, 32, 110: 0.27, 0.46, 1.73 million parameters.

    ``initialisation`` is of He et al. 2015: "fan_in" for convolutions and the classifier, or "fan_out" for convolutions alone, the
    classifier as torch sets it up.
    """

    def __init__(self, in_channels: int, num_classes: int, depth: int, shortcut: str, initialisation: Fan) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"the depth must be 6n + 2, such as 20, 32 or 110, not {depth}")
        blocks = (depth - 2) // 6
        layers: list[nn.Module] = []
        width = 16
        for out_channels in (16, 32, 64):
            for i in range(blocks):
                layers.append(_Block(width, out_channels, 2 if i == 0 and out_channels > 16 else 1, shortcut))
                width = out_channels
        self.stem = nn.Sequential(nn.Conv2d(in_channels, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(*layers)
        self.classifier = nn.Linear(64, num_classes)
        initialised = (nn.Conv2d, nn.Linear) if initialisation == "fan_in" else (nn.Conv2d,)
        for module in self.modules():
            if isinstance(module, initialised):
                nn.init.kaiming_normal_(module.weight, mode=initialisation, nonlinearity="relu")

    def features(self, x: Tensor) -> Tensor:
        """Return the globally averaged last feature maps, float [N, 64]."""
        return torch.mean(self.blocks(self.stem(x)), dim=(2, 3))


def build(input_shape: tuple[int, ...], num_classes: int, depth: int, shortcut: str = "A", initialisation: Fan = "fan_in") -> ResNetCifar:
    """Build the network for images of ``input_shape`` (C, H, W)."""
    return ResNetCifar(input_shape[0], num_classes, depth, shortcut, initialisation)

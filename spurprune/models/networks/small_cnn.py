"""A convolutional network for small images: three 3×3 convolutions with batch norm, two max-poolings, a linear classifier."""

from collections.abc import Sequence

from torch import Tensor, nn

from spurprune.models.network import Network

TAKES = ("images",)
SMALLEST = 4  # pixels per side, of which one is left after both poolings
BATCH_NORM = True
OPTIONS = {
    "channels": {
        "type": "array",
        "minItems": 3,
        "maxItems": 3,
        "items": {"type": "integer", "minimum": 1, "maximum": 4096},
        "x-allowed": "a list of three whole numbers from 1 to 4096",
    },
}


class SmallCNN(Network):
    """Input float [N, C, H, W] with H, W >= 4; features [N, channels[2]]; logits [N, num_classes]."""

    def __init__(self, in_channels: int, num_classes: int, channels: Sequence[int]) -> None:
        super().__init__()
        first, second, third = channels
        self.body = nn.Sequential(
            *_convolution(in_channels, first),
            nn.MaxPool2d(2),
            *_convolution(first, second),
            nn.MaxPool2d(2),
            *_convolution(second, third),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.classifier = nn.Linear(third, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the penultimate representation, float [N, channels[2]]."""
        features: Tensor = self.body(x)
        return features


def _convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU()]


def build(input_shape: tuple[int, ...], num_classes: int, channels: Sequence[int]) -> SmallCNN:
    """Build the network for samples of ``input_shape`` (C, H, W); raises ValueError if they are too small."""
    if min(input_shape[1:]) < SMALLEST:
        raise ValueError(f"small_cnn takes images of at least {SMALLEST} pixels per side, not {min(input_shape[1:])}")
    return SmallCNN(input_shape[0], num_classes, channels)

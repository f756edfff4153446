"""The small convolutional network CNN002 of the public code of Yang, Chou and Chaudhuri (2022), for images as large as MNIST's.

Unpadded 3 × 3 convolutions of 32, 32, 64 and 64 channels, max-pooled after the second and the fourth; hidden layers of 200 and 200 units,
dropout after the first. Convolutions start as in He et al. 2015, the classifier at zero. 312,202 parameters for MNIST's images and classes.
"""

from torch import Tensor, nn

from spurprune.models.network import Network

TAKES = ("images",)
OPTIONS: dict[str, dict[str, object]] = {}
SMALLEST = 16  # pixels per side, of which one is left after all convolutions and poolings


class CNN002(Network):
    """Input float [N, C, H, W] with H, W >= 16; features [N, 200]; logits [N, num_classes]."""

    def __init__(self, input_shape: tuple[int, ...], num_classes: int) -> None:
        super().__init__()
        channels, *sides = input_shape
        if min(sides) < SMALLEST:
            raise ValueError(f"cnn002 takes images of at least {SMALLEST} pixels per side, not {min(sides)}")
        height, width = (((side - 4) // 2 - 4) // 2 for side in sides)
        self.body = nn.Sequential(
            *_convolution(channels, 32),
            *_convolution(32, 32),
            nn.MaxPool2d(2),
            *_convolution(32, 64),
            *_convolution(64, 64),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * height * width, 200),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(200, 200),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(200, num_classes)
        for module in self.body:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer's activations, float [N, 200]."""
        features: Tensor = self.body(x)
        return features


def _convolution(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, out_channels, 3), nn.ReLU()]


def build(input_shape: tuple[int, ...], num_classes: int) -> CNN002:
    """Build the network for images of ``input_shape`` (C, H, W); raises ValueError if they are too small."""
    return CNN002(input_shape, num_classes)

"""VGG-16 without batch normalisation (Simonyan and Zisserman 2015, configuration D), as torchvision builds it.

134,301,514 parameters for ten classes.
"""

from torch import Tensor, nn
from torchvision import models

from spurprune.models.network import Network

TAKES = ("images",)
OPTIONS: dict[str, dict[str, object]] = {}
CHANNELS = 3
SMALLEST = 32  # pixels per side, of which one is left after the five poolings


class VGG16(Network):
    """Input float [N, 3, H, W] with H, W >= 32; features [N, 4096], after dropout; logits [N, num_classes].

    Feature maps are averaged to 7 × 7, to which those of CIFAR-10's images, of one position, are repeated.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        body = models.vgg16(weights=None)
        body.classifier = body.classifier[:-1]
        self.body = body
        self.classifier = nn.Linear(4096, num_classes)
        nn.init.normal_(self.classifier.weight, std=0.01)  # like torchvision's
        nn.init.zeros_(self.classifier.bias)

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer's activations, float [N, 4096]."""
        features: Tensor = self.body(x)
        return features


def build(input_shape: tuple[int, ...], num_classes: int) -> VGG16:
    """Build the network for images of ``input_shape`` (3, H, W); raises ValueError for other channels or smaller images."""
    channels, *sides = input_shape
    if channels != CHANNELS or min(sides) < SMALLEST:
        raise ValueError(f"vgg16 takes images of {CHANNELS} channels and at least {SMALLEST} pixels per side, not {list(input_shape)}")
    return VGG16(num_classes)

"""A multilayer perceptron on flattened inputs: linear layers with ReLU and a linear classifier."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from spurprune.models.network import Network

TAKES = ("images", "vectors")
OPTIONS = {
    "hidden": {
        "type": "array",
        "maxItems": 20,
        "items": {"type": "integer", "minimum": 1, "maximum": 65536},
        "x-allowed": "a list of at most 20 whole numbers from 1 to 65536",
    }
}


class MLP(Network):
    """Input float [N, ...] with ``inputs`` values per sample; features [N, hidden[-1]]; logits [N, num_classes].

    Without hidden layers the features are the flattened input, and the network is multinomial logistic regression.
    """

    def __init__(self, inputs: int, num_classes: int, hidden: Sequence[int]) -> None:
        super().__init__()
        widths = [inputs, *hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.classifier = nn.Linear(widths[-1], num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer's activations, float [N, hidden[-1]]."""
        features: Tensor = self.body(x)
        return features


def build(input_shape: tuple[int, ...], num_classes: int, hidden: Sequence[int]) -> MLP:
    """Build the network for samples of ``input_shape``, with any number of axes, and hidden layers of the widths ``hidden``."""
    return MLP(math.prod(input_shape), num_classes, hidden)

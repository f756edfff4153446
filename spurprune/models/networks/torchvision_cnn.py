"""torchvision's convolutional networks for images such as ImageNet's, with random or pretrained weights and a new classifier.

ResNet-18 and ResNet-50 (He et al. 2016), SqueezeNet 1.0 and 1.1 (Iandola et al. 2016). The body is torchvision's own, so it takes
torchvision's weights by name and inputs of any size that torchvision accepts.

torchvision's SqueezeNet classifies every position of its last feature maps by a 1 × 1 convolution, applies ReLU, and then averages over
positions. A 1 × 1 convolution commutes with averaging, ReLU does not. Here the ReLU is left out, as in the classifiers of all other
networks, and the maps are averaged first: the features are the averaged maps (after dropout), the classifier is linear, and logits may be
negative. Where torchvision's convolution is nowhere negative, the logits are the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torchvision import models

from spurprune.errors import DataError, first_sentence
from spurprune.models import weights as weight_files
from spurprune.models.network import Network

TAKES = ("images",)
OPTIONS = {
    "architecture": {"enum": ["resnet18", "resnet50", "squeezenet1_0", "squeezenet1_1"]},
    "pretrained": {
        "type": ["string", "null"],
        "pattern": r"imagenet|.+\.(?:safetensors|pth|pt)",
        "x-allowed": "null, imagenet, or the path of a .safetensors, .pth or .pt file",
    },
}
CHANNELS = 3  # expected by every body
SMALLEST = {"squeezenet1_0": 21, "squeezenet1_1": 17}  # pixels per side, of which one is left after the last pooling
BATCH_NORM = {"resnet18": True, "resnet50": True}


@dataclass(frozen=True)
class _Architecture:
    """One of torchvision's networks, its ImageNet weights, and the name of the classifier in them."""

    body: Callable[[], Any]
    imagenet: Any
    head: str


# The first weights of each, as used in the literature on group robustness (for ResNet-50 there are newer ones, IMAGENET1K_V2).
ARCHITECTURES = {
    "resnet18": _Architecture(models.resnet18, models.ResNet18_Weights.IMAGENET1K_V1, "fc"),
    "resnet50": _Architecture(models.resnet50, models.ResNet50_Weights.IMAGENET1K_V1, "fc"),
    "squeezenet1_0": _Architecture(models.squeezenet1_0, models.SqueezeNet1_0_Weights.IMAGENET1K_V1, "classifier"),
    "squeezenet1_1": _Architecture(models.squeezenet1_1, models.SqueezeNet1_1_Weights.IMAGENET1K_V1, "classifier"),
}


class TorchvisionCNN(Network):
    """Input float [N, 3, H, W]; features [N, 512], for ResNet-50 [N, 2048]; logits [N, num_classes].

    ``body`` is torchvision's network without its classifier, so that its output is the features.
    """

    def __init__(self, body: nn.Module, classifier: nn.Linear) -> None:
        super().__init__()
        self.body = body
        self.classifier = classifier

    def features(self, x: Tensor) -> Tensor:
        """Return the globally averaged last feature maps, float [N, D]; SqueezeNet's after dropout."""
        features: Tensor = self.body(x)
        return features


def build(input_shape: tuple[int, ...], num_classes: int, architecture: str, pretrained: str | None) -> TorchvisionCNN:
    """Build the network for images of ``input_shape`` (3, H, W).

    ``pretrained`` is None for random weights, ``imagenet`` for torchvision's own (downloaded by torchvision into its cache), or the path
    of a safetensors file or a saved state_dict with torchvision's names. The classifier of pretrained weights is dropped; all other tensors
    must be there, be known and have the right shape. The new classifier is initialised as in torchvision. Raises DataError if the weights
    cannot be loaded or do not fit.
    """
    if input_shape[0] != CHANNELS:
        raise ValueError(f"{architecture} takes images of {CHANNELS} channels, not {input_shape[0]}")
    known = ARCHITECTURES[architecture]
    network = _with_linear_classifier(known.body(), num_classes)
    if pretrained is not None:
        weights = _imagenet(known) if pretrained == "imagenet" else weight_files.read(Path(pretrained))
        weight_files.put({name: value for name, value in weights.items() if name.split(".")[0] != known.head}, network.body, pretrained)
    return network


def in_torchvisions_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a ``TorchvisionCNN`` as torchvision's own network takes them, with as many classes.

    That of SqueezeNet then applies ReLU before it averages, as torchvision's does (see above). Raises DataError for weights of another
    network.
    """
    found = {name.removeprefix("body."): value for name, value in weights.items() if name.startswith("body.")}
    head = {name: value for name, value in weights.items() if name.startswith("classifier.")}
    if "layer4.0.conv1.weight" in found:
        return found | {name.replace("classifier", "fc"): value for name, value in head.items()}
    if "features.0.weight" in found:
        weight, bias = head["classifier.weight"], head["classifier.bias"]
        return found | {"classifier.1.weight": weight[:, :, None, None].clone(), "classifier.1.bias": bias}
    raise DataError("These are not weights of one of torchvision's networks, a model of the name torchvision_cnn; choose such a run.")


def _with_linear_classifier(body: Any, num_classes: int) -> TorchvisionCNN:
    """Return torchvision's network, which is modified, with a linear classifier on its features."""
    if isinstance(body, models.SqueezeNet):
        dropout, convolution, _, average = body.classifier
        body.classifier = nn.Sequential(dropout, average)
        classifier = nn.Linear(convolution.in_channels, num_classes)
        nn.init.normal_(classifier.weight, std=0.01)  # like torchvision's last convolution
        nn.init.zeros_(classifier.bias)
    else:
        classifier = nn.Linear(body.fc.in_features, num_classes)
        body.fc = nn.Identity()
    return TorchvisionCNN(body, classifier)


def _imagenet(known: _Architecture) -> dict[str, Tensor]:
    try:
        weights: dict[str, Tensor] = known.imagenet.get_state_dict(progress=False, check_hash=True, weights_only=True, map_location="cpu")
    except weight_files.UNREADABLE as error:  # no network access, no space, a damaged download
        raise DataError(
            f"torchvision could not load its weights from {known.imagenet.url} ({first_sentence(error)}); "
            "download the file yourself and set model.pretrained to its path."
        ) from error
    return weights

"""torchvision's networks: the same bodies, a linear classifier, and pretrained weights that must fit."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from spurprune.errors import DataError
from spurprune.models.networks import torchvision_cnn
from spurprune.models.networks.torchvision_cnn import ARCHITECTURES, TorchvisionCNN

THEIRS = {
    "resnet18": models.resnet18,
    "resnet50": models.resnet50,
    "squeezenet1_0": models.squeezenet1_0,
    "squeezenet1_1": models.squeezenet1_1,
}
SMALL = "squeezenet1_1"


def build(architecture: str = SMALL, pretrained: str | None = None, seed: int = 0, classes: int = 2) -> TorchvisionCNN:
    torch.manual_seed(seed)
    return torchvision_cnn.build((3, 64, 64), classes, architecture, pretrained).eval()


def their_network(architecture: str = SMALL, classes: int = 5) -> nn.Module:
    """A network of torchvision with fresh weights, and batch normalisation statistics other than the initial ones."""
    torch.manual_seed(7)
    model: nn.Module = THEIRS[architecture](weights=None, num_classes=classes).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return model


def images(size: tuple[int, int] = (64, 64), n: int = 3) -> Tensor:
    return torch.randn(n, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Any, str], str]:
    """A function that saves weights under tmp_path and returns the path."""

    def save(weights: Any, name: str = "weights.safetensors") -> str:
        path = tmp_path / name
        save_file(weights, path) if path.suffix == ".safetensors" else torch.save(weights, path)
        return str(path)

    return save


def refusal(pretrained: str, architecture: str = SMALL) -> str:
    with pytest.raises(DataError) as error:
        build(architecture, pretrained)
    return str(error.value)


@pytest.mark.parametrize(
    ("architecture", "size"), [("resnet18", (64, 64)), ("resnet18", (8, 8)), ("resnet18", (40, 33)), ("resnet50", (32, 32))]
)
def test_a_resnet_with_the_same_weights_gives_torchvisions_logits(
    architecture: str, size: tuple[int, int], saved: Callable[..., str]
) -> None:
    theirs = their_network(architecture)
    ours = build(architecture, saved(theirs.state_dict()), classes=5)
    ours.classifier.load_state_dict(theirs.fc.state_dict())
    torch.testing.assert_close(ours(images(size)), theirs(images(size)))


@pytest.mark.parametrize("size", [(64, 64), (21, 21), (40, 33)])
@pytest.mark.parametrize("architecture", ["squeezenet1_0", "squeezenet1_1"])
def test_a_squeezenet_with_the_same_weights_gives_torchvisions_logits_where_its_relu_is_idle(
    architecture: str, size: tuple[int, int], saved: Callable[..., str]
) -> None:
    theirs = their_network(architecture)
    convolution = theirs.classifier[1]
    ours = build(architecture, saved(theirs.state_dict()), classes=5)
    with torch.no_grad():
        ours.classifier.weight.copy_(convolution.weight[:, :, 0, 0])
        ours.classifier.bias.copy_(convolution.bias)
    x = images(size)
    without_relu = convolution(theirs.features(x)).mean(dim=(2, 3))
    torch.testing.assert_close(ours(x), without_relu)
    assert (ours(x) < 0).any() and not (theirs(x) < 0).any(), "the ReLU would change nothing in this test"
    with torch.no_grad():  # with all positions lifted above 0, both agree
        ours.classifier.bias.add_(100)
        convolution.bias.add_(100)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize(
    ("architecture", "width", "own"),  # torchvision's counts of parameters, without the thousand classes
    [
        ("resnet18", 512, 11_689_512 - 513_000),
        ("resnet50", 2048, 25_557_032 - 2_049_000),
        ("squeezenet1_0", 512, 1_248_424 - 513_000),
        ("squeezenet1_1", 512, 1_235_496 - 513_000),
    ],
)
def test_features_and_sizes(architecture: str, width: int, own: int) -> None:
    assert ARCHITECTURES[architecture].imagenet.meta["num_params"] == own + 1000 * (width + 1)
    model = build(architecture, classes=4)
    features = model.features(images())
    assert features.shape == (3, width)
    torch.testing.assert_close(model(images()), features @ model.classifier.weight.T + model.classifier.bias)
    assert sum(parameter.numel() for parameter in model.parameters()) == own + 4 * (width + 1)


def test_dropout_of_a_squeezenet_comes_before_the_features_and_only_in_training() -> None:
    model = build()
    assert torch.equal(model.features(images()), model.features(images()))
    model.train()
    assert not torch.equal(model.features(images()), model.features(images()))


@pytest.mark.parametrize("architecture", ["resnet18", SMALL])
@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_pretrained_bodies_come_from_the_file_and_classifiers_from_the_seed(
    architecture: str, name: str, saved: Callable[..., str]
) -> None:
    theirs = their_network(architecture).state_dict()
    path = saved(theirs, name)
    one, other = (build(architecture, path, seed).state_dict() for seed in (1, 2))
    body = {key for key in theirs if key.split(".")[0] not in ("fc", "classifier")}
    assert {key.removeprefix("body.") for key in one if key.startswith("body.")} == body
    assert all(torch.equal(one[f"body.{key}"], theirs[key]) for key in body)
    assert all(torch.equal(one[f"body.{key}"], other[f"body.{key}"]) for key in body)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])
    assert torch.equal(one["classifier.weight"], build(architecture, None, 1).classifier.weight), "loading must not use random numbers"
    assert one["classifier.weight"].shape == (2, 512)


def test_a_file_may_lack_the_classifier_and_the_step_counters(saved: Callable[..., str]) -> None:
    weights = their_network("resnet18").state_dict()
    kept = {key: value for key, value in weights.items() if not key.startswith("fc.") and "num_batches_tracked" not in key}
    model = build("resnet18", saved(kept, "old.pth"))
    assert torch.equal(model.body.layer4[1].bn2.running_var, weights["layer4.1.bn2.running_var"])


def test_weights_that_do_not_fit(saved: Callable[..., str], assert_one_sentence: Callable[[str], None]) -> None:
    weights = their_network().state_dict()
    first = "features.0.weight"
    for changed, expected in [
        ({key: value for key, value in weights.items() if key != first}, f"it lacks '{first}';"),
        ({"head.weight": torch.zeros(1)}, "it lacks 'features.0.weight' and 49 more;"),
        ({**weights, "extra.weight": torch.zeros(1)}, "it has 'extra.weight', which the network lacks;"),
        ({**weights, first: torch.zeros(64, 1, 3, 3)}, f"'{first}' has the shape [64, 1, 3, 3] instead of [64, 3, 3, 3];"),
        (their_network("squeezenet1_0").state_dict(), "it lacks 'features.6.squeeze.weight' and 11 more;"),
        (their_network("resnet18").state_dict(), f"it lacks '{first}' and 49 more;"),
    ]:
        path = saved(changed)
        message = refusal(path)
        assert message.startswith(f"{path} does not fit the network: ") and expected in message
        assert_one_sentence(message)


def test_files_that_are_missing_damaged_or_not_weights(
    saved: Callable[..., str], tmp_path: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    for name in ("damaged.safetensors", "damaged.pth"):
        (tmp_path / name).write_bytes(b"no weights")
    messages = [
        (refusal(str(tmp_path / "none.pth")), "none.pth is missing; place the pretrained weights there"),
        (refusal(str(tmp_path / "damaged.safetensors")), "damaged.safetensors is damaged or unsafe"),
        (refusal(str(tmp_path / "damaged.pth")), "damaged.pth is damaged or unsafe"),
        (refusal(saved({"epoch": 3, "state_dict": {}}, "training.pth")), "training.pth does not hold tensors by name"),
    ]
    for message, expected in messages:
        assert expected in message
        assert_one_sentence(message)


def test_a_flipped_bit_in_a_file_that_torch_saved_is_found(saved: Callable[..., str], assert_one_sentence: Callable[[str], None]) -> None:
    path = Path(saved(their_network(SMALL).state_dict(), "weights.pth"))
    build(SMALL, str(path))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    message = refusal(str(path))
    assert_one_sentence(message)
    assert "does not have its checksum" in message


class Malicious:
    """A pickle that would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path, saved: Callable[..., str]) -> None:
    trap = tmp_path / "trap"
    pickle.loads(pickle.dumps(Malicious(trap)))
    assert trap.exists(), "the pickle does nothing"
    trap.unlink()
    assert "is damaged or unsafe" in refusal(saved({"a": Malicious(trap)}, "evil.pth"))
    assert not trap.exists()


def test_torchvisions_own_weights_come_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / Path(ARCHITECTURES[SMALL].imagenet.url).name
    cached.parent.mkdir(parents=True)
    weights = their_network(classes=1000).state_dict()
    torch.save(weights, cached)
    model = build(pretrained="imagenet")
    assert torch.equal(model.body.features[0].weight, weights["features.0.weight"])
    assert model.classifier.weight.shape == (2, 512)


def test_torchvisions_own_weights_may_be_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nothing listens
    message = refusal("imagenet")
    assert message.startswith(
        "torchvision could not load its weights from https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth ("
    )
    assert_one_sentence(message)


def test_images_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="squeezenet1_1 takes images of 3 channels, not 1"):
        torchvision_cnn.build((1, 28, 28), 10, SMALL, None)


def test_published_weights() -> None:
    """A file of torchvision's layout with a thousand classes, which SPURPRUNE_SQUEEZENET1_0 names."""
    source = os.environ.get("SPURPRUNE_SQUEEZENET1_0")
    if not source:
        pytest.skip("SPURPRUNE_SQUEEZENET1_0 does not name a file of torchvision's weights of SqueezeNet 1.0")
    model = build("squeezenet1_0", source)
    theirs = models.squeezenet1_0(weights=None).eval()
    theirs.load_state_dict(torchvision_cnn._weights.read(Path(source)))
    torch.testing.assert_close(model.features(images((224, 224))), theirs.features(images((224, 224))).mean(dim=(2, 3)))

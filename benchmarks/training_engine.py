"""The package's training engine as the benchmarks use it; only this file depends on the engine's interface."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from benchmarks.common import MEAN, STD, Images
from benchmarks.pairs import Pairs
from spurprune.data.inputs import Rows
from spurprune.methods.erm import Method
from spurprune.models.network import Network
from spurprune.models.networks import bert, resnet_cifar
from spurprune.training.compiler import can_compile
from spurprune.training.data import Data, Pixels, Tokens, load
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.method import Context
from spurprune.training.observe import dynamics_of, observe
from spurprune.training.precision import set_precision
from spurprune.training.recipe import Recipe, Stream

TRAINING: dict[str, Any] = {  # the textbook loop's recipe, as a setting's `training` block
    "batch_size": 64,
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4},
    "schedule": {"name": "constant"},
    "augmentation": {"name": "pad_crop_flip", "padding": 4},
    "precision": "fp32",
    "compile": False,
    "gradient_clip": None,
    "label_smoothing": 0.0,
}
EVALUATION_BATCH = 128  # as in config/config.yaml


def device() -> torch.device:
    """Return the device that the training stages would choose."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def data_of(images: Images) -> Data:
    """Return images as the training stages load them."""
    return load_array(images.pixels, images.label)


def load_array(inputs: Rows, label: np.ndarray) -> Data:
    """Return all rows of an array of inputs, which may be memory-mapped, as the training stages load them."""
    n = len(label)
    nobody = np.zeros(n, dtype=bool)
    return load(inputs, sample_id=np.arange(n), label=label, group=label, carrier=nobody, overlay=None, device=device())


def why_not(changes: Mapping[str, Any]) -> str | None:
    """Return why the engine cannot train with these changes to the recipe, or None if it can."""
    unknown = sorted(set(changes) - set(TRAINING))
    if unknown:
        return f"the engine has no option '{unknown[0]}'"
    if changes.get("compile") and not can_compile(device()):
        return "networks cannot be compiled on this machine"
    return None


def train(
    data: Data, epochs: int, after_epoch: Callable[[], None], changes: Mapping[str, Any], weight: np.ndarray | None = None
) -> Network:
    """Train ResNet-20 with the engine's loop, calling ``after_epoch`` after each epoch; return the network.

    ``weight`` [N] is how often an epoch visits each image, once by default.
    """
    training = TRAINING | dict(changes) | {"epochs": epochs}
    set_precision(training["precision"])
    stream = Stream(("benchmark",))
    model = initialise(lambda: resnet_cifar.build((3, 32, 32), 10, depth=20), stream, data.device)

    def observe_epoch(epoch: int, model: torch.nn.Module) -> list[dict[str, Any]]:
        after_epoch()
        return []

    recipe = Recipe.of(training, compiled=training["compile"])
    method = Method(_context(data, np.ones(len(data)) if weight is None else weight, training, stream))
    fit(model, Training(data, pixels(), method, recipe, stream, "benchmark"), observe_epoch)
    assert isinstance(model, Network)
    return model


def _context(data: Data, weight: np.ndarray, training: Mapping[str, Any], stream: Stream) -> Context:
    label = data.label.cpu().numpy()
    classes = tuple(str(value) for value in range(int(label.max()) + 1))
    return Context(weight.astype(np.float64), "exact", label, label, classes, {}, training, stream, data.device)


def train_bert(pairs: Pairs, encoder: str, epochs: int, after_epoch: Callable[[], None], training: Mapping[str, Any]) -> None:
    """Fine-tune a BERT with the engine's loop, calling ``after_epoch`` after each epoch; ``training`` is a setting's block."""
    set_precision(training["precision"])
    data, model = load_array(pairs.inputs, pairs.label), _bert(pairs, encoder)

    def observe_epoch(epoch: int, model: torch.nn.Module) -> list[dict[str, Any]]:
        after_epoch()
        return []

    stream = Stream(("benchmark",))
    recipe = Recipe.of({**training, "epochs": epochs}, compiled=False)
    method = Method(_context(data, np.ones(len(data)), {**training, "epochs": epochs}, stream))
    fit(model, Training(data, Tokens(), method, recipe, stream, "benchmark"), observe_epoch)


def evaluation_by_bert(pairs: Pairs, encoder: str, batch_size: int) -> Callable[[], np.ndarray]:
    """Return a function that evaluates all pairs and returns their EL2N scores, float32 [N]."""
    data, model = load_array(pairs.inputs, pairs.label), _bert(pairs, encoder)
    return lambda: dynamics_of(observe(model, data, Tokens(), batch_size).logits, data.label)["error"]


def _bert(pairs: Pairs, encoder: str) -> bert.Bert:
    shape = pairs.inputs.shape[1:]
    return initialise(lambda: bert.build(shape, 3, encoder), Stream(("benchmark",)), device())


def el2n(model: Network, data: Data) -> np.ndarray:
    """Return the EL2N scores of all images, float32 [N]."""
    return dynamics_of(observe(model, data, pixels(), EVALUATION_BATCH).logits, data.label)["error"]


def save(model: Network, path: Path) -> None:
    """Write a network's weights."""
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def restore(path: Path) -> Network:
    """Return the network whose weights ``save`` wrote, in the engine's memory format."""
    model = resnet_cifar.build((3, 32, 32), 10, depth=20)
    model.load_state_dict(load_file(path))
    placed: Network = model.to(device()).to(memory_format=torch.channels_last)
    return placed


def pixels() -> Pixels:
    """Return CIFAR-10's normalisation on the device."""
    return Pixels.of(MEAN, STD, device())

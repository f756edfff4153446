"""The training loop."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from spurprune import seeds
from spurprune.errors import TrainingError
from spurprune.training import optim
from spurprune.training.augment import augment
from spurprune.training.data import DeviceImages, Pixels


class TrainingMethod(Protocol):
    """What distinguishes a training method within the loop."""

    def epoch_rows(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Return the rows of the training data that an epoch visits, in order, int64."""

    def loss(self, logits: Tensor, label: Tensor, group: Tensor, rows: Tensor) -> Tensor:
        """Return the scalar to minimise for one batch."""


@dataclass(frozen=True)
class Recipe:
    """How to train; see ``training`` in config/README.md. ``epochs`` fixes the schedule, ``stop_after`` when training ends."""

    epochs: int
    batch_size: int
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    augmentation: dict[str, Any]
    precision: str
    gradient_clip: dict[str, float] | None
    stop_after: int

    @classmethod
    def of(cls, training: dict[str, Any], stop_after: int | None = None) -> "Recipe":
        """Return the recipe of a setting's ``training`` block."""
        names = ("epochs", "batch_size", "optimizer", "schedule", "augmentation", "precision", "gradient_clip")
        return cls(**{name: training[name] for name in names}, stop_after=stop_after or training["epochs"])


@dataclass(frozen=True)
class Stream:
    """The random streams of one training, told apart by ``key``: the repeat, and for a reference run its seed's number."""

    key: tuple[int | str, ...]

    def seed(self, name: str, *parts: int) -> int:
        """Return the seed of one named stream of this training."""
        return seeds.stream_seed(name, *self.key, *parts)


def initialise(build: Callable[[], nn.Module], stream: Stream, device: torch.device) -> nn.Module:
    """Return a network with weights drawn from the initialisation stream, on the device, channels last."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream.seed(seeds.INITIALISATION))
        model = build()
    return model.to(device).to(memory_format=torch.channels_last)


def fit(
    model: nn.Module,
    data: DeviceImages,
    pixels: Pixels,
    method: TrainingMethod,
    recipe: Recipe,
    stream: Stream,
    after_epoch: Callable[[int, nn.Module], None],
    where: str,
) -> None:
    """Train ``model`` in place on ``data`` and call ``after_epoch(epoch, model)`` after each epoch, counted from 1.

    Every epoch draws its order and its augmentation from streams of its own, so training that is stopped between epochs goes on alike.
    Raises TrainingError naming ``where`` and the epoch if the loss is not finite.
    """
    device = data.label.device
    optimizer = optim.build(model, recipe.optimizer)
    generator = torch.Generator(device)
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=recipe.precision == "bf16")
    aug_name = recipe.augmentation["name"]
    options = {key: value for key, value in recipe.augmentation.items() if key != "name"}
    parameters = list(model.parameters())
    step = 0
    torch.manual_seed(stream.seed(seeds.DROPOUT))
    for epoch in range(1, recipe.stop_after + 1):
        model.train()
        rows = method.epoch_rows(epoch, np.random.default_rng(stream.seed(seeds.ORDER, epoch)))
        generator.manual_seed(stream.seed(seeds.AUGMENTATION, epoch))
        batches = torch.from_numpy(rows).to(device).split(recipe.batch_size)
        total_steps = recipe.epochs * len(batches)
        total = torch.zeros((), device=device)
        for batch in batches:
            rate = optim.learning_rate(recipe.optimizer["lr"], recipe.schedule, epoch, step, total_steps)
            images = augment(data.images[batch], aug_name, options, generator)
            with autocast:
                logits = model(pixels.normalise(images))
                loss = method.loss(logits.float(), data.label[batch], data.group[batch], batch)
            loss.backward()
            if recipe.gradient_clip is not None:
                _clip(parameters, recipe.gradient_clip)
            optimizer.step(rate)
            total += loss.detach()
            step += 1
        if not math.isfinite(total.item()):
            raise TrainingError(
                f"{where}, epoch {epoch}: the training loss became {total.item()}; "
                "lower training.optimizer.lr or set training.gradient_clip."
            )
        after_epoch(epoch, model)


def _clip(parameters: list[nn.Parameter], clip: dict[str, float]) -> None:
    if "norm" in clip:
        nn.utils.clip_grad_norm_(parameters, clip["norm"])
    else:
        nn.utils.clip_grad_value_(parameters, clip["value"])

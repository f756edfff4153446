"""The training loop."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from spurprune import seeds
from spurprune.errors import TrainingError
from spurprune.training import optim
from spurprune.training.augment import augment
from spurprune.training.checkpoints import JobCheckpoints, Record, TrainingState
from spurprune.training.data import Data, Pixels

Model = TypeVar("Model", bound=nn.Module)


class TrainingMethod(Protocol):
    """What distinguishes a training method within the loop."""

    def epoch_rows(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Return the rows of the training data that an epoch visits, in order, int64."""

    def loss(self, logits: Tensor, label: Tensor, group: Tensor, rows: Tensor) -> Tensor:
        """Return the scalar to minimise for one batch."""

    def state(self) -> dict[str, Tensor]:
        """Return what the method has learned so far and needs to go on, by name; empty for most."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what ``state`` returned."""


@dataclass(frozen=True)
class Recipe:
    """How to train; see ``training`` in config/README.md. ``epochs`` fixes the schedule, ``stop_after`` when training ends.

    ``compiled`` tells whether the network runs compiled: what the configuration asks for, where the machine has a compiler.
    """

    epochs: int
    batch_size: int
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    augmentation: dict[str, Any]
    precision: str
    gradient_clip: dict[str, float] | None
    stop_after: int
    compiled: bool = False

    @classmethod
    def of(cls, training: dict[str, Any], stop_after: int | None = None, compiled: bool = False) -> "Recipe":
        """Return the recipe of a setting's ``training`` block."""
        names = ("epochs", "batch_size", "optimizer", "schedule", "augmentation", "precision", "gradient_clip")
        return cls(**{name: training[name] for name in names}, stop_after=stop_after or training["epochs"], compiled=compiled)


@dataclass(frozen=True)
class Stream:
    """The random streams of one training, told apart by ``key``: the repeat, and for a reference run its seed's number."""

    key: tuple[int | str, ...]

    def seed(self, name: str, *parts: int) -> int:
        """Return the seed of one named stream of this training."""
        return seeds.stream_seed(name, *self.key, *parts)


def initialise(build: Callable[[], Model], stream: Stream, device: torch.device) -> Model:
    """Return a network with weights drawn from the initialisation stream, on the device, channels last."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream.seed(seeds.INITIALISATION))
        model = build()
    model.to(device).to(memory_format=torch.channels_last)
    return model


@dataclass(frozen=True)
class Training:
    """One training: on what, by which method and recipe, from which random streams; ``where`` names it in messages."""

    data: Data
    pixels: Pixels
    method: TrainingMethod
    recipe: Recipe
    stream: Stream
    where: str


def fit(
    model: Model,
    training: Training,
    observe_epoch: Callable[[int, Model], list[Record]],
    checkpoints: JobCheckpoints | None = None,
) -> list[Record]:
    """Train ``model`` in place and return what ``observe_epoch(epoch, model)`` recorded after each epoch, from 1 on.

    Every epoch draws its order, its augmentation and its dropout from streams of its own, so a training that was killed and goes on
    from its last checkpoint ends in the same bytes as one that was not. Raises TrainingError naming ``training.where`` and the epoch if
    the loss is not finite, or if the device runs out of memory.
    """
    recipe, device = training.recipe, training.data.device
    optimizer = optim.build(model, recipe.optimizer)
    forward = _forward(model, training)
    records: list[Record] = []
    done = step = 0
    name = "-".join(str(part) for part in training.stream.key)
    state = checkpoints.load(name, device) if checkpoints else None
    if state is not None:
        done, step, records = state.epoch, state.step, state.records
        restore(state.tensors, model, optimizer, training.method)
    for epoch in range(done + 1, recipe.stop_after + 1):
        with _naming_out_of_memory(training.where, epoch, device):
            total, step = _one_epoch(model, forward, training, optimizer, epoch, step)
            if not math.isfinite(total):
                raise TrainingError(
                    f"{training.where}, epoch {epoch}: the training loss became {total}; lower training.optimizer.lr or set "
                    "training.gradient_clip."
                )
            records.extend(observe_epoch(epoch, model))
        if checkpoints and checkpoints.is_due():
            checkpoints.save(name, TrainingState(epoch, step, capture(model, optimizer, training.method), records))
    return records


@contextmanager
def _naming_out_of_memory(where: str, epoch: int, device: torch.device) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"{where}, epoch {epoch}: {device} ran out of memory; lower training.batch_size or evaluation.batch_size, or leave the device "
            "to this job alone."
        ) from error


def _forward(model: nn.Module, training: Training) -> Callable[[Tensor], Tensor]:
    """Return the function from a batch of uint8 images to logits, compiled where the recipe says so.

    Only whole batches go through the compiled one: an epoch's last, smaller batch would be compiled once more.
    """
    pixels, size = training.pixels, training.recipe.batch_size

    def eager(images: Tensor) -> Tensor:
        logits: Tensor = model(pixels.normalise(images))
        return logits

    if not training.recipe.compiled:
        return eager
    compiled = torch.compile(eager, dynamic=False)
    return lambda images: compiled(images) if len(images) == size else eager(images)


def _one_epoch(
    model: nn.Module, forward: Callable[[Tensor], Tensor], training: Training, optimizer: optim.Optimizer, epoch: int, step: int
) -> tuple[float, int]:
    """Train for one epoch; return (sum of the batches' losses, number of steps so far)."""
    data, method, recipe, stream = training.data, training.method, training.recipe, training.stream
    autocast = torch.autocast(data.device.type, dtype=torch.bfloat16, enabled=recipe.precision == "bf16")
    options = {key: value for key, value in recipe.augmentation.items() if key != "name"}
    parameters = list(model.parameters())
    generator = torch.Generator(data.device).manual_seed(stream.seed(seeds.AUGMENTATION, epoch))
    torch.manual_seed(stream.seed(seeds.DROPOUT, epoch))
    rows = method.epoch_rows(epoch, np.random.default_rng(stream.seed(seeds.ORDER, epoch)))
    batches = torch.from_numpy(rows).to(data.device).split(recipe.batch_size)
    total_steps = recipe.epochs * len(batches)
    total = torch.zeros((), device=data.device)
    model.train()
    for batch in batches:
        rate = optim.learning_rate(recipe.optimizer["lr"], recipe.schedule, epoch, step, total_steps)
        images = augment(data.batch(batch), recipe.augmentation["name"], options, generator)
        with autocast:
            logits = forward(images)
            loss = method.loss(logits.float(), data.label[batch], data.group[batch], batch)
        loss.backward()
        if recipe.gradient_clip is not None:
            _clip(parameters, recipe.gradient_clip)
        optimizer.step(rate)
        total += loss.detach()
        step += 1
    return total.item(), step


def capture(model: nn.Module, optimizer: optim.Optimizer, method: TrainingMethod) -> dict[str, Tensor]:
    """Return every tensor that training goes on from: the network's, the optimiser's and the method's, by name."""
    parts = {"model": model.state_dict(), "optimizer": optimizer.state(), "method": method.state()}
    return {f"{part}.{name}": value for part, tensors in parts.items() for name, value in tensors.items()}


def restore(tensors: dict[str, Tensor], model: nn.Module, optimizer: optim.Optimizer, method: TrainingMethod) -> None:
    """Put the tensors that ``capture`` returned back in place."""

    def part(prefix: str) -> dict[str, Tensor]:
        return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}

    model.load_state_dict(part("model."))
    optimizer.restore(part("optimizer."))
    method.restore(part("method."))


def _clip(parameters: list[nn.Parameter], clip: dict[str, float]) -> None:
    if "norm" in clip:
        nn.utils.clip_grad_norm_(parameters, clip["norm"])
    else:
        nn.utils.clip_grad_value_(parameters, clip["value"])

"""What a training is told: its recipe, its method, its random streams."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from spurprune import seeds


class TrainingMethod(Protocol):
    """What distinguishes a training method within the loop. On a GPU ``loss`` may change tensors only in place: its work is recorded."""

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

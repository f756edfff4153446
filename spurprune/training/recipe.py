"""A training run's recipe and its random streams."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spurprune import seeds


@dataclass(frozen=True)
class Recipe:
    """How to train; see ``training`` in config/README.md. The schedule covers ``epochs``; training stops after ``stop_after``.

    ``compiled``: the network runs compiled, because the configuration asks for it and the machine has a compiler. ``input_noise`` is the
    standard deviation of the noise that training adds to pixels in [0, 1].
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
    input_noise: float = 0.0

    @classmethod
    def of(cls, training: Mapping[str, Any], stop_after: int | None = None, compiled: bool = False) -> "Recipe":
        """Return the recipe of a setting's ``training`` block."""
        names = ("epochs", "batch_size", "optimizer", "schedule", "augmentation", "precision", "gradient_clip")
        noise = training.get("input_noise", 0.0)
        found = {name: training[name] for name in names}
        return cls(**found, stop_after=stop_after or training["epochs"], compiled=compiled, input_noise=noise)


@dataclass(frozen=True)
class Stream:
    """The random streams of one training run, identified by ``key``: the repeat and, for a reference run, the number of its seed."""

    key: tuple[int | str, ...]

    def seed(self, name: str, *parts: int) -> int:
        """Return the seed of one named stream of this run."""
        return seeds.stream_seed(name, *self.key, *parts)

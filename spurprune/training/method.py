"""What distinguishes a training method within the engine: what it sees, and what it decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from spurprune.training.recipe import Stream

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Context:
    """All that a method sees at its start, over the training samples of one repeat; ``rows`` below are positions in these arrays.

    ``weight`` float64 [N] >= 0 is the plan's; ``visits`` says how it becomes visits ("exact" or "drawn", see ``training.visits``).
    ``label`` int64 [N]; ``group`` int64 [N], -1 where unknown, numbered below ``num_groups``. ``options`` are those of the method's
    entry, ``training`` the recipe's block. ``stream`` is the training run's random stream, ``device`` where tensors lie.
    """

    weight: np.ndarray
    visits: str
    label: np.ndarray
    group: np.ndarray
    num_groups: int
    options: Mapping[str, Any]
    training: Mapping[str, Any]
    stream: Stream
    device: torch.device = CPU


@dataclass(frozen=True)
class Batch:
    """What the loss of one batch sees, all on the device; a row may be there more than once.

    ``rows``, ``label`` and ``group`` int64 [B]; ``logits`` float32 [B, C]; ``features`` [B, D] as the network gives them (bfloat16 in
    mixed precision). Gradients flow through the last two.
    """

    rows: Tensor
    label: Tensor
    group: Tensor
    logits: Tensor
    features: Tensor


class Method(Protocol):
    """A training method. Each kind is a class ``Method(context)`` in ``spurprune.methods``; most override little of ERM's."""

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        """Return the rows of each batch of an epoch (from 1 on), int64, in order; the same for the same ``rng``."""

    def num_batches(self, epoch: int) -> int:
        """Return how many batches an epoch has, known for every epoch from the start: a linear schedule counts them all."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the scalar to minimise for one batch.

        On a GPU this work is recorded after the first few batches and then replayed: from there on, state may change only in place, and
        Python must not decide by values on the device.
        """

    def state(self) -> dict[str, Tensor]:
        """Return what the method has learned so far and needs to resume, by name; empty for most."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Resume from what ``state`` returned."""

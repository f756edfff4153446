"""Samples for training: inputs that become batches on the device as the network takes them, with no per-sample Python.

On a CPU every batch is read from the memory-mapped array, so a dataset larger than memory trains, and concurrent jobs share one copy of
it in the page cache. On a GPU the inputs are resident on the device where they fit, and are read the same way where they do not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from spurprune.dag import plugins

CHUNK_BYTES = 1 << 26  # what is copied to a device at once, so that the host never holds more than this
RESIDENT_SHARE = 0.5  # of the device's free memory that inputs may fill; the rest is the network's


class Preparation(Protocol):
    """How inputs, as they are stored, become what the network takes."""

    @property
    def crop_size(self) -> int | None:
        """Pixels per side that the network sees, or None if it sees all that is stored."""

    @property
    def one_shape(self) -> bool:
        """Whether the network computes with the same shapes for all batches of one size, so that a step can be recorded."""

    def prepare(self, inputs: Tensor) -> Tensor:
        """Return a batch as the network takes it."""

    def order(self, data: "Data") -> Tensor:
        """Return the places of all samples, int64 [N], in the order in which evaluating them takes the least time."""


@dataclass(frozen=True)
class Pixels:
    """How uint8 pixels become the network's input: the centre of ``crop_size`` pixels, if given, as (x / 255 - mean) / std by channel."""

    mean: Tensor
    std: Tensor
    crop_size: int | None = None
    memory_format: torch.memory_format = torch.channels_last
    one_shape: ClassVar[bool] = True

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float], device: torch.device, crop_size: int | None = None) -> "Pixels":
        """Return the normalisation for one device; ``mean`` and ``std`` hold one number per channel, of pixels in [0, 1]."""
        shape = (1, len(mean), 1, 1)
        return cls(torch.tensor(mean, device=device).view(shape), torch.tensor(std, device=device).view(shape), crop_size)

    def prepare(self, images: Tensor) -> Tensor:
        """Return float32 images [N, C, H, W] from uint8 ones, which may be larger than the network sees them."""
        if self.crop_size is not None and self.crop_size != images.shape[-1]:
            images = _centre(images, self.crop_size)
        x = images.to(torch.float32).div_(255).sub_(self.mean).div_(self.std)
        return x.contiguous(memory_format=self.memory_format)

    def order(self, data: "Data") -> Tensor:
        """Return the places as they come: images are all of one size."""
        return torch.arange(len(data), device=data.device)


@dataclass(frozen=True)
class Vectors:
    """Vectors, float32 [N, D], which the network takes as they are."""

    crop_size: ClassVar[None] = None
    one_shape: ClassVar[bool] = True

    def prepare(self, vectors: Tensor) -> Tensor:
        """Return the vectors as they are."""
        return vectors

    def order(self, data: "Data") -> Tensor:
        """Return the places as they come: vectors are all of one length."""
        return torch.arange(len(data), device=data.device)


@dataclass(frozen=True)
class Tokens:
    """Token sequences, int32 [N, 2 + L] (length, position of the second sentence, token ids), which the network takes as they are."""

    crop_size: ClassVar[None] = None
    one_shape: ClassVar[bool] = False

    def prepare(self, tokens: Tensor) -> Tensor:
        """Return the tokens as they are."""
        return tokens

    def order(self, data: "Data") -> Tensor:
        """Return the places from the shortest sequence to the longest, so that a batch cut to its longest holds little padding."""
        return data.lengths().argsort(stable=True)


def _centre(images: Tensor, size: int) -> Tensor:
    top, left = (round((side - size) / 2) for side in images.shape[-2:])  # as torchvision's CenterCrop
    return images[..., top : top + size, left : left + size]


class Inputs(Protocol):
    """The inputs of some samples, with the overlay, if there is one, on its carriers."""

    def batch(self, rows: Tensor) -> Tensor:
        """Return the inputs of some rows (int64) on the device, in the dataset's own type (images: uint8 [N, C, H, W])."""

    def lengths(self, rows: Tensor) -> Tensor:
        """Return the lengths of some token sequences on the device, as they are stored: a phrase laid over them does not count."""


@dataclass(frozen=True)
class ResidentInputs:
    """Inputs that lie on the device as they are."""

    values: Tensor

    def batch(self, rows: Tensor) -> Tensor:
        """Return the inputs of some rows."""
        return self.values[rows]

    def lengths(self, rows: Tensor) -> Tensor:
        """Return the lengths of some token sequences."""
        return self.values[rows, 0]


@dataclass(frozen=True)
class MappedInputs:
    """Inputs read from the dataset's memory-mapped array as they are asked for; nothing is kept.

    ``sample_id`` int64 [N] are positions in ``array``; ``overlay`` changes inputs in place and returns them, those where ``carrier``,
    bool [N], is true.
    """

    array: np.ndarray
    sample_id: np.ndarray
    carrier: np.ndarray
    overlay: Callable[[np.ndarray], np.ndarray] | None
    device: torch.device

    def batch(self, rows: Tensor) -> Tensor:
        """Return the inputs of some rows, copied to the device."""
        return torch.from_numpy(self.read(rows.cpu().numpy())).to(self.device)

    def lengths(self, rows: Tensor) -> Tensor:
        """Return the lengths of some token sequences, which stand in the first column."""
        return torch.from_numpy(np.asarray(self.array)[self.sample_id[rows.cpu().numpy()], 0]).to(self.device)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return a copy of the inputs of some rows on the host."""
        inputs: np.ndarray = np.asarray(self.array)[self.sample_id[rows]]
        carrier = self.carrier[rows]
        if self.overlay is not None and carrier.any():
            inputs[carrier] = self.overlay(inputs[carrier])
        return inputs

    @property
    def nbytes(self) -> int:
        """The size of all rows together, in bytes."""
        return len(self.sample_id) * self.array[0].nbytes

    def resident(self) -> ResidentInputs:
        """Return all rows as they are, on the device, copied there in parts."""
        n, rows_at_once = len(self.sample_id), max(1, CHUNK_BYTES // self.array[0].nbytes)
        dtype = torch.from_numpy(self.array[:0].copy()).dtype
        values = torch.empty((n, *self.array.shape[1:]), dtype=dtype, device=self.device)
        for start in range(0, n, rows_at_once):
            part = self.read(np.arange(start, min(start + rows_at_once, n)))
            values[start : start + len(part)] = torch.from_numpy(part).to(self.device)
        return ResidentInputs(values)


@dataclass(frozen=True)
class Data:
    """Samples ready for training or evaluation.

    ``rows`` int64 [N] says where in ``inputs`` each sample lies; ``label`` int64 [N]; ``group`` int64 [N]; all three on the device.
    """

    inputs: Inputs
    rows: Tensor
    label: Tensor
    group: Tensor

    @classmethod
    def of(cls, values: Tensor, label: Tensor, group: Tensor) -> "Data":
        """Return data whose inputs are a tensor on the device."""
        return cls(ResidentInputs(values), torch.arange(len(label), device=label.device), label, group)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def device(self) -> torch.device:
        """Where batches come to lie."""
        return self.label.device

    def batch(self, rows: Tensor) -> Tensor:
        """Return the inputs of some samples, given by their place in this data, on the device."""
        return self.inputs.batch(self.rows[rows])

    def lengths(self) -> Tensor:
        """Return the lengths of all samples, which are token sequences, [N]."""
        return self.inputs.lengths(self.rows)

    def subset(self, rows: Tensor) -> "Data":
        """Return some of the samples; their inputs are not copied."""
        return Data(self.inputs, self.rows[rows], self.label[rows], self.group[rows])


def load(
    inputs: np.ndarray,
    *,
    sample_id: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    carrier: np.ndarray,
    overlay: Mapping[str, Any] | None,
    device: torch.device,
) -> Data:
    """Return some samples of a dataset; where there is an overlay, it lies on those whose ``carrier``, bool [N], is true.

    ``inputs`` is the dataset's memory-mapped array, indexed by ``sample_id``; ``overlay`` is a setting's block.
    """
    mapped = MappedInputs(inputs, sample_id, carrier, _apply(overlay), device)
    return Data(
        mapped.resident() if fits(mapped.nbytes, device) else mapped,
        torch.arange(len(sample_id), device=device),
        torch.from_numpy(label.astype(np.int64)).to(device),
        torch.from_numpy(group.astype(np.int64)).to(device),
    )


def _apply(overlay: Mapping[str, Any] | None) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the plugin's function with its options filled in: all of the block but the plugin's name and the attribute that it makes."""
    if overlay is None:
        return None
    options = {key: value for key, value in overlay.items() if key not in ("name", "attribute")}
    return partial(plugins.load("overlays", overlay["name"]).apply_, **options)


def fits(nbytes: int, device: torch.device) -> bool:
    """Return whether inputs of this size are to be resident: on a GPU, if its memory allows; on a CPU the page cache serves better."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # what torch keeps of runs that are over
    return nbytes <= RESIDENT_SHARE * free

"""Training data: stored inputs become batches on the device, ready for the network, without Python code per sample.

On a CPU every batch is read from the memory-mapped array, so datasets may be larger than memory, and concurrent jobs share one copy in the
page cache. On a GPU the inputs are kept on the device if they fit, and are otherwise read as on a CPU.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from spurprune.dag import plugins
from spurprune.data.inputs import Rows

CHUNK_BYTES = 1 << 26  # copied to a device at once, so that the host never holds more than this
RESIDENT_SHARE = 0.5  # the share of the device's free memory that inputs may fill; the rest is for the network


class Preparation(Protocol):
    """How stored inputs become the network's inputs."""

    @property
    def crop_size(self) -> int | None:
        """Pixels per side that the network sees, or None if it sees the whole stored input."""

    @property
    def one_shape(self) -> bool:
        """Whether all batches of one size have the same shape inside the network, so that a step can be recorded."""

    def prepare(self, inputs: Tensor) -> Tensor:
        """Return a batch of stored inputs as network inputs."""

    def disturb(self, x: Tensor, noise: float, generator: torch.Generator) -> Tensor:
        """Return network inputs with Gaussian noise of a standard deviation in units of pixels; only images can have it."""

    def order(self, data: "Data") -> Tensor:
        """Return the positions of all samples, int64 [N], in the order in which they are evaluated fastest."""


@dataclass(frozen=True)
class Pixels:
    """Normalised pixels: (x / 255 - mean) / std per channel, of the central ``crop_size`` pixels if given."""

    mean: Tensor
    std: Tensor
    crop_size: int | None = None
    memory_format: torch.memory_format = torch.channels_last
    one_shape: ClassVar[bool] = True

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float], device: torch.device, crop_size: int | None = None) -> "Pixels":
        """Return the preparation for one device; ``mean`` and ``std`` hold one number per channel, for pixels in [0, 1]."""
        shape = (1, len(mean), 1, 1)
        return cls(torch.tensor(mean, device=device).view(shape), torch.tensor(std, device=device).view(shape), crop_size)

    def prepare(self, images: Tensor) -> Tensor:
        """Return float32 images [N, C, H, W] from uint8 images, which may be larger than ``crop_size``."""
        x = self.cropped(images).to(torch.float32, memory_format=self.memory_format)  # one pass converts and arranges
        return x.div_(255).sub_(self.mean).div_(self.std)

    def cropped(self, images: Tensor) -> Tensor:
        """Return the central ``crop_size`` pixels of images [N, C, H, W], or all of them without it."""
        return images if self.crop_size is None or self.crop_size == images.shape[-1] else _centre(images, self.crop_size)

    def disturb(self, x: Tensor, noise: float, generator: torch.Generator) -> Tensor:
        """Add Gaussian noise, of a standard deviation in units of pixels in [0, 1], to prepared images in place, and return them.

        The sums are not cut to [0, 1].
        """
        return x.add_(torch.randn(x.shape, generator=generator, device=x.device).mul_(noise / self.std))

    def order(self, data: "Data") -> Tensor:
        """Return the positions in their own order: all images have one size."""
        return torch.arange(len(data), device=data.device)


@dataclass(frozen=True)
class Vectors:
    """Vectors, float32 [N, D], passed to the network unchanged."""

    crop_size: ClassVar[None] = None
    one_shape: ClassVar[bool] = True

    def prepare(self, vectors: Tensor) -> Tensor:
        """Return the vectors unchanged."""
        return vectors

    def disturb(self, x: Tensor, noise: float, generator: torch.Generator) -> Tensor:
        """Raise ValueError: noise is in units of pixels."""
        raise ValueError("input noise is for images")

    def order(self, data: "Data") -> Tensor:
        """Return the positions in their own order: all vectors have one length."""
        return torch.arange(len(data), device=data.device)


@dataclass(frozen=True)
class Tokens:
    """Token sequences, int32 [N, 2 + L] (length, position of the second sentence, token ids), passed to the network unchanged."""

    crop_size: ClassVar[None] = None
    one_shape: ClassVar[bool] = False

    def prepare(self, tokens: Tensor) -> Tensor:
        """Return the tokens unchanged."""
        return tokens

    def disturb(self, x: Tensor, noise: float, generator: torch.Generator) -> Tensor:
        """Raise ValueError: noise is in units of pixels."""
        raise ValueError("input noise is for images")

    def order(self, data: "Data") -> Tensor:
        """Return the positions from the shortest sequence to the longest, so that batches hold little padding."""
        return data.lengths().argsort(stable=True)


def _centre(images: Tensor, size: int) -> Tensor:
    top, left = (round((side - size) / 2) for side in images.shape[-2:])  # as in torchvision's CenterCrop
    return images[..., top : top + size, left : left + size]


class Inputs(Protocol):
    """The inputs of some samples, with the overlay, if there is one, applied to its carriers."""

    def batch(self, rows: Tensor) -> Tensor:
        """Return the inputs of ``rows`` (int64) on the device, in the dataset's own type (images: uint8 [N, C, H, W])."""

    def lengths(self, rows: Tensor) -> Tensor:
        """Return the stored lengths of the token sequences in ``rows``, on the device; an overlaid phrase does not count."""


@dataclass(frozen=True)
class ResidentInputs:
    """Inputs held on the device."""

    values: Tensor

    def batch(self, rows: Tensor) -> Tensor:
        """Return the inputs of ``rows``."""
        return self.values[rows]

    def lengths(self, rows: Tensor) -> Tensor:
        """Return the lengths of the token sequences in ``rows``."""
        return self.values[rows, 0]


@dataclass(frozen=True)
class MappedInputs:
    """Inputs read from the dataset's memory-mapped array on request; nothing is kept.

    ``sample_id`` int64 [N] are positions in ``array``; ``overlay`` changes inputs in place and returns them, and is applied where
    ``carrier`` (bool [N]) is true.
    """

    array: Rows
    sample_id: np.ndarray
    carrier: np.ndarray
    overlay: Callable[[np.ndarray], np.ndarray] | None
    device: torch.device

    def batch(self, rows: Tensor) -> Tensor:
        """Return the inputs of ``rows``, copied to the device."""
        return torch.from_numpy(self.read(rows.cpu().numpy())).to(self.device)

    def lengths(self, rows: Tensor) -> Tensor:
        """Return the lengths of the token sequences in ``rows``, from the first column."""
        return torch.from_numpy(self.array[self.sample_id[rows.cpu().numpy()], 0]).to(self.device)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return a copy of the inputs of ``rows`` on the host."""
        inputs: np.ndarray = self.array[self.sample_id[rows]]
        carrier = self.carrier[rows]
        if self.overlay is not None and carrier.any():
            inputs[carrier] = self.overlay(inputs[carrier])
        return inputs

    @property
    def nbytes(self) -> int:
        """The total size of all rows, in bytes."""
        return len(self.sample_id) * self._row_bytes

    @property
    def _row_bytes(self) -> int:
        return math.prod(self.array.shape[1:]) * self.array.dtype.itemsize

    def resident(self) -> ResidentInputs:
        """Return all rows on the device, copied there in chunks."""
        n, rows_at_once = len(self.sample_id), max(1, CHUNK_BYTES // self._row_bytes)
        dtype = torch.from_numpy(self.array[:0].copy()).dtype
        values = torch.empty((n, *self.array.shape[1:]), dtype=dtype, device=self.device)
        for start in range(0, n, rows_at_once):
            part = self.read(np.arange(start, min(start + rows_at_once, n)))
            values[start : start + len(part)] = torch.from_numpy(part).to(self.device)
        return ResidentInputs(values)


@dataclass(frozen=True)
class Data:
    """Samples ready for training or evaluation.

    ``rows`` int64 [N], each sample's row in ``inputs``; ``label`` int64 [N]; ``group`` int64 [N]; all three on the device.
    """

    inputs: Inputs
    rows: Tensor
    label: Tensor
    group: Tensor

    @classmethod
    def of(cls, values: Tensor, label: Tensor, group: Tensor) -> "Data":
        """Return data whose inputs ``values`` are a tensor on the device."""
        return cls(ResidentInputs(values), torch.arange(len(label), device=label.device), label, group)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def device(self) -> torch.device:
        """The device of the batches."""
        return self.label.device

    def batch(self, rows: Tensor) -> Tensor:
        """Return the inputs of some samples, given by their positions in this data, on the device."""
        return self.inputs.batch(self.rows[rows])

    def lengths(self) -> Tensor:
        """Return the lengths of all samples [N], which must be token sequences."""
        return self.inputs.lengths(self.rows)

    def subset(self, rows: Tensor) -> "Data":
        """Return some of the samples, without copying their inputs."""
        return Data(self.inputs, self.rows[rows], self.label[rows], self.group[rows])


def load(
    inputs: Rows,
    *,
    sample_id: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    carrier: np.ndarray,
    overlay: Mapping[str, Any] | None,
    device: torch.device,
) -> Data:
    """Return some samples of a dataset, with the overlay, if any, applied where ``carrier`` (bool [N]) is true.

    ``inputs`` is the dataset's memory-mapped array, indexed by ``sample_id``; ``overlay`` is the block of the setting.
    """
    mapped = MappedInputs(inputs, sample_id, carrier, overlay_of(overlay), device)
    return Data(
        mapped.resident() if fits(mapped.nbytes, device) else mapped,
        torch.arange(len(sample_id), device=device),
        torch.from_numpy(label.astype(np.int64)).to(device),
        torch.from_numpy(group.astype(np.int64)).to(device),
    )


def overlay_of(overlay: Mapping[str, Any] | None) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the function of an overlay's plugin with its options, the block without the names of the plugin and its attribute."""
    if overlay is None:
        return None
    options = {key: value for key, value in overlay.items() if key not in ("name", "attribute")}
    return partial(plugins.load("overlays", overlay["name"]).apply_, **options)


def fits(nbytes: int, device: torch.device) -> bool:
    """Return whether inputs of this size are to be held on the device: on a GPU with enough memory; on a CPU the page cache does better."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # cached by torch from finished runs
    return nbytes <= RESIDENT_SHARE * free

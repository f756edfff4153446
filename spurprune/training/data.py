"""Samples on the device: uint8 images that become normalised, augmented float batches there, with no per-sample Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spurprune import plugins


@dataclass(frozen=True)
class Pixels:
    """How uint8 pixels become the network's input: (x / 255 - mean) / std, by channel."""

    mean: Tensor
    std: Tensor
    memory_format: torch.memory_format = torch.channels_last

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float], device: torch.device) -> "Pixels":
        """Return the normalisation for one device; ``mean`` and ``std`` hold one number a channel, of pixels in [0, 1]."""
        shape = (1, len(mean), 1, 1)
        return cls(torch.tensor(mean, device=device).view(shape), torch.tensor(std, device=device).view(shape))

    def normalise(self, images: Tensor) -> Tensor:
        """Return float32 images [N, C, H, W] from uint8 ones."""
        x = images.to(torch.float32).div_(255).sub_(self.mean).div_(self.std)
        return x.contiguous(memory_format=self.memory_format)


@dataclass(frozen=True)
class DeviceImages:
    """Images resident on the device with what belongs to them, all over the same rows.

    ``images`` uint8 [N, C, H, W] with the spurious feature already laid over its carriers, ``label`` int64 [N], ``group`` int64 [N].
    """

    images: Tensor
    label: Tensor
    group: Tensor

    def __len__(self) -> int:
        return len(self.label)


def load(
    inputs: np.ndarray,
    sample_id: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    featured: np.ndarray,
    feature: dict[str, Any] | None,
    device: torch.device,
) -> DeviceImages:
    """Copy the images of some samples to the device and lay the feature over those that are ``featured`` (bool [N]).

    ``inputs`` is the dataset's memory-mapped array, indexed by ``sample_id``; it is read in order, once.
    """
    order = np.argsort(sample_id, kind="stable")
    images = np.empty((len(sample_id), *inputs.shape[1:]), dtype=inputs.dtype)
    images[order] = inputs[sample_id[order]]
    if feature is not None and featured.any():
        options = {key: value for key, value in feature.items() if key != "name"}
        images[featured] = plugins.load("features", feature["name"]).apply_(images[featured], **options)
    return DeviceImages(
        torch.from_numpy(images).to(device),
        torch.from_numpy(label.astype(np.int64)).to(device),
        torch.from_numpy(group.astype(np.int64)).to(device),
    )

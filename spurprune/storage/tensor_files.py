"""Tensor files: torch's tensors in the format of ``spurprune.storage.array_files``, written atomically and checked when read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from spurprune.storage.array_files import checksum_of, metadata, opened, require_checksum
from spurprune.storage.files import replacing


def write(path: Path, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> None:
    """Write tensors on any device by name, and ``content``, JSON values; raises DataError if the file cannot be written."""
    # safetensors refuses tensors that share memory, as tied weights do.
    copies = {name: torch.empty(value.shape, dtype=value.dtype).copy_(value.detach()) for name, value in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(copies, temporary, metadata(content, {name: _checksum(name, value) for name, value in copies.items()}))
        except SafetensorError as error:
            raise OSError(str(error)) from error


def read(path: Path, prefix: str = "") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return (content, tensors) of a file: those whose names start with a prefix, on the CPU, by the rest of their names.

    Only these are read and checked. Raises DataError if the file is missing, damaged or without checksums.
    """
    with opened(path, "pt") as stored:
        tensors = {name: stored.file.get_tensor(name) for name in stored.checksums if name.startswith(prefix)}
        for name, value in tensors.items():
            require_checksum(stored, name, _checksum(name, value))
        return dict(stored.content), {name.removeprefix(prefix): value for name, value in tensors.items()}


def _checksum(name: str, value: Tensor) -> int:
    dtype = str(value.dtype).removeprefix("torch.")
    return checksum_of(name, dtype, tuple(value.shape), value.reshape(-1).view(torch.uint8).numpy())

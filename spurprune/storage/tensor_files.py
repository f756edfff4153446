"""Tensor files in the safetensors format, which cannot hold executable code, written atomically."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spurprune.errors import DataError, first_sentence
from spurprune.storage.files import replacing


def write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors on any device by name, and ``metadata``; raises DataError if the file cannot be written."""
    # safetensors refuses tensors that share memory, as tied weights do.
    copies = {name: torch.empty(value.shape, dtype=value.dtype).copy_(value.detach()) for name, value in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(copies, temporary, metadata=metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def read(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors whose names start with a prefix, on the CPU, by the rest of their names.

    Raises DataError if the file is missing or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; rerun the workflow to create it.")
    try:
        with safe_open(path, framework="pt") as file:
            return {name.removeprefix(prefix): file.get_tensor(name) for name in file.keys() if name.startswith(prefix)}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is damaged or not a safetensors file ({first_sentence(error)}); delete it and rerun.") from error

"""Tensors in a file: safetensors, which holds nothing that could be executed, written by rename."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from spurprune.storage.files import replacing


def write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors of any device by their names, and ``metadata``; raises DataError if the file cannot be written."""
    # safetensors refuses tensors that share memory, as tied weights do.
    copies = {name: torch.empty(value.shape, dtype=value.dtype).copy_(value.detach()) for name, value in tensors.items()}
    with replacing(path) as temporary:
        try:
            save_file(copies, temporary, metadata=metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error

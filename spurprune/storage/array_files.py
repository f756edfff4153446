"""NumPy arrays in the safetensors format, which cannot hold executable code, each with a checksum; without torch.

A file's only metadata entry is JSON: what the writer says of the content, and a checksum of every tensor that covers its name, type, shape
and bytes, sealed by a digest. So one tensor can be read and checked without the others.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from spurprune.errors import DataError, first_sentence
from spurprune.storage.checksums import checksum, sealed, unsealed
from spurprune.storage.files import replacing

KEY = "spurprune"  # the metadata's only entry, since safetensors writes several in arbitrary order


@dataclass(frozen=True)
class Opened:
    """An open file: its ``content`` as the writer described it, and its tensors' ``checksums`` by name."""

    file: Any
    content: Mapping[str, Any]
    checksums: Mapping[str, int]


def write(path: Path, arrays: Mapping[str, np.ndarray], content: Mapping[str, Any]) -> None:
    """Write arrays by name, and ``content``, JSON values; raises DataError if the file cannot be written."""
    contiguous = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    with replacing(path) as temporary:
        try:
            save_file(contiguous, temporary, metadata(content, {name: _checksum(name, value) for name, value in contiguous.items()}))
        except SafetensorError as error:
            raise OSError(str(error)) from error


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return (content, arrays by name) of a file; raises DataError if it is missing, damaged or without checksums."""
    with opened(path, "np") as stored:
        arrays = {name: stored.file.get_tensor(name) for name in stored.checksums}
        for name, value in arrays.items():
            require_checksum(stored, name, _checksum(name, value))
        return dict(stored.content), arrays


def content(path: Path) -> dict[str, Any]:
    """Return what the writer said of a file's content; raises DataError as ``read`` does, without looking at the arrays."""
    with opened(path, "np") as stored:
        return dict(stored.content)


def metadata(content: Mapping[str, Any], checksums: Mapping[str, int]) -> dict[str, str]:
    """Return the metadata of a file of tensors that have these checksums by name."""
    return {KEY: json.dumps(sealed({"content": dict(content), "checksums": dict(checksums)}))}


def checksum_of(name: str, dtype: str, shape: tuple[int, ...], data: np.ndarray) -> int:
    """Return a tensor's checksum; ``data`` holds its bytes, uint8 and contiguous."""
    return checksum(data, checksum(f"{name} {dtype} {list(shape)}".encode()))


def _checksum(name: str, value: np.ndarray) -> int:
    return checksum_of(name, str(value.dtype), value.shape, value.reshape(-1).view(np.uint8))


@contextmanager
def opened(path: Path, framework: str) -> Iterator[Opened]:
    """Open a file whose tensors are read as ``framework``'s, "np" or "pt".

    Raises DataError if it is missing or its metadata are damaged or without checksums, also if the block finds a tensor damaged.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing; rerun the workflow to create it.")
    try:
        with safe_open(path, framework=framework) as file:
            found = unsealed(json.loads((file.metadata() or {}).get(KEY, "{}")))
            if set(file.keys()) != found["checksums"].keys():
                raise ValueError("its tensors are not those that it names")
            yield Opened(file, found["content"], found["checksums"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is damaged or not a file of tensors with checksums ({first_sentence(error)}); delete it and rerun."
        ) from error


def require_checksum(stored: Opened, name: str, found: int) -> None:
    """Raise ValueError, which ``opened`` turns into a DataError, unless a tensor has the checksum that it had when it was written."""
    if found != stored.checksums[name]:
        raise ValueError(f"'{name}' does not have its checksum")

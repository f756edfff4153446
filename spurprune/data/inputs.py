"""The datasets' inputs: one memory-mapped array per dataset, its base table and its manifest."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spurprune.data.grouping import Attribute
from spurprune.errors import DataError, first_sentence
from spurprune.machine import scratch
from spurprune.storage.files import replacing, write_text

KINDS = {"uint8": "images", "int32": "sentences", "float32": "vectors"}  # by the arrays' dtype


@dataclass(frozen=True)
class Manifest:
    """What a prepared dataset holds.

    ``shape`` and ``dtype`` describe one sample of ``inputs.npy``: images are uint8, channel × height × width; sentences int32 tokens;
    vectors float32. ``image_size`` is None where samples keep their size. ``mean`` and ``std`` are per channel over the training
    split, of pixels scaled to [0, 1]. ``vocabulary`` is the fingerprint of the tokenizer's vocabulary where samples are sentences, else
    empty.
    """

    dataset: str
    image_size: int | None
    count: int
    shape: tuple[int, ...]
    dtype: str
    classes: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    split_counts: dict[str, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str
    source: str
    licence: str
    vocabulary: str = ""

    @property
    def kind(self) -> str:
        """What samples are: images, sentences or vectors."""
        return KINDS[self.dtype]

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    def class_index(self, name: str | int) -> int:
        """Return the label of a class given by its name or number; raises DataError if the dataset has no such class."""
        if isinstance(name, int) and 0 <= name < len(self.classes):
            return name
        if str(name) in self.classes:
            return self.classes.index(str(name))
        raise DataError(f"The dataset '{self.dataset}' has no class '{name}'; its classes are {', '.join(self.classes)}.")

    def attribute(self, name: str) -> Attribute:
        """Return an attribute by its name; raises DataError if the dataset has none of that name."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        known = ", ".join(attribute.name for attribute in self.attributes) or "none"
        raise DataError(f"The dataset '{self.dataset}' has no attribute '{name}'; its attributes are {known}.")


def folder_name(dataset: str, image_size: int | None) -> str:
    """Return the folder name of a prepared dataset: the dataset and the size of its samples, "full" for their original size."""
    return f"{dataset}-{'full' if image_size is None else image_size}"


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest as JSON, atomically."""
    write_text(path, json.dumps(asdict(manifest), indent=2, sort_keys=True) + "\n")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; raises DataError that names the file if it is missing or damaged."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("shape", "classes", "mean", "std"):
            raw[name] = tuple(raw[name])
        raw["attributes"] = tuple(Attribute.of_plain(one) for one in raw["attributes"])
        return Manifest(**raw)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; rerun the workflow to create it.") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} is not a dataset manifest ({first_sentence(error)}); delete it and rerun.") from error


def write_inputs(path: Path, inputs: np.ndarray) -> None:
    """Write the inputs array as ``.npy``, atomically."""
    with replacing(path) as temporary, open(temporary, "wb") as out:
        np.save(out, inputs, allow_pickle=False)


def open_inputs(path: Path, manifest: Manifest) -> np.ndarray:
    """Open the inputs memory-mapped, read-only; raises DataError if the file is missing, damaged or not the manifest's."""
    try:
        inputs: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; rerun the workflow to create it.") from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is damaged or not an NPY file ({first_sentence(error)}); delete it and rerun.") from error
    expected = ((manifest.count, *manifest.shape), manifest.dtype)
    if (inputs.shape, str(inputs.dtype)) != expected:
        raise DataError(
            f"{path} holds {inputs.dtype} {inputs.shape}, but its manifest says {expected[1]} {expected[0]}; delete it and rerun."
        )
    return inputs


@contextmanager
def local_inputs(paths: Mapping[str, Path], folder: str | None, limit_gb: int | None = None) -> Iterator[dict[str, Path]]:
    """Yield a job's ``paths`` with inputs replaced by a copy in the node-local ``folder``, which is kept until the block ends.

    ``paths`` has at least the keys inputs and manifest. Without a folder, or if no copy can be made (see ``scratch.local_copy``), the
    paths are unchanged. Raises DataError if the manifest is missing or damaged.
    """
    if not folder:
        yield dict(paths)
        return
    manifest = read_manifest(paths["manifest"])
    array_bytes = manifest.count * math.prod(manifest.shape) * np.dtype(manifest.dtype).itemsize
    name = f"{folder_name(manifest.dataset, manifest.image_size)}-{manifest.sha256}.npy"
    with scratch.local_copy(scratch.Original(paths["inputs"], name, array_bytes, manifest.sha256), folder, limit_gb) as path:
        yield dict(paths) | {"inputs": path}

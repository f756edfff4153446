"""The datasets' inputs: one memory-mapped array per dataset, its base table and its manifest."""

import hashlib
import io
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from spurprune.data.grouping import Attribute
from spurprune.data.positions import POSITION, positions_in
from spurprune.errors import DataError, first_sentence
from spurprune.machine import scratch
from spurprune.storage import checksums, layout
from spurprune.storage.files import replacing, write_text
from spurprune.storage.provenance import INPUTS, Origin, Provenance
from spurprune.storage.regular import require_regular

KINDS = {"uint8": "images", "int32": "sentences", "float32": "vectors"}  # by the arrays' dtype
# Rows are checked in chunks of about this size. Reading one row reads its chunk, once per process: smaller chunks would read less for few
# rows, but make manifests larger: 8 digits per chunk, for a million photos of 224 pixels per side 8 MB.
CHUNK_BYTES = 1 << 18


class DamagedInputsError(DataError):
    """An array whose bytes are not those that its manifest describes."""


class Rows(Protocol):
    """An array of samples of which any rows can be read: a NumPy array, or ``StoredInputs``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, samples first."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return what NumPy's indexing would, for an index of the first axis, alone or before others."""


@dataclass(frozen=True)
class Manifest:
    """What a prepared dataset holds.

    ``shape`` and ``dtype`` describe one sample of ``inputs.npy``: images are uint8, channel × height × width; sentences int32 tokens;
    vectors float32. ``image_size`` is None where samples keep their size. ``mean`` and ``std`` are per channel over the training
    split, of pixels scaled to [0, 1]. ``vocabulary`` is the fingerprint of the tokenizer's vocabulary where samples are sentences, else
    empty. ``sha256`` is the hash of the array's bytes; ``checksums`` holds a CRC-32 for every ``chunk_rows`` rows (see
    ``spurprune.storage.checksums``). ``base`` is the identity of the base table. ``encoded_bytes`` is the size of the array where it
    holds the images as files (see ``spurprune.data.formats.encoding``), else 0; the last checksum then is that of their positions.
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
    chunk_rows: int = 1
    checksums: str = ""
    base: str = ""
    encoded_bytes: int = 0

    @property
    def nbytes(self) -> int:
        """The size of the array, in bytes."""
        return self.encoded_bytes or self.count * math.prod(self.shape) * np.dtype(self.dtype).itemsize

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
    """Write a manifest with its digest as JSON, atomically."""
    write_text(path, json.dumps(checksums.sealed(asdict(manifest)), indent=2, sort_keys=True) + "\n")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; raises DataError that names the file if it is missing or damaged."""
    try:
        require_regular(path)
        raw = checksums.unsealed(json.loads(path.read_text(encoding="utf-8")))
        for name in ("shape", "classes", "mean", "std"):
            raw[name] = tuple(raw[name])
        raw["attributes"] = tuple(Attribute.of_plain(one) for one in raw["attributes"])
        return Manifest(**raw)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; rerun the workflow to create it.") from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"{path} is not a dataset manifest ({first_sentence(error)}); delete it and rerun.") from error


def origin_of(path: Path, manifest: Manifest) -> Origin:
    """Return the origin of a dataset's inputs, which the manifest at ``path`` describes, and with it the array and the base table.

    Raises DataError if the dataset is another than the folder's.
    """
    place = {"dataset": manifest.dataset, "size": folder_name(manifest.dataset, manifest.image_size).removeprefix(f"{manifest.dataset}-")}
    identity = checksums.sealed(json.loads(json.dumps(asdict(manifest))))[checksums.DIGEST]
    found = Origin(str(path), INPUTS, ("dataset", "size"), identity, Provenance(place, "", ""))
    return found.require(layout.place_of(INPUTS, path))


def write_inputs(path: Path, inputs: np.ndarray) -> None:
    """Write the inputs array as ``.npy``, atomically."""
    with replacing(path) as temporary, open(temporary, "wb") as out:
        np.save(out, np.asarray(inputs, order="C"), allow_pickle=False)


def content_of(array: np.ndarray) -> dict[str, Any]:
    """Return the fields of a manifest that follow from its array, by name; the array may be a memory map, and is read once."""
    digest, found = hashlib.sha256(), []
    rows = max(1, CHUNK_BYTES // max(1, math.prod(array.shape[1:]) * array.itemsize))
    for start in range(0, len(array), rows):
        part = np.ascontiguousarray(array[start : start + rows])
        digest.update(part.data)
        found.append(checksums.checksum(part))
    return {
        "count": len(array),
        "shape": tuple(array.shape[1:]),
        "dtype": str(array.dtype),
        "sha256": digest.hexdigest(),
        "chunk_rows": rows,
        "checksums": checksums.to_text(found),
    }


def content_of_encoded(array: np.ndarray, count: int, size: int) -> dict[str, Any]:
    """Return what ``content_of`` does, for an array that holds ``count`` images of ``size`` pixels per side as files."""
    positions = positions_in(array, count)
    rows = max(1, CHUNK_BYTES * count // int(positions[-1]))
    edges = [*positions[:-1:rows].tolist(), int(positions[-1]), len(array)]
    digest, found = hashlib.sha256(), []
    for start, end in pairwise(edges):
        part = np.ascontiguousarray(array[start:end])
        digest.update(part.data)
        found.append(checksums.checksum(part))
    return {
        "count": count,
        "shape": (3, size, size),
        "dtype": "uint8",
        "sha256": digest.hexdigest(),
        "chunk_rows": rows,
        "checksums": checksums.to_text(found),
        "encoded_bytes": len(array),
    }


class StoredInputs(ABC):
    """A dataset's memory-mapped inputs [N, …], indexed like an array; each chunk of rows is checked when it is first read.

    ``path`` names the file in messages. Reading rows raises DamagedInputsError if their chunk does not have the manifest's checksum, and
    DataError if there are no such rows. A chunk is not checked again in the same process.
    """

    def __init__(self, path: Path, manifest: Manifest, chunks: int) -> None:
        """Raise DataError unless the manifest has checksums for so many chunks."""
        self._path = path
        self._manifest = manifest
        self._expected = checksums.of_text(manifest.checksums)
        self._unchecked = np.ones(len(self._expected), dtype=bool)
        if len(self._expected) != chunks:
            raise DataError(f"The manifest of {path} has no checksums for it; delete both and rerun.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, samples first."""
        return (self._manifest.count, *self._manifest.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the values."""
        return np.dtype(self._manifest.dtype)

    def __len__(self) -> int:
        return self._manifest.count

    def __getitem__(self, key: Any, /) -> np.ndarray:
        """Return what NumPy's indexing would, for an index of the first axis, alone or before others; arrays hold no negative positions."""
        self._check(key[0] if isinstance(key, tuple) else key)
        return self._taken(key)

    @abstractmethod
    def _taken(self, key: Any) -> np.ndarray:
        """Return what NumPy's indexing would."""

    @abstractmethod
    def _stored(self, first: int, last: int) -> np.ndarray:
        """Return what is stored of the rows from ``first`` to before ``last``, as bytes that lie together."""

    def _rows(self, index: Any) -> np.ndarray:
        """Return the positions that an index of the first axis means."""
        if not isinstance(index, np.ndarray) or index.dtype.kind not in "iu":
            index = np.atleast_1d(np.arange(len(self))[index])
        found: np.ndarray = index
        return found

    def _check(self, index: Any) -> None:
        """Check the chunks of some rows that have not been read yet; ``index`` is of the first axis."""
        rows = self._rows(index)
        if not len(rows):
            return
        if rows.min() < 0 or rows.max() >= len(self):
            raise DataError(
                f"{self._path} holds {len(self)} samples, but sample {rows.min() if rows.min() < 0 else rows.max()} is asked for: it is "
                "not the dataset from which the samples were made; delete its folder and rerun."
            )
        chunk_rows = self._manifest.chunk_rows
        chunks = rows // chunk_rows
        for chunk in np.unique(chunks[self._unchecked[chunks]]).tolist():
            first, last = chunk * chunk_rows, min((chunk + 1) * chunk_rows, len(self))
            if checksums.checksum(self._stored(first, last)) != self._expected[chunk]:
                raise DamagedInputsError(
                    f"{self._path} is damaged or of another dataset (samples {first} to {last - 1} do not have the checksum in its "
                    "manifest); delete it and rerun."
                )
            self._unchecked[chunk] = False


class PlainInputs(StoredInputs):
    """Inputs that are stored as they are used."""

    def __init__(self, path: Path, array: np.ndarray, manifest: Manifest) -> None:
        """Take an array that has the manifest's shape and dtype; raises DataError if the manifest lacks checksums for it."""
        super().__init__(path, manifest, math.ceil(len(array) / manifest.chunk_rows))
        self._array = array

    def _taken(self, key: Any) -> np.ndarray:
        found: np.ndarray = self._array[key]
        return found

    def _stored(self, first: int, last: int) -> np.ndarray:
        return self._array[first:last]


class EncodedInputs(StoredInputs):
    """Images that are stored as files, decoded when they are read, by so many ``threads``."""

    def __init__(self, path: Path, array: np.ndarray, manifest: Manifest, threads: int) -> None:
        """Take an array of the manifest's size; raises DamagedInputsError if the images' positions in it are damaged."""
        super().__init__(path, manifest, math.ceil(manifest.count / manifest.chunk_rows) + 1)
        self._array = array
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        size = (manifest.count + 1) * POSITION.itemsize
        try:
            if checksums.checksum(array[-size:]) != self._expected[-1]:
                raise ValueError("the positions of its images do not have the checksum in its manifest")
            self._positions = positions_in(array, manifest.count)
        except ValueError as error:
            raise DamagedInputsError(f"{path} is damaged ({error}); delete it and rerun.") from error

    def files(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return the JPEG files of some rows, uint8 in one dimension each; raises errors as reading rows does."""
        self._check(rows)
        return [self._file(row) for row in rows.tolist()]

    def _taken(self, key: Any) -> np.ndarray:
        index, *others = key if isinstance(key, tuple) else (key,)
        if index is None or isinstance(index, bool) or not all(isinstance(one, (int, np.integer, slice)) for one in others):
            raise TypeError(f"images that are stored as files cannot be indexed by {key!r}")
        found = self._decoded(self._rows(index).ravel())
        if np.ndim(index) == 0 and not isinstance(index, slice):  # one image alone
            return found[(0, *others)]
        return found[(slice(None), *others)]

    def _decoded(self, rows: np.ndarray) -> np.ndarray:
        """Return the images of some rows, uint8 [N, 3, H, W]."""
        from PIL import Image  # imported here, since other inputs do not need it

        found = np.empty((len(rows), *self.shape[1:]), dtype=np.uint8)

        def decode(place: int) -> None:
            with Image.open(io.BytesIO(self._file(int(rows[place])).data), formats=("JPEG",)) as picture:
                found[place] = np.asarray(picture).transpose(2, 0, 1)

        if self._pool is None or len(rows) < 2:
            for place in range(len(rows)):
                decode(place)
        else:
            list(self._pool.map(decode, range(len(rows))))
        return found

    def _file(self, row: int) -> np.ndarray:
        return self._array[self._positions[row] : self._positions[row + 1]]

    def _stored(self, first: int, last: int) -> np.ndarray:
        return self._array[self._positions[first] : self._positions[last]]


def open_inputs(path: Path, manifest: Manifest, threads: int = 1) -> StoredInputs:
    """Open the inputs memory-mapped, read-only; ``threads`` decode images that are stored as files.

    Raises DataError if the file is missing, DamagedInputsError if it is damaged or not the manifest's; its samples are checked as they
    are read.
    """
    require_regular(path)
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(mapped, np.memmap):
            raise ValueError("it is an archive of arrays")
    except FileNotFoundError:
        raise DataError(f"{path} is missing; rerun the workflow to create it.") from None
    except Exception as error:  # NumPy parses a damaged header as Python, with errors of many kinds
        raise DamagedInputsError(f"{path} is damaged or not an NPY file ({first_sentence(error)}); delete it and rerun.") from error
    encoded = manifest.encoded_bytes
    expected = ((encoded,), "uint8") if encoded else ((manifest.count, *manifest.shape), manifest.dtype)
    if (mapped.shape, str(mapped.dtype)) != expected:
        raise DamagedInputsError(
            f"{path} holds {mapped.dtype} {mapped.shape}, but its manifest says {expected[1]} {expected[0]}; delete it and rerun."
        )
    if not mapped.flags.c_contiguous or path.stat().st_size != mapped.offset + mapped.nbytes:
        raise DamagedInputsError(f"{path} is damaged (it does not hold its samples one after the other to its end); delete it and rerun.")
    array = np.asarray(mapped)
    return EncodedInputs(path, array, manifest, threads) if encoded else PlainInputs(path, array, manifest)


@contextmanager
def local_inputs(paths: Mapping[str, Path], folder: str | None, limit_gb: int | None = None) -> Iterator[dict[str, Path]]:
    """Yield a job's ``paths`` with inputs replaced by a copy in the node-local ``folder``, which is kept until the block ends.

    ``paths`` has at least the keys inputs and manifest. Without a folder, or if no copy can be made (see ``scratch.local_copy``), the
    paths are unchanged. Raises DataError if the manifest or the inputs are missing or damaged. If the block finds the copy damaged, the
    copy is removed, so that a rerun makes another.
    """
    if not folder:
        yield dict(paths)
        return
    manifest = read_manifest(paths["manifest"])
    original = paths["inputs"]
    open_inputs(original, manifest)  # else a damaged header would be copied
    name = f"{folder_name(manifest.dataset, manifest.image_size)}-{manifest.sha256}.npy"
    with scratch.local_copy(scratch.Original(original, name, manifest.nbytes, manifest.sha256), folder, limit_gb) as path:
        try:
            yield dict(paths) | {"inputs": path}
        except DamagedInputsError as error:
            if path == original:
                raise
            path.unlink(missing_ok=True)
            raise DataError(f"{path}, this node's copy of {original}, was damaged and has been removed; rerun to make another.") from error

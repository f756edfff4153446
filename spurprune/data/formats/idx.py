"""MNIST's file format, idx, and releases that consist of its four files."""

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune.data.raw import RawDataset
from spurprune.errors import DataError, first_sentence
from spurprune.machine.logs import log
from spurprune.storage.columns import labels

SIDE = 28  # pixels
PREFIXES = {"train": "train", "test": "t10k"}  # of the files of each split
FILES = tuple(f"{prefix}-{part}" for prefix in PREFIXES.values() for part in ("images-idx3-ubyte", "labels-idx1-ubyte"))
UINT8 = 0x08  # for unsigned bytes in the magic number, whose last byte is the number of dimensions


@dataclass(frozen=True)
class Release:
    """A release of 28×28 images in four idx files.

    ``dataset`` is its name here, ``folder`` torchvision's name for its folder; ``class_counts`` are the images per class of the train and
    the test files; ``md5`` is that of every unpacked file.
    """

    dataset: str
    title: str
    folder: str
    classes: tuple[str, ...]
    class_counts: Mapping[str, tuple[int, ...]]
    md5: Mapping[str, str]
    source: str
    licence: str


def locate(release: Release, source: Path) -> list[Path]:
    """Return the four files, in the order of FILES, in ``source`` or in torchvision's layout; raises DataError if any is missing.

    An unpacked file takes precedence over a gzipped one.
    """
    folders = (source, source / release.folder / "raw")
    found = [[path for name in FILES for path in _either(folder / name)] for folder in folders]
    for paths in found:
        if len(paths) == len(FILES):
            return paths
    folder, paths = max(zip(folders, found, strict=True), key=lambda pair: len(pair[1]))
    missing = [name for name in FILES if name not in {path.name.removesuffix(".gz") for path in paths}]
    raise DataError(
        f"{release.title} is not at {source}: place {', '.join(missing)}, gzipped or not, in {folder}, or set data.{release.dataset} to "
        "the folder that holds the four files."
    )


def _either(path: Path) -> list[Path]:
    """Return the file, else its gzipped form, else nothing."""
    return [one for one in (path, path.with_name(f"{path.name}.gz")) if one.is_file()][:1]


def read(release: Release, source: Path, image_size: int) -> RawDataset:
    """Read 70,000 images [N, 1, 28, 28] in the files' order, training then test.

    Raises DataError if a file is missing, damaged or not an idx file of the release's size, or if the counts are not the release's. A file
    with another checksum but the right format and counts is read with a warning.
    """
    if image_size != SIDE:
        raise DataError(f"{release.title} holds {SIDE}×{SIDE} images, so image_size must be {SIDE}, not {image_size}.")
    paths = dict(zip(FILES, locate(release, source), strict=True))
    sizes = {split: sum(counts) for split, counts in release.class_counts.items()}
    images: list[np.ndarray] = []
    label: list[np.ndarray] = []
    keys: list[str] = []
    md5: dict[str, str] = {}
    for split, prefix in PREFIXES.items():
        name = f"{prefix}-images-idx3-ubyte"
        pixels, md5[name] = _values(paths[name], (sizes[split], SIDE, SIDE))
        images.append(pixels)
        keys.extend(f"{name}[{i}]" for i in range(sizes[split]))
        name = f"{prefix}-labels-idx1-ubyte"
        classes, md5[name] = _values(paths[name], (sizes[split],))
        label.append(classes)
        counts = tuple(np.bincount(classes, minlength=len(release.classes)).tolist())
        if counts != release.class_counts[split]:
            raise DataError(
                f"{paths[name]} holds {counts} images per class, but the release {release.class_counts[split]}; use an original copy."
            )
    for name, found in md5.items():
        if found != release.md5[name]:
            what = "%s has the format and the counts of the release, but other content (md5 %s unpacked, published %s)"
            log.warning(what, paths[name], found, release.md5[name])
    log.info("%s from %s", release.title, paths[FILES[0]].parent)
    base = pa.table(
        {
            "sample_id": np.arange(len(keys), dtype=np.int64),
            "split": labels(np.repeat(list(sizes), list(sizes.values())), ("train", "validation", "test")),
            "label": np.concatenate(label).astype(np.int16),
            "key": keys,
        }
    )
    split_counts = {"train": sizes["train"], "validation": 0, "test": sizes["test"]}
    return RawDataset(np.concatenate(images)[:, None], base, release.classes, split_counts, release.source, release.licence)


def _values(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, str]:
    """Return (uint8 values, md5 of the unpacked content) of an idx file that must hold values of this shape."""
    header = struct.pack(f">{1 + len(shape)}I", UINT8 << 8 | len(shape), *shape)
    expected = len(header) + math.prod(shape)
    content = _content(path, expected + 1)
    if len(content) < expected and content[: len(header)] == header[: len(content)]:
        raise DataError(f"{path} is cut off after {len(content):,} of {expected:,} bytes; use an original copy.")
    if content[:4] != header[:4]:
        raise DataError(
            f"{path} has the magic number {int.from_bytes(content[:4], 'big')}, but must have {int.from_bytes(header[:4], 'big')}; "
            "use an original copy."
        )
    if content[: len(header)] != header:
        found = struct.unpack_from(f">{len(shape)}I", content.ljust(len(header), b"\0"), offset=4)
        raise DataError(f"{path} holds {_product(found)} values, but the release {_product(shape)}; use an original copy.")
    if len(content) > expected:
        raise DataError(f"{path} holds more than the {expected:,} bytes of the release; use an original copy.")
    values = np.frombuffer(content, dtype=np.uint8, offset=len(header)).reshape(shape)
    return values, hashlib.md5(content, usedforsecurity=False).hexdigest()


def _content(path: Path, limit: int) -> bytes:
    """Return the first ``limit`` bytes of a file, unpacked if it is gzipped, so that a small file cannot unpack to a huge one."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as stream:
            return stream.read(limit)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read or is damaged ({first_sentence(error)}); use an original copy.") from error


def _product(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))

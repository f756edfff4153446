"""Image files, decoded once and in parallel into one memory-mapped array; interrupted decoding resumes where it stopped."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from spurprune.errors import DataError, first_sentence
from spurprune.machine.logs import Progress, log
from spurprune.storage.checksums import checksum, sealed, unsealed
from spurprune.storage.files import settle, write_text, writing
from spurprune.storage.regular import require_regular

CHUNK = 256  # images between two records of progress
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # no space; other errors mean that the file system cannot allocate in advance


class DamagedImageError(DataError):
    """An image that is missing or cannot be decoded."""


Preparation = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True)
class ImageFiles:
    """Images below ``root`` in the order of the dataset's samples, each to become uint8 [3, size, size].

    ``prepare`` maps an RGB picture to one of ``size`` × ``size`` pixels; ``preparation`` describes it, so that interrupted
    decoding resumes only with the same preparation.
    """

    root: Path
    names: Sequence[str]
    size: int
    prepare: Preparation
    preparation: str

    def __len__(self) -> int:
        return len(self.names)

    def read(self, row: int) -> np.ndarray:
        """Return one image, uint8 [3, size, size]; raises DamagedImageError that names its file."""
        path = self.root / self.names[row]
        try:
            require_regular(path, "The image")
            with Image.open(path) as picture:
                pixels = np.asarray(self.prepare(picture.convert("RGB")))
        except FileNotFoundError:
            raise DamagedImageError(
                f"The image {path} is missing; use a complete copy of the dataset, or set damaged_images to skip."
            ) from None
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            if (
                isinstance(error, OSError) and error.errno is not None
            ):  # from the file system, so it may be temporary: no reason to skip the image
                raise DataError(f"The image {path} cannot be read ({error.strerror}); fix that and rerun.") from error
            raise DamagedImageError(
                f"The image {path} is damaged ({first_sentence(error)}); use an original copy, or set damaged_images to skip."
            ) from error
        if pixels.shape != (self.size, self.size, 3):
            raise ValueError(f"{path} was prepared to {pixels.shape}, not to {self.size} pixels per side")
        return pixels.transpose(2, 0, 1)

    def identity(self) -> str:
        """Return a hash of what decides the decoded array: the files' names, sizes and times, and their preparation."""
        files = [(name, [found.st_size, found.st_mtime_ns] if (found := _stat(self.root / name)) else None) for name in self.names]
        return hashlib.sha256(json.dumps([self.preparation, self.size, files]).encode()).hexdigest()


def decode(images: ImageFiles, output: Path, threads: int, skip_damaged: bool) -> list[int]:
    """Decode all images into ``output`` (.npy, atomically) and return the rows of skipped ones, empty unless ``skip_damaged``.

    Skipped images are missing from the array. Unfinished work is kept beside the output, in ``.NAME.decoding`` files, and the same call
    resumes it. Unless ``skip_damaged``, raises DamagedImageError at the first damaged image.
    """
    partial, notes = output.with_name(f".{output.name}.decoding"), output.with_name(f".{output.name}.decoding.json")
    identity, shape = images.identity(), (len(images), 3, images.size, images.size)
    unfinished = _unfinished(partial, notes, identity, shape)
    if unfinished and (skip_damaged or not unfinished[1].damaged):  # else started by a run that skipped them
        array, noted = unfinished
        log.info("decoding resumes after %d images", noted.done)
    else:
        with writing(partial):
            notes.unlink(missing_ok=True)
        array, noted = _allocated(partial, shape), _Notes(identity)
    done, damaged, found = noted.done, list(noted.damaged), noted.checksum
    progress = Progress(len(images), f"decoding {len(images)} images", "image")
    progress.find("images", done)
    with ThreadPoolExecutor(threads) as pool:
        for start in range(done, len(images), CHUNK):
            rows = range(start, min(start + CHUNK, len(images)))
            damaged.extend(_decode_rows(images, rows, array, pool, skip_damaged))
            array.flush()
            found = checksum(array[rows.start : rows.stop], found)
            write_text(notes, json.dumps(sealed(asdict(_Notes(identity, rows.stop, damaged, found)))))
            progress.step(len(rows))
    if damaged:
        _shorten(array, damaged, output)
        partial.unlink()
    else:
        with writing(output):
            settle(partial, output)
    del array
    notes.unlink()
    return damaged


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _allocated(path: Path, shape: tuple[int, ...]) -> "np.memmap[Any, np.dtype[Any]]":
    """Return a new memory-mapped array, uint8, with its disk space allocated: else a full disk would kill the process.

    Raises DataError if there is no space.
    """
    with writing(path):
        array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        if hasattr(os, "posix_fallocate"):  # not on macOS
            with open(path, "r+b") as file:
                try:
                    os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
                except OSError as error:
                    if error.errno in FULL:
                        path.unlink()
                        raise
    return array


def _decode_rows(images: ImageFiles, rows: range, array: np.ndarray, pool: ThreadPoolExecutor, skip_damaged: bool) -> list[int]:
    """Decode some rows into the array and return those that are damaged."""

    def one(row: int) -> int | None:
        try:
            array[row] = images.read(row)
        except DamagedImageError as error:
            if not skip_damaged:
                raise
            log.warning("skipped: %s", error)
            return row
        return None

    return [row for row in pool.map(one, rows) if row is not None]


@dataclass(frozen=True)
class _Notes:
    """Progress of decoding: of which images, how many are decoded, the rows of damaged ones, the checksum of the decoded rows."""

    identity: str
    done: int = 0
    damaged: Sequence[int] = ()
    checksum: int = 0


def _unfinished(partial: Path, notes: Path, identity: str, shape: tuple[int, ...]) -> "tuple[np.memmap[Any, np.dtype[Any]], _Notes] | None":
    """Return the array and the notes of interrupted decoding of the same images, or None if there is none, or none that is undamaged."""
    try:
        noted = _Notes(**unsealed(json.loads(notes.read_text(encoding="utf-8"))))
        array = np.lib.format.open_memmap(partial, mode="r+")
    except Exception:  # NumPy parses a damaged header as Python, with errors of many kinds
        return None
    same = noted.identity == identity and (array.shape, array.dtype, array.flags.c_contiguous) == (shape, np.dtype(np.uint8), True)
    if not same or partial.stat().st_size != array.offset + array.nbytes or noted.checksum != _checksum_of(array, noted.done):
        return None
    return array, noted


def _checksum_of(array: np.ndarray, rows: int) -> int:
    found = 0
    for start in range(0, rows, CHUNK):
        found = checksum(array[start : min(start + CHUNK, rows)], found)
    return found


def _shorten(array: np.ndarray, rows: Sequence[int], path: Path) -> None:
    """Write the array without some rows to ``path``, atomically."""
    kept = np.setdiff1d(np.arange(len(array)), rows)
    shorter = path.with_name(f".{path.name}.shorter")
    result = _allocated(shorter, (len(kept), *array.shape[1:]))
    for start in range(0, len(kept), CHUNK):
        result[start : start + CHUNK] = array[kept[start : start + CHUNK]]
    result.flush()
    with writing(path):
        settle(shorter, path)

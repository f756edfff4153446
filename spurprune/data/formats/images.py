"""Image files, decoded once and in parallel into one memory-mapped array; interrupted decoding resumes where it stopped."""

import errno
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from PIL import Image, UnidentifiedImageError

from spurprune.data.formats import pictures
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


class Images(Protocol):
    """Encoded images in the order of the dataset's samples, each to become uint8 [3, size, size]."""

    @property
    def size(self) -> int:
        """The pixels per side."""

    def __len__(self) -> int:
        """Return the number of images."""

    def read(self, row: int) -> np.ndarray:
        """Return one image, uint8 [3, size, size]; raises DamagedImageError that names it."""

    def identity(self) -> str:
        """Return a hash of what decides the decoded array, so that interrupted decoding resumes only with the same images."""


def plain_rgb(picture: Image.Image) -> Image.Image:
    """Return a picture in mode RGB as Pillow converts it, which is what the literature's code does with released datasets.

    Pillow would clip deep pictures, of which releases have none: those are scaled as in ``pictures.to_rgb``.
    """
    try:
        return pictures.to_rgb(picture) if picture.mode in pictures.DEEP else picture.convert("RGB")
    except pictures.RangeError as error:
        raise ValueError(str(error)) from error  # no option of a release's


@dataclass(frozen=True)
class ImageFiles:
    """Images below ``root``; see ``Images``.

    ``prepare`` maps a picture in RGB, which ``convert`` makes, to one of ``size`` × ``size`` pixels; ``preparation`` describes both.
    """

    root: Path
    names: Sequence[str]
    size: int
    prepare: Preparation
    preparation: str
    convert: Preparation = plain_rgb

    def __len__(self) -> int:
        return len(self.names)

    def read(self, row: int) -> np.ndarray:
        """Return one image, uint8 [3, size, size]; raises DamagedImageError that names its file."""
        path = self.root / self.names[row]
        try:
            require_regular(path, "The image")
            return pixels(path, f"The image {path}", lambda picture: self.prepare(self.convert(picture)), self.size)
        except FileNotFoundError:
            raise DamagedImageError(
                f"The image {path} is missing; use a complete copy of the dataset, or set damaged_images to skip."
            ) from None
        except OSError as error:  # from the file system, so it may be temporary: no reason to skip the image
            raise DataError(f"The image {path} cannot be read ({error.strerror}); fix that and rerun.") from error

    def identity(self) -> str:
        """Return a hash of the files' names, sizes and times, and their preparation."""
        files = [(name, [found.st_size, found.st_mtime_ns] if (found := _stat(self.root / name)) else None) for name in self.names]
        return hashlib.sha256(json.dumps([self.preparation, self.size, files]).encode()).hexdigest()


class _Room:
    """Room for pixels that are decoded at one time by all threads; a picture that is larger than all of it waits until it is alone."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until there is room, and keep it until the block ends."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + pixels <= self._pixels)
            self._used += pixels
        try:
            yield
        finally:
            with self._changed:
                self._used -= pixels
                self._changed.notify_all()


# Twice Pillow's limit for one picture's warning is its limit for an error, so any picture that it opens fits. 2 GB at 12 bytes per pixel,
# which a picture of floating-point numbers and its copies take.
_ROOM = _Room(2 * (Image.MAX_IMAGE_PIXELS or 0))


def pixels(source: Path | BinaryIO, name: str, prepare: Preparation, size: int) -> np.ndarray:
    """Return a picture that ``prepare`` makes of a file of one of ``pictures.FORMATS``, uint8 [3, size, size].

    Raises DamagedImageError that begins with ``name`` if it cannot be decoded, DataError if its values are beyond the range that
    is scaled or memory does not suffice, and OSError with a number if the file cannot be read.
    """
    found = decoded(source, name, prepare)
    if found.shape != (size, size, 3):
        raise ValueError(f"{name} was prepared to {found.shape}, not to {size} pixels per side")
    return found.transpose(2, 0, 1)


def decoded(source: Path | BinaryIO, name: str, prepare: Preparation) -> np.ndarray:
    """Return the array of a picture that ``prepare`` makes of a file of one of ``pictures.FORMATS``; raises errors as ``pixels`` does."""
    try:
        with Image.open(source, formats=pictures.FORMATS) as picture, _ROOM.taken(picture.width * picture.height):
            return np.asarray(prepare(picture))
    except UnidentifiedImageError as error:
        raise DamagedImageError(
            f"{name} is damaged or of another format than {', '.join(pictures.FORMATS)}; use an original copy or convert it, or set "
            "damaged_images to skip."
        ) from error
    except pictures.RangeError as error:
        raise DataError(f"{name} cannot be scaled, since {error}; give the dataset an 'intensity: [lowest, highest]'.") from error
    except MemoryError as error:
        raise DataError(f"{name} does not fit into memory; make it smaller, or run fewer jobs at once.") from error
    except Exception as error:  # Pillow's decoders raise errors of many kinds
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedImageError(
            f"{name} is damaged ({first_sentence(error)}); use an original copy, or set damaged_images to skip."
        ) from error


def decode(images: Images, output: Path, threads: int, skip_damaged: bool) -> list[int]:
    """Decode all images into ``output`` (.npy, atomically) and return the rows of skipped ones, empty unless ``skip_damaged``.

    Skipped images are missing from the array. Unfinished work is kept beside the output, in ``.NAME.decoding`` files, and the same call
    resumes it. Unless ``skip_damaged``, raises DamagedImageError at the first damaged image; else DataError if all are damaged.
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
    if len(damaged) == len(images):
        notes.unlink()  # so that a rerun tries them anew
        partial.unlink()
        raise DataError(f"None of the {len(images):,} images could be decoded; the log names each, so correct or remove them.")
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
    except (OSError, ValueError):  # a name that no file can have is named when it is read
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


def _decode_rows(images: Images, rows: range, array: np.ndarray, pool: ThreadPoolExecutor, skip_damaged: bool) -> list[int]:
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

"""Images as JPEG files one after the other in one array, a fraction of the pixels' size; interrupted encoding resumes where it stopped.

The array, uint8 in one dimension, holds the files and, at its end, their positions (see ``spurprune.data.positions``).
"""

import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from spurprune.data.formats.images import CHUNK, DamagedImageError, Images
from spurprune.data.positions import POSITION
from spurprune.errors import DataError
from spurprune.machine.logs import Progress, log
from spurprune.storage.checksums import checksum, sealed, unsealed
from spurprune.storage.files import settle, write_text, writing

QUALITY = 95  # with colours at full resolution (ours)
HEADER = 128  # bytes of an NPY file of one dimension before its data


def to_jpeg(pixels: np.ndarray) -> bytes:
    """Return an image, uint8 [3, H, W], as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


def encode(images: Images, output: Path, threads: int, skip_damaged: bool) -> list[int]:
    """Decode all images and encode them into ``output`` (.npy, atomically); return the rows of skipped ones, which are missing there.

    Unfinished work is kept beside the output, in ``.NAME.encoding`` files, and the same call resumes it. Unless ``skip_damaged``, raises
    DamagedImageError at the first damaged image; else DataError if all are damaged.
    """
    partial, notes, sizes = (output.with_name(f".{output.name}.encoding{end}") for end in ("", ".json", ".sizes"))
    noted = _unfinished(partial, notes, sizes, f"{images.identity()}, quality {QUALITY}")
    if noted.done and (skip_damaged or not noted.damaged):  # else started by a run that skipped them
        log.info("encoding resumes after %d images", noted.done)
    else:
        noted = _Notes(noted.identity)
        for path, content in ((partial, bytes(HEADER)), (sizes, b"")):
            with writing(path):
                path.write_bytes(content)
    progress = Progress(len(images), f"encoding {len(images)} images", "image")
    progress.find("images", noted.done)
    with ThreadPoolExecutor(threads) as pool, writing(partial), open(partial, "r+b") as file, open(sizes, "r+b") as lengths:
        for one, place in ((file, HEADER + noted.nbytes), (lengths, noted.kept * POSITION.itemsize)):
            one.seek(place)
            one.truncate()
        for start in range(noted.done, len(images), CHUNK):
            rows = range(start, min(start + CHUNK, len(images)))
            encoded = list(pool.map(lambda row: _encoded(images, row, skip_damaged), rows))
            kept = [one for one in encoded if one is not None]
            content, of_kept = b"".join(kept), np.array([len(one) for one in kept], dtype=POSITION).tobytes()
            file.write(content)
            lengths.write(of_kept)
            for one in (file, lengths):
                one.flush()
            noted = _Notes(
                noted.identity,
                done=rows.stop,
                damaged=[*noted.damaged, *(row for row, one in zip(rows, encoded, strict=True) if one is None)],
                kept=noted.kept + len(kept),
                nbytes=noted.nbytes + len(content),
                checksum=checksum(content, noted.checksum),
                checksum_of_sizes=checksum(of_kept, noted.checksum_of_sizes),
            )
            write_text(notes, json.dumps(sealed(asdict(noted))))
            progress.step(len(rows))
        if noted.kept:
            _finish(file, np.cumsum(np.concatenate([[0], np.fromfile(sizes, dtype=POSITION)])))
    if not noted.kept:
        for path in (notes, partial, sizes):  # so that a rerun tries them anew
            path.unlink()
        raise DataError(f"None of the {len(images):,} images could be decoded; the log names each, so correct or remove them.")
    with writing(output):
        settle(partial, output)
    notes.unlink()
    sizes.unlink()
    return list(noted.damaged)


@dataclass(frozen=True)
class _Notes:
    """Progress of encoding: of which images, how many are done, the rows of damaged ones; the files' number, bytes and checksums."""

    identity: str
    done: int = 0
    damaged: Sequence[int] = ()
    kept: int = 0
    nbytes: int = 0
    checksum: int = 0
    checksum_of_sizes: int = 0


def _encoded(images: Images, row: int, skip_damaged: bool) -> bytes | None:
    try:
        return to_jpeg(images.read(row))
    except DamagedImageError as error:
        if not skip_damaged:
            raise
        log.warning("skipped: %s", error)
        return None


def _finish(file: BinaryIO, positions: np.ndarray) -> None:
    """Write the positions after the files, and the header before them."""
    file.write(positions.astype(POSITION).tobytes())
    size = file.tell() - HEADER
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (size,)})
    if len(header.getvalue()) != HEADER:
        raise ValueError(f"NumPy wrote a header of {len(header.getvalue())} bytes, not {HEADER}")
    file.seek(0)
    file.write(header.getvalue())


def _unfinished(partial: Path, notes: Path, sizes: Path, identity: str) -> _Notes:
    """Return the notes of interrupted encoding of the same images, without progress if there is none, or none that is undamaged."""
    try:
        noted = _Notes(**unsealed(json.loads(notes.read_text(encoding="utf-8"))))
        found = _checksum_of(partial, HEADER, noted.nbytes), _checksum_of(sizes, 0, noted.kept * POSITION.itemsize)
    except (OSError, ValueError, TypeError):
        return _Notes(identity)
    return noted if (noted.identity, noted.checksum, noted.checksum_of_sizes) == (identity, *found) else _Notes(identity)


def _checksum_of(path: Path, start: int, size: int) -> int:
    """Return the checksum of some bytes of a file, of which there may be fewer."""
    found = 0
    with open(path, "rb") as file:
        file.seek(start)
        while size and (content := file.read(min(size, 1 << 20))):
            found, size = checksum(content, found), size - len(content)
    return found

"""CIFAR-10 in parts small enough to travel, and joined again: lossless images, checked by SHA-256.

``cut SOURCE PARTS`` reads ``SOURCE/cifar-10-batches-py``, or a prepared dataset's inputs.npy and base.parquet, and writes part files with
``parts.json`` beside them; ``join PARTS TARGET`` checks the parts and writes ``TARGET/cifar-10-batches-py``, which the package reads.
"""

import argparse
import hashlib
import io
import json
import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from spurprune.data.datasets import cifar10
from spurprune.errors import DataError
from spurprune.storage.columns import to_numpy

LARGEST = 60_000_000  # bytes of a part
INDEX = "parts.json"
FILES = [file for files in cifar10.FILES.values() for file in files]
ROOM = 1.01  # of the images' bytes: what the file adds


def read(source: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (images uint8 [N, 3, H, W], labels int64 [N]) of the release's folder or of a prepared dataset, in the release's order.

    Raises DataError if ``source`` holds neither.
    """
    if (source / "inputs.npy").is_file():
        images: np.ndarray = np.load(source / "inputs.npy", mmap_mode="r", allow_pickle=False)
        base = pq.read_table(source / "base.parquet", columns=["sample_id", "label"])
        place = to_numpy(base.column("sample_id"))
        return np.asarray(images)[place], to_numpy(base.column("label")).astype(np.int64)
    raw = cifar10.read(source, 32)
    assert isinstance(raw.inputs, np.ndarray)
    return raw.inputs, to_numpy(raw.base.column("label")).astype(np.int64)


def encode(image: np.ndarray) -> bytes:
    """Return an image, uint8 [3, H, W], as lossless WebP."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))).save(out, "webp", lossless=True, quality=100, method=4, exact=True)
    return out.getvalue()


def decode(data: bytes) -> np.ndarray:
    """Return the image that ``encode`` wrote, uint8 [3, H, W]."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).transpose(2, 0, 1)


def cut(source: Path, parts: Path, largest: int = LARGEST) -> list[Path]:
    """Write the images of ``source`` as parts of at most ``largest`` bytes and return their paths.

    Raises DataError if ``largest`` is too small for a single image.
    """
    images, label = read(source)
    with ThreadPoolExecutor() as pool:
        encoded = list(pool.map(encode, images))
    parts.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (first, end) in enumerate(_spans([len(data) for data in encoded], largest)):
        path = parts / f"cifar10-{number}.parquet"
        table = pa.table({"image": pa.array(encoded[first:end], pa.binary()), "label": label[first:end].astype(np.int16)})
        pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
        if path.stat().st_size > largest:
            raise DataError(f"{path} has {path.stat().st_size} bytes, more than the {largest} allowed; allow larger parts.")
        paths.append(path)
    index = {
        "parts": [{"name": path.name, "sha256": _sha256(path), "bytes": path.stat().st_size} for path in paths],
        "images": len(images),
        "pixels_sha256": _digest(images),
        "labels_sha256": _digest(label),
    }
    (parts / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return paths


def missing(parts: Path) -> list[str]:
    """Return the names of the parts that are not in the folder yet; raises DataError if there is no index."""
    return [one["name"] for one in _index(parts)["parts"] if not (parts / one["name"]).is_file()]


def join(parts: Path, target: Path, batch: int = cifar10.BATCH) -> Path:
    """Write ``target``/cifar-10-batches-py from the parts, ``batch`` images per file, and return the folder.

    Raises DataError that names the part if one is missing or damaged, or if the joined images are not those that were cut.
    """
    index = _index(parts)
    if absent := missing(parts):
        raise DataError(f"{parts} lacks {', '.join(absent)}; copy all parts there.")
    tables = []
    for one in index["parts"]:
        if _sha256(parts / one["name"]) != one["sha256"]:
            raise DataError(f"{parts / one['name']} is damaged: its SHA-256 is not the one in {INDEX}; copy it again.")
        tables.append(pq.read_table(parts / one["name"]))
    table = pa.concat_tables(tables)
    with ThreadPoolExecutor() as pool:
        images = np.stack(list(pool.map(decode, table.column("image").to_pylist())))
    label = to_numpy(table.column("label")).astype(np.int64)
    if _digest(images) != index["pixels_sha256"] or _digest(label) != index["labels_sha256"]:
        raise DataError(f"The images joined from {parts} are not those that were cut; cut them again with this machine's Pillow.")
    folder = target / "cifar-10-batches-py"
    folder.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(FILES):
        rows = slice(number * batch, (number + 1) * batch)
        content = {"data": images[rows].reshape(len(images[rows]), -1), "labels": label[rows].tolist()}
        (folder / file).write_bytes(pickle.dumps(content, protocol=4))
    return folder


def _spans(sizes: Sequence[int], largest: int) -> list[tuple[int, int]]:
    """Return the first and the end row of as few parts as possible, of about equal size."""
    ends = np.cumsum([0, *sizes])
    count = -(-int(ends[-1] * ROOM) // largest)
    marks = [int(np.searchsorted(ends, ends[-1] * i / count)) for i in range(count + 1)]
    return [(first, end) for first, end in pairwise(marks) if end > first]


def _index(parts: Path) -> dict[str, Any]:
    try:
        index: dict[str, Any] = json.loads((parts / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{parts / INDEX} is missing or not readable; copy it beside the parts.") from error
    return index


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def main() -> None:
    """Cut or join."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["cut", "join"])
    options.add_argument("source", type=Path)
    options.add_argument("target", type=Path)
    options.add_argument("--largest", type=int, default=LARGEST, help="bytes of a part (default %(default)s)")
    given = options.parse_args()
    try:
        if given.what == "cut":
            for path in cut(given.source, given.target, given.largest):
                print(f"{path}: {path.stat().st_size} bytes")
        else:
            print(join(given.source, given.target))
    except DataError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()

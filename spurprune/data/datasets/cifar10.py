"""CIFAR-10 from its official python batches (Krizhevsky 2009)."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.data.formats import pickles
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage.columns import labels

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FILES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
BATCH = 10_000  # images per file, 1,000 per class over the test file and 5,000 over the training files
PER_CLASS = {"train": 5_000, "test": 1_000}
SPLIT_COUNTS = {"train": 50_000, "validation": 0, "test": 10_000}


def locate(source: Path) -> list[Path]:
    """Return the release's six files of images in ``source``/cifar-10-batches-py; raises DataError if any is missing."""
    folder = source / "cifar-10-batches-py"
    paths = [folder / file for files in FILES.values() for file in files]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        lacks = f" (it lacks {', '.join(missing)})" if folder.is_dir() else ""
        raise DataError(
            f"CIFAR-10 is not at {folder}{lacks}: unpack the python version of the release there (a folder with data_batch_1 to "
            "data_batch_5, test_batch and batches.meta), or set data.cifar10 to the folder that holds it."
        )
    return paths


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read ``source``/cifar-10-batches-py, 32×32 images in the files' order, 50,000 training then 10,000 test.

    Raises DataError if a file is missing or damaged, or if the counts are not the release's.
    """
    if image_size != 32:
        raise DataError(f"CIFAR-10 holds 32×32 images, so image_size must be 32, not {image_size}.")
    folder = locate(Path(source or "."))[0].parent
    images: list[np.ndarray] = []
    split: list[str] = []
    label: list[np.ndarray] = []
    for name, files in FILES.items():
        parts = [_batch(folder / file) for file in files]
        part_labels = np.concatenate([y for _, y in parts])
        counts = np.bincount(part_labels, minlength=len(CLASSES))
        if (counts != PER_CLASS[name]).any():
            raise DataError(
                f"{folder}: the {name} files hold {counts.tolist()} images per class, but the release {PER_CLASS[name]} each; use an "
                "original copy."
            )
        images.extend(x for x, _ in parts)
        label.append(part_labels)
        split.extend([name] * len(part_labels))
    pixels = np.concatenate(images)
    log.info("CIFAR-10 from %s, sha256 of the training pixels %s", folder, hashlib.sha256(pixels[: SPLIT_COUNTS["train"]].data).hexdigest())
    base = pa.table(
        {
            "sample_id": np.arange(len(pixels), dtype=np.int64),
            "split": labels(split, ("train", "validation", "test")),
            "label": np.concatenate(label).astype(np.int16),
            "key": [f"{file}[{i}]" for files in FILES.values() for file in files for i in range(BATCH)],
        }
    )
    return RawDataset(pixels, base, CLASSES, SPLIT_COUNTS, "CIFAR-10 python version (Krizhevsky 2009)", "none stated; for research")


def _batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (images uint8 [10000, 3, 32, 32], labels int64 [10000]) of one batch file."""
    content: Any = pickles.load(path, pickles.NUMPY_ARRAYS)
    if not isinstance(content, dict):
        raise DataError(f"{path} is not a CIFAR-10 batch; use an original copy.")
    fields = {key.decode(errors="replace") if isinstance(key, bytes) else key: value for key, value in content.items()}
    missing = next((name for name in ("data", "labels") if name not in fields), None)
    if missing is not None:
        raise DataError(f"{path} lacks the field '{missing}' of a CIFAR-10 batch; use an original copy.")
    data, given = fields["data"], fields["labels"]
    given = given.tolist() if isinstance(given, np.ndarray) and given.ndim == 1 else given
    if not isinstance(given, list) or len(given) != BATCH or not all(isinstance(one, int) and 0 <= one < len(CLASSES) for one in given):
        raise DataError(f"{path} holds labels that are not {BATCH} numbers from 0 to 9; use an original copy.")
    if not isinstance(data, np.ndarray):
        raise DataError(f"{path} holds images that are no array; use an original copy.")
    if data.shape != (BATCH, 3072) or data.dtype != np.uint8:
        raise DataError(f"{path} holds {data.dtype} {data.shape} images, not uint8 ({BATCH}, 3072); use an original copy.")
    return np.asarray(data).reshape(BATCH, 3, 32, 32), np.array(given, dtype=np.int64)

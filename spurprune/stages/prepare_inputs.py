"""prepare_inputs: decode a dataset once into a memory-mapped array, with its base table and manifest."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune.dag import plugins
from spurprune.data.formats.images import ImageFiles, decode
from spurprune.data.inputs import Manifest, write_inputs, write_manifest
from spurprune.data.raw import RawDataset
from spurprune.data.samples import SPLITS
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage import schemas, tables

ROWS_AT_ONCE = 1024


def run(
    dataset: str,
    image_size: int,
    source: str | None,
    damaged_images: str,
    threads: int,
    inputs: Path,
    base: Path,
    manifest: Path,
    provenance: tables.Provenance,
) -> None:
    """Read a dataset from the folder ``source`` (None if it is embedded) and write its three files.

    ``damaged_images`` is "stop" or "skip": whether an image that cannot be decoded ends the stage or is left out with a line in the log.
    Raises DataError.
    """
    raw: RawDataset = plugins.load("datasets", dataset).read(None if source is None else Path(source), image_size)
    found = _split_counts(raw.base)
    if found != raw.split_counts or sum(found.values()) != len(raw.inputs):
        raise DataError(f"The dataset '{dataset}' has the splits {found}, but its release has {raw.split_counts}; place a complete copy.")
    inputs.parent.mkdir(parents=True, exist_ok=True)
    rows = raw.base
    if isinstance(raw.inputs, ImageFiles):
        damaged = decode(raw.inputs, inputs, threads, skip_damaged=damaged_images == "skip")
        if damaged:
            log.warning("%d damaged images are left out of %d", len(damaged), len(raw.inputs))
            rows = _without(rows, damaged)
    else:
        write_inputs(inputs, raw.inputs)
    tables.require_unique(rows, schemas.BASE, dataset)
    array = np.load(inputs, mmap_mode="r", allow_pickle=False)
    is_image = array.dtype == np.uint8
    train = np.flatnonzero(tables.to_numpy(rows.column("split")) == "train")
    mean, std = channel_statistics(array, train) if is_image else ((), ())
    tables.write(base, rows, schemas.BASE, provenance)
    write_manifest(
        manifest,
        Manifest(
            dataset=dataset,
            image_size=image_size,
            count=len(array),
            shape=array.shape[1:],
            dtype=str(array.dtype),
            classes=raw.classes,
            attributes=raw.attributes,
            split_counts=_split_counts(rows),
            mean=mean,
            std=std,
            sha256=_sha256(array),
            source=raw.source,
            licence=raw.licence,
            vocabulary=raw.vocabulary,
        ),
    )


def _split_counts(rows: pa.Table) -> dict[str, int]:
    splits = tables.to_numpy(rows.column("split"))
    return {name: int((splits == name).sum()) for name in SPLITS}


def _without(rows: pa.Table, damaged: list[int]) -> pa.Table:
    """Return the base table without some rows, its samples numbered anew: a sample's id is its place in the array."""
    kept = rows.take(np.setdiff1d(np.arange(len(rows)), damaged))
    place = kept.column_names.index("sample_id")
    return kept.set_column(place, "sample_id", pa.array(np.arange(len(kept), dtype=np.int64)))


def _sha256(array: np.ndarray) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(array), ROWS_AT_ONCE):
        digest.update(np.ascontiguousarray(array[start : start + ROWS_AT_ONCE]).data)
    return digest.hexdigest()


def channel_statistics(inputs: np.ndarray, rows: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (mean, standard deviation) of every channel over some images, uint8 [N, C, H, W] scaled to [0, 1], rounded to 6 digits."""
    counts = np.zeros((inputs.shape[1], 256), dtype=np.int64)
    for row in rows:
        for channel in range(inputs.shape[1]):
            counts[channel] += np.bincount(inputs[row, channel].ravel(), minlength=256)
    values = np.arange(256) / 255
    total = counts.sum(axis=1)
    mean = counts @ values / total
    std = np.sqrt(np.maximum(counts @ values**2 / total - mean**2, 0))
    return tuple(np.round(mean, 6).tolist()), tuple(np.round(np.maximum(std, 1e-6), 6).tolist())

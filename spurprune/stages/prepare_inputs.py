"""prepare_inputs: decode a dataset once into a memory-mapped array, with its base table and manifest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.dag import plugins
from spurprune.data.catalogue import ENCODED
from spurprune.data.formats.encoding import encode
from spurprune.data.formats.images import decode
from spurprune.data.inputs import Manifest, Rows, content_of, content_of_encoded, open_inputs, write_inputs, write_manifest
from spurprune.data.own import duplicates
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage import contents, schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance
from spurprune.storage.words import SPLITS

ROWS_AT_ONCE = 256


def run(
    *,
    dataset: str,
    image_size: int | None,
    source: Path | None,
    own: Mapping[str, Any] | None,
    damaged_images: str,
    threads: int,
    inputs: Path,
    base: Path,
    manifest: Path,
    provenance: Provenance,
) -> None:
    """Read a dataset and write its three files.

    A declared dataset is read from the folder ``source`` (None if it is embedded), a user's own as its block ``own`` of the configuration
    says. ``image_size`` is in pixels or tokens, None to keep samples as they are. ``damaged_images`` is "stop" or "skip": an image that
    cannot be decoded ends the stage or is skipped with a warning. Raises DataError if the dataset is incomplete or not valid.
    """
    raw = _read(dataset, image_size, source, own)
    found = _split_counts(raw.base)
    if found != raw.split_counts or sum(found.values()) != len(raw.inputs):
        raise DataError(
            f"The dataset '{dataset}' has the split sizes {found}, but its release has {raw.split_counts}; use a complete copy."
        )
    if not found["train"]:
        raise DataError(f"The dataset '{dataset}' has no training samples; add some.")
    _require_attributes(raw, dataset)
    _require_keys(raw, dataset)
    inputs.parent.mkdir(parents=True, exist_ok=True)
    rows = raw.base
    encoded = own is not None and own.get("storage") == ENCODED
    if not isinstance(raw.inputs, np.ndarray):
        damaged = (encode if encoded else decode)(raw.inputs, inputs, threads, skip_damaged=damaged_images == "skip")
        if damaged:
            log.warning("skipped %d damaged images of %d", len(damaged), len(raw.inputs))
            rows = _without(rows, damaged)
            _require_classes(rows, raw.classes, len(damaged), dataset, inputs)
    else:
        _require_finite(raw, dataset)
        write_inputs(inputs, raw.inputs)
    contents.require_unique(rows, schemas.BASE, dataset)
    array = np.load(inputs, mmap_mode="r", allow_pickle=False)
    described = Manifest(
        dataset=dataset,
        image_size=image_size,
        classes=raw.classes,
        attributes=raw.attributes,
        split_counts=_split_counts(rows),
        mean=(),
        std=(),
        source=raw.source,
        licence=raw.licence,
        vocabulary=raw.vocabulary,
        **(content_of_encoded(array, len(rows), image_size) if encoded and image_size else content_of(array)),
    )
    stored = open_inputs(inputs, described, threads)
    if own is not None:
        duplicates.check(stored, rows, raw.classes, dataset, keep=own.get("duplicates") == "keep")
    train = np.flatnonzero(to_numpy(rows.column("split")) == "train")
    mean, std = channel_statistics(stored, train) if described.kind == "images" else ((), ())
    tables.write(base, rows, schemas.BASE, provenance)
    described = replace(described, mean=mean, std=std, base=tables.origin_of(base, schemas.BASE, {}).identity)
    write_manifest(manifest, described)


def _read(dataset: str, image_size: int | None, source: Path | None, own: Mapping[str, Any] | None) -> RawDataset:
    if own is None and image_size is None:
        raise DataError(f"The samples of '{dataset}' are brought to one size, so image_size must be a whole number, not null.")
    raw: RawDataset
    if own is not None:
        raw = plugins.load("readers", own["reader"]).read(own, image_size)
    else:
        raw = plugins.load("datasets", dataset).read(source, image_size)
    return raw


def _require_attributes(raw: RawDataset, dataset: str) -> None:
    """Raise DataError unless the base table has exactly one column per attribute, holding valid codes."""
    known = {f"attribute_{attribute.name}": len(attribute.values) for attribute in raw.attributes}
    columns = {name for name in raw.base.column_names if name.startswith("attribute_")}
    if columns != set(known):
        raise DataError(f"The reader of '{dataset}' returns the columns {sorted(columns)}, but declares {sorted(known)}; correct it.")
    for name, count in known.items():
        codes = to_numpy(raw.base.column(name).fill_null(-1))
        if codes.min() < -1 or codes.max() >= count:
            raise DataError(f"The reader of '{dataset}' returns a code in {name} that is not one of its {count} values; correct it.")


def _require_keys(raw: RawDataset, dataset: str) -> None:
    """Raise DataError that names the first sample that is listed twice."""
    keys = raw.base.column("key").to_pylist()
    if len(set(keys)) < len(keys):
        twice = next(key for key, count in Counter(keys).items() if count > 1)
        raise DataError(
            f"The dataset '{dataset}' lists the sample '{twice}' twice ({raw.source}); remove one of them, or use an original copy."
        )


def _require_finite(raw: RawDataset, dataset: str) -> None:
    """Raise DataError that names the first sample whose vector holds a value that is not finite."""
    assert isinstance(raw.inputs, np.ndarray)
    if raw.inputs.dtype != np.float32:
        return
    for start in range(0, len(raw.inputs), ROWS_AT_ONCE):
        wrong = np.argwhere(~np.isfinite(raw.inputs[start : start + ROWS_AT_ONCE]))
        if len(wrong):
            row, position = start + int(wrong[0][0]), int(wrong[0][1])
            raise DataError(
                f"The dataset '{dataset}' has the value {raw.inputs[row, position]} at position {position} of the vector of sample "
                f"'{raw.base.column('key')[row]}' ({raw.source}); vectors must hold finite numbers, so correct it or remove the sample."
            )


def _split_counts(rows: pa.Table) -> dict[str, int]:
    splits = to_numpy(rows.column("split"))
    return {name: int((splits == name).sum()) for name in SPLITS}


def _without(rows: pa.Table, damaged: list[int]) -> pa.Table:
    """Return the base table without some rows, its samples renumbered, since a sample's id is its position in the array."""
    kept = rows.take(np.setdiff1d(np.arange(len(rows)), damaged))
    column = kept.column_names.index("sample_id")
    return kept.set_column(column, "sample_id", pa.array(np.arange(len(kept), dtype=np.int64)))


def _require_classes(rows: pa.Table, classes: Sequence[str], damaged: int, dataset: str, inputs: Path) -> None:
    """Raise DataError, and remove what was decoded, if a class has lost all its training images."""
    train = to_numpy(rows.column("label"))[to_numpy(rows.column("split")) == "train"]
    missing = np.setdiff1d(np.arange(len(classes)), train)
    if len(missing):
        inputs.unlink()
        raise DataError(
            f"The dataset '{dataset}' has no training images of the class '{classes[missing[0]]}' left, since {damaged:,} damaged ones "
            "were skipped; the log names each, so correct them."
        )


def channel_statistics(inputs: Rows, rows: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (mean, standard deviation) of every channel over some images, uint8 [N, C, H, W] scaled to [0, 1], to 6 digits."""
    counts = np.zeros((inputs.shape[1], 256), dtype=np.int64)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        for image in inputs[rows[start : start + ROWS_AT_ONCE]]:
            for channel, values in enumerate(image):
                counts[channel] += np.bincount(values.ravel(), minlength=256)
    values = np.arange(256) / 255
    total = counts.sum(axis=1)
    mean = counts @ values / total
    std = np.sqrt(np.maximum(counts @ values**2 / total - mean**2, 0))
    return tuple(np.round(mean, 6).tolist()), tuple(np.round(np.maximum(std, 1e-6), 6).tolist())

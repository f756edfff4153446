"""prepare_inputs: decode a dataset once into a memory-mapped array, with its base table and manifest."""

import hashlib
from pathlib import Path

import numpy as np

from spurprune import plugins, tables
from spurprune.datasets._base import RawDataset
from spurprune.errors import DataError
from spurprune.inputs import Manifest, write_inputs, write_manifest


def run(dataset: str, image_size: int, source: str | None, inputs: Path, base: Path, manifest: Path, provenance: tables.Provenance) -> None:
    """Read a dataset from the folder ``source`` (None if it is embedded) and write its three files; raises DataError."""
    raw: RawDataset = plugins.load("datasets", dataset).read(None if source is None else Path(source), image_size)
    splits = tables.to_numpy(raw.base.column("split"))
    found = {name: int((splits == name).sum()) for name in raw.split_counts}
    if found != raw.split_counts or sum(found.values()) != len(raw.inputs):
        raise DataError(f"The dataset '{dataset}' has the splits {found}, but its release has {raw.split_counts}; place a complete copy.")
    tables.require_unique(raw.base, tables.BASE, dataset)
    mean, std = channel_statistics(raw.inputs, np.flatnonzero(splits == "train"))
    inputs.parent.mkdir(parents=True, exist_ok=True)
    write_inputs(inputs, raw.inputs)
    tables.write(base, raw.base, tables.BASE, provenance)
    write_manifest(
        manifest,
        Manifest(
            dataset=dataset,
            image_size=image_size,
            count=len(raw.inputs),
            shape=raw.inputs.shape[1:],
            dtype=str(raw.inputs.dtype),
            classes=raw.classes,
            attributes=raw.attributes,
            split_counts=found,
            mean=mean,
            std=std,
            sha256=hashlib.sha256(np.ascontiguousarray(raw.inputs).data).hexdigest(),
            source=raw.source,
            licence=raw.licence,
        ),
    )


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

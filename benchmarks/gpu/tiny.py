"""A look-alike of the prepared CIFAR-10, small enough to train on within seconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune.data.datasets.cifar10 import CLASSES
from spurprune.data.inputs import Manifest, content_of, write_inputs, write_manifest
from spurprune.storage import columns, schemas, tables
from spurprune.storage.provenance import Provenance

PER_CLASS = {"train": 20, "validation": 0, "test": 4}


def images(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (pixels uint8 [N, 3, 32, 32], labels int16 [N], splits [N]): noise around each class's own brightness."""
    rng = np.random.default_rng(seed)
    split = np.repeat(list(PER_CLASS), [10 * n for n in PER_CLASS.values()])
    label = np.concatenate([np.tile(np.arange(10, dtype=np.int16), n) for n in PER_CLASS.values()])
    pixels = rng.normal(30 + 20 * label[:, None, None, None], 25, (len(label), 3, 32, 32))
    return pixels.clip(0, 255).astype(np.uint8), label, split


def write(folder: Path) -> None:
    """Write inputs.npy, base.parquet and manifest.json, as the stage prepare_inputs would."""
    pixels, label, split = images()
    folder.mkdir(parents=True, exist_ok=True)
    write_inputs(folder / "inputs.npy", pixels)
    base = pa.table(
        {
            "sample_id": np.arange(len(pixels), dtype=np.int64),
            "split": columns.labels(split.tolist(), ("train", "validation", "test")),
            "label": label,
            "key": [f"image {i}" for i in range(len(pixels))],
        }
    )
    tables.write(folder / "base.parquet", base, schemas.BASE, Provenance({"dataset": "cifar10", "size": "32"}, "", ""))
    counts = {name: 10 * n for name, n in PER_CLASS.items()}
    manifest = Manifest(
        dataset="cifar10",
        image_size=32,
        classes=CLASSES,
        attributes=(),
        split_counts=counts,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        source="a look-alike",
        licence="none",
        **content_of(pixels),
    )
    base_identity = tables.origin_of(folder / "base.parquet", schemas.BASE, {}).identity
    write_manifest(folder / "manifest.json", replace(manifest, base=base_identity))

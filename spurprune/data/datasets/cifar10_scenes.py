"""Objects on scenes, composed of CIFAR-10's pictures: as in Waterbirds, the background correlates with the object.

A picture of the object is pasted into the middle of a larger scene: a picture of a ship (water) or a deer (land). In the training split
95% of the dogs are on water and 95% of the horses on land; in validation and test the four groups are of equal size. The numbers and the
composition are ours; the share is that of Waterbirds (Sagawa et al. 2020).
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from spurprune import seeds
from spurprune.data.datasets import cifar10
from spurprune.data.grouping import Attribute
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.storage.columns import labels, to_numpy

CLASSES = ("horse", "dog")
ATTRIBUTES = (Attribute.of("background", ("land", "water"), "on {value}"),)
SCENES = ("deer", "ship")  # the class of the background: land, water
# Objects per class and scene: the training split's are 95% aligned.
COUNTS = {"train": ((950, 50), (50, 950)), "validation": ((100, 100), (100, 100)), "test": ((250, 250), (250, 250))}
SPLIT_COUNTS = {name: sum(map(sum, groups)) for name, groups in COUNTS.items()}
OBJECT_SHARE = 0.5  # of the scene's side


def locate(source: Path) -> list[Path]:
    """Return CIFAR-10's files, of which the scenes are composed."""
    return cifar10.locate(source)


def read(source: Path | None, image_size: int) -> RawDataset:
    """Compose the scenes, ``image_size`` pixels per side, from CIFAR-10 in ``source``; raises DataError as its reader does.

    Training and validation use CIFAR-10's training pictures, test its test pictures; no picture is used twice.
    """
    if image_size < 64:
        raise DataError(f"Scenes contain a whole CIFAR-10 picture, so image_size must be at least 64, not {image_size}.")
    raw = cifar10.read(source, 32)
    assert isinstance(raw.inputs, np.ndarray)
    label, split = to_numpy(raw.base.column("label")), to_numpy(raw.base.column("split"))
    rng = seeds.generator(seeds.SPLIT, "cifar10_scenes")
    pools = {
        (part, name): list(rng.permutation(np.flatnonzero((split == part) & (label == cifar10.CLASSES.index(name)))))
        for part in ("train", "test")
        for name in (*CLASSES, *SCENES)
    }
    rows: list[tuple[str, int, int, int, int]] = []
    for part, groups in COUNTS.items():
        pictures = "test" if part == "test" else "train"
        for i, name in enumerate(CLASSES):
            for j, scene in enumerate(SCENES):
                rows.extend((part, i, j, pools[pictures, name].pop(), pools[pictures, scene].pop()) for _ in range(groups[i][j]))
    rows = [rows[i] for i in rng.permutation(len(rows))]
    inputs = np.stack([compose(raw.inputs[row[3]], raw.inputs[row[4]], image_size) for row in rows])
    key = raw.base.column("key").to_pylist()
    base = pa.table(
        {
            "sample_id": np.arange(len(rows), dtype=np.int64),
            "split": labels([row[0] for row in rows], tuple(COUNTS)),
            "label": np.array([row[1] for row in rows], dtype=np.int16),
            "attribute_background": np.array([row[2] for row in rows], dtype=np.int16),
            "key": [f"{key[row[3]]} on {key[row[4]]}" for row in rows],
        }
    )
    return RawDataset(inputs, base, CLASSES, SPLIT_COUNTS, f"composed of {raw.source}", raw.licence, ATTRIBUTES)


def compose(picture: np.ndarray, scene: np.ndarray, size: int) -> np.ndarray:
    """Return a scene of ``size`` pixels per side with a picture of half that size in the middle, uint8 [3, size, size]."""
    canvas, side = _resized(scene, size), round(size * OBJECT_SHARE)
    start = (size - side) // 2
    canvas[:, start : start + side, start : start + side] = _resized(picture, side)
    return canvas


def _resized(image: np.ndarray, size: int) -> np.ndarray:
    resized = Image.fromarray(image.transpose(1, 2, 0)).resize((size, size), Image.Resampling.BICUBIC)
    return np.array(resized).transpose(2, 0, 1)

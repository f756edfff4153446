"""scikit-learn's digits as large as MNIST's: 8 × 8 images enlarged to 28 × 28 by Pillow's bilinear interpolation, for rare patterns.

As in MNIST, training and test are all there is: 1,297 and 500 images. The enlargement and the division are ours.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from spurprune import seeds
from spurprune.data.datasets import digits
from spurprune.data.division import stratified_split
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.storage.columns import labels, to_numpy

SIDE = 28
SPLIT_COUNTS = {"train": 1297, "validation": 0, "test": 500}


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read the embedded digits and enlarge them; ``source`` is not used. Raises DataError as the reader of the digits does."""
    if image_size != SIDE:
        raise DataError(f"The enlarged digits are {SIDE}×{SIDE} images, so image_size must be {SIDE}, not {image_size}.")
    raw = digits.read(source, 8)
    assert isinstance(raw.inputs, np.ndarray)
    label = to_numpy(raw.base.column("label"))
    split = stratified_split(label, SPLIT_COUNTS, seeds.generator(seeds.SPLIT, "digits_28"))
    base = pa.table(
        {
            "sample_id": raw.base.column("sample_id"),
            "split": labels(split, tuple(SPLIT_COUNTS)),
            "label": label,
            "key": raw.base.column("key"),
        }
    )
    return RawDataset(enlarged(raw.inputs), base, raw.classes, SPLIT_COUNTS, f"enlarged from {raw.source}", raw.licence)


def enlarged(images: np.ndarray) -> np.ndarray:
    """Return grey images, uint8 [N, 1, H, W], enlarged to 28 × 28 pixels, uint8 [N, 1, 28, 28]."""
    pictures = [Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for image in images[:, 0]]
    return np.stack([np.asarray(picture) for picture in pictures])[:, None]

"""scikit-learn's handwritten digits: 1,797 real 8×8 images of ten classes, part of the installed package."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.data.division import stratified_split
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.storage.columns import labels

# The division is ours, since the dataset has none. Validation and test are large enough to resolve one per cent.
SPLIT_COUNTS = {"train": 1200, "validation": 200, "test": 397}
CLASS_COUNTS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)  # of the release, sklearn.datasets.load_digits
BRIGHTEST = 16  # pixels are counts 0..16 of a 4×4 block (UCI, Optical Recognition of Handwritten Digits)


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read the embedded digits; ``source`` is not used. Raises DataError if the package's copy has other counts."""
    from sklearn.datasets import load_digits

    if image_size != 8:
        raise DataError(f"The digits are 8×8 images, so image_size must be 8, not {image_size}.")
    digits = load_digits()
    y = digits.target.astype(np.int16)
    counts = tuple(np.bincount(y, minlength=10).tolist())
    if counts != CLASS_COUNTS:
        raise DataError(f"scikit-learn's digits have the class counts {counts}, expected {CLASS_COUNTS}; install the locked version.")
    images = np.rint(digits.images * (255 / BRIGHTEST)).astype(np.uint8)[:, None]
    split = stratified_split(y, SPLIT_COUNTS, seeds.generator(seeds.SPLIT, "digits"))
    base = pa.table(
        {
            "sample_id": np.arange(len(y), dtype=np.int64),
            "split": labels(split, tuple(SPLIT_COUNTS)),
            "label": y,
            "key": [f"digits[{i}]" for i in range(len(y))],
        }
    )
    return RawDataset(
        images,
        base,
        tuple(str(d) for d in range(10)),
        SPLIT_COUNTS,
        "scikit-learn load_digits; UCI Optical Recognition of Handwritten Digits, test part (Alpaydin and Kaynak, 1998)",
        "CC BY 4.0",
    )

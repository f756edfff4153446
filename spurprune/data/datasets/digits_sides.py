"""scikit-learn's digits in two classes, with a bright column at the left or right edge that correlates with the class.

As in Waterbirds, 95% of the training images of either class show the same value of an attribute that says nothing about the class
(the share is that of Sagawa et al. 2020; the rest is ours): 0 to 4 have the column on the left, 5 to 9 on the right. In validation and
test the sides come in equal shares. Every validation image is shown once; every test image twice, once with either column, so that a
group has about 150 test samples and the groups of a class differ in the column alone. The column hides next to nothing: 230 pixels that
are not black, mean 58 of 255, in 136 of the 2,098 samples.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.data.datasets import digits
from spurprune.data.division import stratified_split
from spurprune.data.grouping import Attribute
from spurprune.data.raw import RawDataset
from spurprune.storage.columns import labels, to_numpy

CLASSES = ("0-4", "5-9")
SIDES = ("left", "right")
ATTRIBUTES = (Attribute.of("side", SIDES, ", column on the {value}"),)
BRIGHT = 255
# Images per split: 296 give both classes as many validation images, an even number.
IMAGES = {"train": 1200, "validation": 296, "test": 301}
# Samples per class and side: the training split's are 95% aligned; the 301 test images appear twice.
COUNTS = {"train": ((572, 30), (30, 568)), "validation": ((74, 74), (74, 74)), "test": ((151, 151), (150, 150))}
SPLIT_COUNTS = {name: sum(map(sum, groups)) for name, groups in COUNTS.items()}


def read(source: Path | None, image_size: int) -> RawDataset:
    """Lay columns over the embedded digits; ``source`` is not used. Raises DataError as the reader of the digits does.

    Splits, and the sides within a class and split, are stratified by digit.
    """
    raw = digits.read(source, image_size)
    assert isinstance(raw.inputs, np.ndarray)
    digit = to_numpy(raw.base.column("label"))
    label = (digit >= 5).astype(np.int16)
    rng = seeds.generator(seeds.SPLIT, "digits_sides")
    split = stratified_split(digit, IMAGES, rng)
    shown = np.zeros((len(digit), len(SIDES)), dtype=bool)
    for i, (name, groups) in enumerate(COUNTS.items()):
        for j, counts in enumerate(groups):
            members = np.flatnonzero((split == i) & (label == j))
            if name == "test":
                shown[members] = True
            else:
                shown[members, stratified_split(digit[members], dict(zip(SIDES, counts, strict=True)), rng)] = True
    image, side = np.nonzero(shown)
    inputs = raw.inputs[image]
    inputs[np.arange(len(image)), :, :, np.where(side == 0, 0, -1)] = BRIGHT
    key = raw.base.column("key").to_pylist()
    base = pa.table(
        {
            "sample_id": np.arange(len(image), dtype=np.int64),
            "split": labels(split[image], tuple(IMAGES)),
            "label": label[image],
            "attribute_side": side.astype(np.int16),
            "key": [f"{key[i]} {SIDES[j]}" for i, j in zip(image, side, strict=True)],
        }
    )
    return RawDataset(inputs, base, CLASSES, SPLIT_COUNTS, f"columns laid over {raw.source}", raw.licence, ATTRIBUTES)

"""scikit-learn's digits in two classes and two colours: 90% of the training images of either class have the same colour.

All numbers are ours: 0 to 4 are mostly red, 5 to 9 mostly green. In validation and test the colours come in equal shares. Every validation
image is shown once, every test image in either colour. An image's brightness is that of one channel; the others are black.
"""

from collections.abc import Mapping, Sequence
from itertools import product
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
COLOURS = ("red", "green")  # in the order of an image's channels
COLOUR = Attribute.of("colour", COLOURS, "in {value}")
ATTRIBUTES = (COLOUR,)
# Images per split: 296 give both classes as many validation images, a multiple of four.
IMAGES = {"train": 1200, "validation": 296, "test": 301}
# Samples per class and colour: the training split's are 90% aligned; the 301 test images appear twice.
COUNTS = {"train": ((542, 60), (60, 538)), "validation": ((74, 74), (74, 74)), "test": ((151, 151), (150, 150))}
CHANNELS = 3


def read(source: Path | None, image_size: int) -> RawDataset:
    """Colour the embedded digits; ``source`` is not used. Raises DataError as the reader of the digits does.

    Splits, and the colours within a class and split, are stratified by digit.
    """
    raw, image, values = shown(source, image_size, "digits_colours", ATTRIBUTES, COUNTS)
    assert isinstance(raw.inputs, np.ndarray)
    return RawDataset(
        coloured(raw.inputs[image, 0], values["colour"]),
        raw.base,
        CLASSES,
        split_counts(COUNTS),
        f"colours laid over {raw.source}",
        raw.licence,
        ATTRIBUTES,
    )


def coloured(images: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return grey images, uint8 [N, H, W], in one channel each, uint8 [N, 3, H, W]: that of their ``colour`` [N], 0 or 1."""
    found = np.zeros((len(images), CHANNELS, *images.shape[1:]), dtype=np.uint8)
    found[np.arange(len(images)), colour] = images
    return found


def split_counts(counts: Mapping[str, tuple[tuple[int, ...], ...]]) -> dict[str, int]:
    """Return the number of samples per split."""
    return {name: sum(map(sum, groups)) for name, groups in counts.items()}


def shown(
    source: Path | None,
    image_size: int,
    dataset: str,
    attributes: Sequence[Attribute],
    counts: Mapping[str, tuple[tuple[int, ...], ...]],
) -> tuple[RawDataset, np.ndarray, dict[str, np.ndarray]]:
    """Return the digits with a base table of how they are shown, the image of every sample, and each attribute's values, int16 [N].

    ``counts`` holds the number of samples by split, class and combination of the attributes' values, in the order of ``itertools.product``;
    a test image is shown once with every combination. ``dataset`` names the random stream.
    """
    raw = digits.read(source, image_size)
    digit = to_numpy(raw.base.column("label"))
    label = (digit >= 5).astype(np.int16)
    rng = seeds.generator(seeds.SPLIT, dataset)
    split = stratified_split(digit, IMAGES, rng)
    combinations = list(product(*(range(len(one.values)) for one in attributes)))
    is_shown = np.zeros((len(digit), len(combinations)), dtype=bool)
    for i, (name, groups) in enumerate(counts.items()):
        for j, sizes in enumerate(groups):
            members = np.flatnonzero((split == i) & (label == j))
            if name == "test":
                is_shown[members] = True
            else:
                parts = {str(number): size for number, size in enumerate(sizes)}
                is_shown[members, stratified_split(digit[members], parts, rng)] = True
    image, combination = np.nonzero(is_shown)
    chosen = np.array(combinations, dtype=np.int16)[combination]
    values = {one.name: chosen[:, i] for i, one in enumerate(attributes)}
    key = raw.base.column("key").to_pylist()
    words = [" ".join(one.values[value] for one, value in zip(attributes, row, strict=True)) for row in combinations]
    base = pa.table(
        {
            "sample_id": np.arange(len(image), dtype=np.int64),
            "split": labels(split[image], tuple(IMAGES)),
            "label": label[image],
            **{f"attribute_{name}": column for name, column in values.items()},
            "key": [f"{key[i]} {words[j]}" for i, j in zip(image, combination, strict=True)],
        }
    )
    return RawDataset(raw.inputs, base, CLASSES, raw.split_counts, raw.source, raw.licence, tuple(attributes)), image, values

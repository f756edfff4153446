"""Coloured MNIST (Arjovsky et al. 2019, Sec. 5.2): whether a digit is below five, with noisy labels and a colour that goes with them.

Images are reduced to 14 × 14 pixels by leaving out every other one, and stand in one of two channels, their colour. Labels say whether the
digit is 5 to 9 and are wrong for a quarter of the images. In two training environments of 25,000 images each, the colour differs from the
label for 10 and 20% of the images; in the test environment of 10,000 images, for 90%. All 60,000 images are of MNIST's training split, as
in the authors' code. The environment is an attribute: of training images ``first`` or ``second``.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.data.datasets import mnist
from spurprune.data.grouping import Attribute
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.storage.columns import labels, to_numpy

CLASSES = ("0-4", "5-9")
ENVIRONMENTS = ("first", "second", "test")
ATTRIBUTES = (
    Attribute.of("colour", ("red", "green"), "in {value}"),
    Attribute.of("environment", ENVIRONMENTS, ", {value} environment"),
)
LABEL_NOISE = 0.25
COLOUR_NOISE = (0.1, 0.2, 0.9)  # by environment
SIDE = 14
IMAGES, TEST = 60_000, 10_000


def locate(source: Path) -> list[Path]:
    """Return MNIST's files."""
    return mnist.locate(source)


def read(source: Path | None, image_size: int) -> RawDataset:
    """Colour MNIST in ``source``, 14 pixels per side; raises DataError as its reader does, or for another ``image_size``."""
    if image_size != SIDE:
        raise DataError(f"Coloured MNIST has 14×14 images, so image_size must be {SIDE}, not {image_size}.")
    raw = mnist.read(source, 2 * SIDE)
    assert isinstance(raw.inputs, np.ndarray)
    train = np.flatnonzero(to_numpy(raw.base.column("split")) == "train")
    rng = seeds.generator(seeds.SPLIT, "coloured_mnist")
    image = train[rng.permutation(len(train))]
    half = (len(image) - TEST) // 2
    environment = np.repeat(np.arange(3), [half, len(image) - TEST - half, TEST])
    digit = to_numpy(raw.base.column("label"))[image]
    label = ((digit >= 5) ^ (rng.random(len(image)) < LABEL_NOISE)).astype(np.int16)
    colour = (label ^ (rng.random(len(image)) < np.array(COLOUR_NOISE)[environment])).astype(np.int16)
    inputs = np.zeros((len(image), 2, SIDE, SIDE), dtype=np.uint8)
    inputs[np.arange(len(image)), colour] = raw.inputs[image, 0, ::2, ::2]
    key = raw.base.column("key").to_pylist()
    base = pa.table(
        {
            "sample_id": np.arange(len(image), dtype=np.int64),
            "split": labels(np.where(environment == 2, "test", "train"), ("train", "test")),
            "label": label,
            "attribute_colour": colour,
            "attribute_environment": environment.astype(np.int16),
            "key": [f"{key[i]} {ATTRIBUTES[0].values[j]}" for i, j in zip(image.tolist(), colour.tolist(), strict=True)],
        }
    )
    counts = {"train": len(image) - TEST, "validation": 0, "test": TEST}
    return RawDataset(inputs, base, CLASSES, counts, f"colours laid over {raw.source}", raw.licence, ATTRIBUTES)

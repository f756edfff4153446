"""The digits in two colours, with a bright column at the left or right edge as a second attribute that goes with the class.

Colour and side are drawn independently within a class: 90% of its training images have its colour and 90% its side (the column is that of
``digits_sides``; 0 to 4 are mostly red with the column on the left). Validation and test have all combinations in equal shares; every test
image is shown with each.
"""

from pathlib import Path

import numpy as np

from spurprune.data.datasets import digits_colours
from spurprune.data.datasets.digits_colours import CLASSES, COLOUR
from spurprune.data.grouping import Attribute
from spurprune.data.raw import RawDataset

ATTRIBUTES = (COLOUR, Attribute.of("side", ("left", "right"), ", column on the {value}"))
BRIGHT = 255
# Samples per class and, in this order, (red, left), (red, right), (green, left), (green, right).
COUNTS = {
    "train": ((488, 54, 54, 6), (6, 54, 54, 484)),
    "validation": ((37, 37, 37, 37), (37, 37, 37, 37)),
    "test": ((151, 151, 151, 151), (150, 150, 150, 150)),
}


def read(source: Path | None, image_size: int) -> RawDataset:
    """Colour the embedded digits and lay columns over them; ``source`` is not used. Raises DataError as the reader of the digits does."""
    raw, image, values = digits_colours.shown(source, image_size, "digits_colours_sides", ATTRIBUTES, COUNTS)
    assert isinstance(raw.inputs, np.ndarray)
    grey = raw.inputs[image, 0]
    grey[np.arange(len(image)), :, np.where(values["side"] == 0, 0, -1)] = BRIGHT
    inputs = digits_colours.coloured(grey, values["colour"])
    counts = digits_colours.split_counts(COUNTS)
    return RawDataset(inputs, raw.base, CLASSES, counts, f"colours and columns laid over {raw.source}", raw.licence, ATTRIBUTES)

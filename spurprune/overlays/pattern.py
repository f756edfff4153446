"""A pattern of Yang, Chou and Chaudhuri (2022) on images: see ``spurprune.data.patterns``."""

import numpy as np

from spurprune.data import patterns

TAKES = ("images",)
SEEDED = True  # ``apply_`` takes the seed of a draw, by default the repeat
OPTIONS = {
    "pattern": {"enum": ["v1", "v3", "v8", "v18", "v19", "v20", "v30", "S1", "S2", "S3", "R1", "R2", "R3", "core"]},
    "seed": {
        "type": ["integer", "null"],
        "minimum": 0,
        "maximum": 4294967295,  # of numpy.random.RandomState
        "default": None,
        "x-allowed": "null, for the number of the repeat, or a whole number from 0 to 4294967295",
    },
}
# Pixels per side that an image needs for the whole pattern; those that are missing here fit any.
LEAST_SIZE = {"v3": 3, "S2": 3, "v8": 5, "S3": 5, "v30": 25, "core": 25}


def apply_(images: np.ndarray, pattern: str, seed: int) -> np.ndarray:
    """Lay a pattern over uint8 images [N, C, H, W] in place and return them; grey levels are the nearest of 256."""
    images[:] = np.rint(patterns.apply(images / np.float32(255), pattern, seed) * 255)
    return images

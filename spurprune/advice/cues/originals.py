"""Properties of a user's own image files that are lost when images are brought to one size: their size and their shape."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from spurprune.data.formats import pictures
from spurprune.errors import SpurpruneError
from spurprune.storage.regular import require_regular

ORIENTATION = 0x0112  # the EXIF tag
TURNED = range(5, 9)  # its values that exchange width and height
NAMES = ("size of the original image", "width over height of the original image")
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, Image.DecompressionBombError)


def measured(folder: Path, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the properties of the image files ``keys`` below a folder by name, float64 [N], NaN where a file cannot be read.

    The size is the logarithm of the number of pixels. Headers alone are read.
    """
    sides = np.array([size_of(folder / key) or (np.nan, np.nan) for key in keys], dtype=np.float64).reshape(-1, 2)
    width, height = sides[:, 0], sides[:, 1]
    return dict(zip(NAMES, (np.log(width * height), width / height), strict=True))


def size_of(path: Path) -> tuple[int, int] | None:
    """Return an upright image's width and height in pixels, None if its file cannot be read."""
    try:
        require_regular(path)
        with Image.open(path, formats=pictures.FORMATS) as picture:
            turned = picture.getexif().get(ORIENTATION) in TURNED
            return (picture.height, picture.width) if turned else picture.size
    except (SpurpruneError, *UNREADABLE):
        return None

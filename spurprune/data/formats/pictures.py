"""Pictures of any mode that Pillow opens, as RGB: turned as their EXIF says, deep ones scaled, transparent ones on white."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

# The formats that are read. Others that Pillow knows start programs (EPS starts Ghostscript), decode slowly or are no photos; a file's
# content decides, not its name.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
# What 0 and 255 stand for in modes of more than 8 bits: the whole range of 16 bits, as PNG defines it, and of floating-point images from
# 0 to 1, as in scikit-image. A range of each image's own would make dark images as bright as others.
DEEP = {"F": (0.0, 1.0)} | dict.fromkeys(("I", "I;16", "I;16L", "I;16B", "I;16N"), (0.0, 65535.0))
BACKGROUND = (255, 255, 255)  # behind transparent pixels, as pages and viewers show them


class RangeError(ValueError):
    """Values beyond the range that would be scaled to 0 to 255."""


def to_rgb(picture: Image.Image, intensity: Sequence[float] | None = None) -> Image.Image:
    """Return a picture, the first frame of several, in mode RGB and upright.

    Grey pictures of 16 or 32 bits and of floating-point numbers are scaled linearly: the first number of ``intensity`` becomes 0, the
    second 255, and what is beyond them is clipped. Without ``intensity`` they are those of DEEP, and nothing is clipped: raises RangeError
    for values beyond them. Raises ValueError for values that are not finite.
    """
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in DEEP:
        return _scaled(picture, intensity).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, (*BACKGROUND, 255)), picture).convert("RGB")
    return picture.convert("RGB")


def _scaled(picture: Image.Image, intensity: Sequence[float] | None) -> Image.Image:
    """Return a deep picture in mode L."""
    values: np.ndarray[Any, Any] = np.asarray(picture).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it has values that are not finite")
    low, high = DEEP[picture.mode] if intensity is None else intensity
    if intensity is None and (values.min() < low or values.max() > high):
        raise RangeError(f"its values go from {values.min():g} to {values.max():g}, beyond {low:g} to {high:g}")
    scaled = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1) * 255
    return Image.fromarray(np.round(scaled).astype(np.uint8))

"""A user's images, of any mode and size, as RGB squares."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from spurprune.data.formats import photos, pictures
from spurprune.data.formats.images import ImageFiles, Preparation
from spurprune.errors import ConfigError, DataError

# Endings of files that are taken for images where a folder is searched; the content decides how they are read.
ENDINGS = frozenset(
    {".apng", ".avif", ".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm", ".pfm", ".pgm", ".png"}
)
ENDINGS |= {".pnm", ".ppm", ".tif", ".tiff", ".webp"}


def check_intensity(options: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError if a dataset's ``intensity`` is not a lower and a higher number."""
    low, high = options.get("intensity", (0, 1))
    if low >= high:
        raise ConfigError(f"{where}.intensity is [{low}, {high}], but the first number must be below the second; correct them.")


def preparation(options: Mapping[str, Any], image_size: int | None, where: str) -> tuple[Preparation, Preparation, str]:
    """Return (what makes a picture RGB, what makes it a square of ``image_size`` pixels, both in words).

    Raises DataError if ``image_size`` is None.
    """
    if image_size is None:
        raise DataError(f"The images of {where} are brought to one size, so image_size must be a number of pixels, not null.")
    intensity = options.get("intensity")
    convert: Callable[[Image.Image], Image.Image] = partial(pictures.to_rgb, intensity=intensity)
    return convert, partial(photos.square, side=image_size), f"upright RGB, intensity {intensity}; bilinear resize"


def is_image(path: Path) -> bool:
    """Return whether a file's name ends like an image's."""
    return path.suffix.lower() in ENDINGS


def files(root: Path, names: Sequence[str], options: Mapping[str, Any], image_size: int | None, where: str) -> ImageFiles:
    """Return images below ``root``; raises DataError if ``image_size`` is None or if two names lead to one file."""
    convert, square, words = preparation(options, image_size, where)
    assert image_size is not None
    _require_different(root, names)
    return ImageFiles(root, names, image_size, square, words, convert)


def _require_different(root: Path, names: Sequence[str]) -> None:
    """Raise DataError that names the first image which is a link to another one, or its name in other letters."""
    first: dict[tuple[int, int], str] = {}
    for name in names:
        try:
            found = (root / name).stat()
        except (OSError, ValueError):  # missing, which is for the decoder to say
            continue
        other = first.setdefault((found.st_dev, found.st_ino), name)
        # Hard links are as good as copies, which may be wanted.
        if other != name and (os.path.realpath(root / other).casefold() == os.path.realpath(root / name).casefold()):
            raise DataError(f"The images '{other}' and '{name}' of {root} are one file; remove one of them.")

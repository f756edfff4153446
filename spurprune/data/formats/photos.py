"""Preparation of photos: torchvision's CenterCrop and Resize (bilinear), pixel for pixel, with Pillow alone."""

from PIL import Image


def centre_square(picture: Image.Image, side: int) -> Image.Image:
    """Return the central square of ``side`` pixels; raises ValueError if the picture is smaller."""
    width, height = picture.size
    if min(width, height) < side:
        raise ValueError(f"it has {width}×{height} pixels, fewer than {side} per side")
    left, top = round((width - side) / 2), round((height - side) / 2)
    return picture.crop((left, top, left + side, top + side))


def square(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture resized to ``side`` × ``side`` pixels, whatever its shape was."""
    return picture.resize((side, side), Image.Resampling.BILINEAR)


def shorter_side(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture resized so that its shorter side has ``side`` pixels, keeping its proportions (the longer side rounded down)."""
    width, height = picture.size
    longer = side * max(width, height) // min(width, height)
    size = (side, longer) if width <= height else (longer, side)
    return picture.resize(size, Image.Resampling.BILINEAR)

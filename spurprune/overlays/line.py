"""A bright vertical line on an image (the paper's CIFAR-10S feature, Sec. 3 and App. A.1)."""

from collections.abc import Sequence
from typing import Any, TypeVar

TAKES = ("images",)
OPTIONS = {
    "value": {"type": "integer", "minimum": 0, "maximum": 255},
    "width": {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 4096,
        "default": None,
        "x-allowed": "a whole number of pixels from 1 to 4096, or null beside columns",
    },
    "columns": {
        "type": ["array", "null"],
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "integer", "minimum": 0, "maximum": 4095},
        "default": None,
        "x-allowed": "a list of different columns, counted from 0, or null beside width",
    },
    "channel": {
        "type": ["integer", "null"],
        "minimum": 0,
        "maximum": 1000,
        "default": None,
        "x-allowed": "a whole number from 0 to 1000, or null beside channels",
    },
    "channels": {
        "type": ["array", "null"],
        "minItems": 1,
        "uniqueItems": True,
        "items": {"type": "integer", "minimum": 0, "maximum": 1000},
        "default": None,
        "x-allowed": "a list of different channels, counted from 0, or null beside channel",
    },
}
ONE_OF = (("width", "columns"), ("channel", "channels"))  # of each pair, exactly one is given

Images = TypeVar("Images", bound=Any)


def apply_(
    images: Images,
    value: int,
    width: int | None = None,
    columns: Sequence[int] | None = None,
    channel: int | None = None,
    channels: Sequence[int] | None = None,
) -> Images:
    """Draw the line into uint8 images [N, C, H, W], a NumPy array or a torch tensor, in place, and return them.

    The line covers ``columns``, or ``width`` pixels centred on column W // 2: of 32, one pixel is column 16 and eight are columns 12 to 19,
    as in the public code. It is drawn into one ``channel`` or several ``channels``.
    """
    middle = images.shape[-1] // 2
    covered = columns if width is None else range(middle - width // 2, middle - width // 2 + width)
    drawn = channels if channel is None else [channel]
    assert covered is not None and drawn is not None  # the configuration gives one of each pair
    for one in drawn:
        images[:, one, :, list(covered)] = value
    return images

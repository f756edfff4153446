"""A bright vertical line in the middle of an image (the paper's CIFAR-10S feature, Sec. 3 and App. A.1)."""

from typing import Any, TypeVar

TAKES = ("images",)
OPTIONS = {
    "width": {"type": "integer", "minimum": 1, "maximum": 4096},
    "value": {"type": "integer", "minimum": 0, "maximum": 255},
    "channel": {"type": "integer", "minimum": 0, "maximum": 1000},
}

Images = TypeVar("Images", bound=Any)


def apply_(images: Images, width: int, value: int, channel: int) -> Images:
    """Draw the line into uint8 images [N, C, H, W], a NumPy array or a torch tensor, in place, and return them.

    The line is ``width`` pixels wide and centred on column W // 2, which for a width of one is the column in the paper's code.
    """
    start = images.shape[-1] // 2 - width // 2
    images[:, channel, :, start : start + width] = value
    return images

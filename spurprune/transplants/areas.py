"""Areas of images and blocks of vectors, as boolean masks by name.

The families are ours: for a cue of unknown size at a fixed place, some area should hold it and little else.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

STRIPS = 8  # rows and columns of an image are divided into so many strips; a border and the corners are as wide as a strip
GRIDS = (4, 2)  # cells per side of an image, on two scales
BLOCKS = (16, 8, 4)  # blocks of a vector's coordinates, on three scales

Masks = dict[str, np.ndarray]  # bool, [H, W] of images, [D] of vectors


def of_images(height: int, width: int, crop: int | None = None) -> Masks:
    """Return strips, cells on two scales, the corners and the border of images of at least two pixels per side.

    Only the central ``crop`` pixels, if given, are divided: the network sees no others. Areas that coincide count once.
    """
    rows, columns = (_window(side, crop) for side in (height, width))
    found: list[tuple[str, np.ndarray]] = []

    def add(vertical: range, horizontal: range) -> None:
        mask = np.zeros((height, width), dtype=bool)
        mask[vertical.start : vertical.stop, horizontal.start : horizontal.stop] = True
        found.append((_named(vertical, horizontal, rows, columns), mask))

    for strip in parts(rows, STRIPS):
        add(strip, columns)
    for strip in parts(columns, STRIPS):
        add(rows, strip)
    for cells in GRIDS:
        for vertical in parts(rows, cells):
            for horizontal in parts(columns, cells):
                add(vertical, horizontal)
    edges = [(side[0], side[-1]) for side in (parts(rows, STRIPS), parts(columns, STRIPS))]
    for vertical in edges[0]:
        for horizontal in edges[1]:
            add(vertical, horizontal)
    border = np.zeros((height, width), dtype=bool)
    border[rows.start : rows.stop, columns.start : columns.stop] = True
    border[edges[0][0].stop : edges[0][1].start, edges[1][0].stop : edges[1][1].start] = False
    found.append(("the border", border))
    return _different(found)


def of_vectors(length: int) -> Masks:
    """Return blocks of neighbouring coordinates, on three scales; of short vectors every coordinate is a block."""
    found = []
    for blocks in BLOCKS:
        for part in parts(range(length), blocks):
            mask = np.zeros(length, dtype=bool)
            mask[part.start : part.stop] = True
            found.append((_range("coordinate", part), mask))
    return _different(found)


def parts(whole: range, count: int) -> list[range]:
    """Return a range in up to ``count`` parts of as equal length as possible, none empty."""
    count = min(count, len(whole))
    edges = [whole.start + number * len(whole) // count for number in range(count + 1)]
    return [range(start, stop) for start, stop in pairwise(edges)]


def _window(side: int, crop: int | None) -> range:
    if crop is None or crop >= side:
        return range(side)
    start = round((side - crop) / 2)  # as the network's inputs are cropped
    return range(start, start + crop)


def _named(vertical: range, horizontal: range, rows: range, columns: range) -> str:
    named = [_range("row", vertical)] * (vertical != rows) + [_range("column", horizontal)] * (horizontal != columns)
    return ", ".join(named) or "everything"


def _range(noun: str, part: range) -> str:
    return f"{noun} {part.start}" if len(part) == 1 else f"{noun}s {part.start}–{part[-1]}"


def _different(found: Sequence[tuple[str, np.ndarray]]) -> Masks:
    """Return different masks, the first of equal ones, none of them everything."""
    kept: dict[bytes, tuple[str, np.ndarray]] = {}
    for name, mask in found:
        if not mask.all():
            kept.setdefault(mask.tobytes(), (name, mask))
    return dict(kept.values())

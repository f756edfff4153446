"""The line, pixel by pixel."""

import numpy as np
import pytest
import torch

from spurprune.overlays import line

COLUMNS = {(8, 1): [4], (8, 2): [3, 4], (8, 3): [3, 4, 5], (32, 1): [16], (32, 2): [15, 16], (32, 3): [15, 16, 17]}


@pytest.mark.parametrize(("size", "width"), COLUMNS)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_the_line_covers_exactly_its_columns(size: int, width: int, kind: str) -> None:
    before = np.random.default_rng(0).integers(0, 200, (2, 3, size, size), dtype=np.uint8)
    images = before.copy() if kind == "numpy" else torch.from_numpy(before.copy())
    result = np.asarray(line.apply_(images, width=width, value=255, channel=1))
    drawn = np.zeros(before.shape, dtype=bool)
    drawn[:, 1, :, COLUMNS[size, width]] = True
    assert (result[drawn] == 255).all()
    assert np.array_equal(result[~drawn], before[~drawn])
    assert result.dtype == np.uint8


def test_it_is_drawn_in_place_with_the_given_value() -> None:
    images = np.zeros((1, 1, 8, 8), dtype=np.uint8)
    assert line.apply_(images, width=1, value=7, channel=0) is images
    assert images.sum() == 8 * 7

"""The line, pixel by pixel."""

from typing import Any

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


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("options", "columns", "channels"),
    [
        ({"columns": [16], "channel": 0}, [16], [0]),  # the public code's line for the hardest carriers
        ({"columns": [12, 13, 14, 15, 16, 17, 18, 19], "channels": [0, 1, 2]}, [12, 13, 14, 15, 16, 17, 18, 19], [0, 1, 2]),  # the easiest
        ({"width": 8, "channels": [2, 0]}, [12, 13, 14, 15, 16, 17, 18, 19], [0, 2]),
        ({"width": 4, "channel": 0}, [14, 15, 16, 17], [0]),
        ({"columns": [31, 0], "channels": [1]}, [0, 31], [1]),
    ],
)
def test_columns_and_channels_are_exactly_those_named(options: dict[str, Any], columns: list[int], channels: list[int], kind: str) -> None:
    before = np.random.default_rng(0).integers(0, 190, (2, 3, 32, 32), dtype=np.uint8)
    images = before.copy() if kind == "numpy" else torch.from_numpy(before.copy())
    result = np.asarray(line.apply_(images, value=191, **options))
    changed = np.argwhere(result != before)
    assert sorted({tuple(one) for one in changed[:, [1, 3]].tolist()}) == [(one, other) for one in channels for other in columns]
    assert len(changed) == 2 * 32 * len(channels) * len(columns)
    assert set(result[result != before].tolist()) == {191}


def test_it_is_drawn_in_place_with_the_given_value() -> None:
    images = np.zeros((1, 1, 8, 8), dtype=np.uint8)
    assert line.apply_(images, width=1, value=7, channel=0) is images
    assert images.sum() == 8 * 7

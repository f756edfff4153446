"""Grids: dotted keys with the values to try, expanded into their points."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any


def points(grid: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Any]]:
    """Return the coordinates (value by dotted key) of every point of a grid by its name, such as "count-10.width-2".

    Keys are sorted, so that reordering a grid renames nothing; the first key varies slowest. An empty grid has one point, "".
    """
    grid = dict(sorted(grid.items()))
    found = {}
    for values in itertools.product(*grid.values()):
        coordinates = dict(zip(grid, values, strict=True))
        found[".".join(f"{key.rsplit('.', 1)[-1]}-{value}" for key, value in coordinates.items())] = coordinates
    return found

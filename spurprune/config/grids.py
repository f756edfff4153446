"""Grids: dotted keys with the values to try, expanded into their points; or the points themselves."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from spurprune.config.known import shown
from spurprune.errors import ConfigError

Grid = Mapping[str, Sequence[Any]]
Points = Sequence[Mapping[str, Any]]  # a grid given point by point, each a value by dotted key
MOST_POINTS = 1_000


def points(grid: Grid) -> dict[str, dict[str, Any]]:
    """Return the coordinates (value by dotted key) of every point of a grid by its name, such as "count-10.width-2".

    Keys are sorted, so that reordering a grid renames nothing; the first key varies slowest. An empty grid has one point, "".
    """
    grid = dict(sorted(grid.items()))
    found = {}
    for values in itertools.product(*grid.values()):
        coordinates = dict(zip(grid, values, strict=True))
        found[_name(coordinates)] = coordinates
    return found


def named(given: Points) -> dict[str, dict[str, Any]]:
    """Return the coordinates of every given point by its name, which is made as those of a grid's points."""
    return {_name(coordinates := dict(sorted(point.items()))): coordinates for point in given}


def _name(coordinates: Mapping[str, Any]) -> str:
    return ".".join(f"{key.rsplit('.', 1)[-1]}-{value}" for key, value in coordinates.items())


def check_points(where: str, given: Points, what: str) -> None:
    """Raise ConfigError that begins with ``where`` for given points that cannot be told apart; ``what`` names them in the plural."""
    for place, point in enumerate(given):
        check(f"{where}[{place}]", {dotted: [value] for dotted, value in point.items()}, what)
    if len(given) > MOST_POINTS:
        raise ConfigError(f"{where} has {len(given):,} {what}; name at most {MOST_POINTS:,}.")
    if len(named(given)) < len(given):
        raise ConfigError(f"{where} has {what} of the same name; remove one, or name its keys in full.")


def check(where: str, grid: Grid, what: str) -> None:
    """Raise ConfigError that begins with ``where`` for keys or values that cannot make up a grid; ``what`` names its points in the plural.

    The points are counted without building them, and built only if they are few enough.
    """
    for dotted, values in grid.items():
        if not all(dotted.split(".")):
            raise ConfigError(f"{where}: '{dotted}' is not a dotted key, such as training.optimizer.lr; correct it.")
        above = next((other for other in grid if dotted.startswith(f"{other}.")), None)
        if above is not None:
            raise ConfigError(f"{where}: '{dotted}' is part of '{above}', which varies, too; remove one.")
        if any(value in values[:place] for place, value in enumerate(values)):
            raise ConfigError(f"{where}.{dotted} is {shown(values)}, which names a value twice; remove one.")
        alike = next((value for place, value in enumerate(values) if str(value) in map(str, values[:place])), None)
        if alike is not None:
            raise ConfigError(f"{where}.{dotted} is {shown(values)}, of which two are written '{alike}' in a folder's name; remove one.")
    size = math.prod(len(values) for values in grid.values())
    if size > MOST_POINTS:
        raise ConfigError(f"{where} has {size:,} {what}; name at most {MOST_POINTS:,}.")
    if len(points(grid)) < size:
        raise ConfigError(f"{where} has {what} of the same name, since keys end in the same word; vary other keys.")

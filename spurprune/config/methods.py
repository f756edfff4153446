"""Method entries: a kind with options, overrides of the training recipe, and a grid of candidates to choose among."""

import itertools
from collections.abc import Mapping
from typing import Any

from spurprune.config.merging import merge

DEFAULTS: Mapping[str, Any] = {"from": None, "options": {}, "training": {}, "grid": {}, "tuning": None}
DECIDING = ("kind", "from", "options", "training")  # what of an entry decides a run; the rest decides which candidates there are


def complete(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with its defaults filled in."""
    return merge(DEFAULTS, entry)


def deciding(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a complete entry that decides a run's result."""
    return {key: entry[key] for key in DECIDING}


def candidates(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the coordinates of every candidate by its name, in grid order; empty for a method without a grid.

    The coordinates stand in the order of their keys' names, so that reordering a grid renames nothing.
    """
    grid = dict(sorted(entry["grid"].items()))
    found = {}
    for values in itertools.product(*grid.values()) if grid else ():
        coordinates = dict(zip(grid, values, strict=True))
        found[".".join(f"{key.rsplit('.', 1)[-1]}-{value}" for key, value in coordinates.items())] = coordinates
    return found


def at(entry: Mapping[str, Any], coordinates: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with a candidate's values put at its dotted keys; a key that is not there yet is made."""
    over: dict[str, Any] = {}
    for dotted, value in coordinates.items():
        *parents, last = dotted.split(".")
        inner = over
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return merge(entry, over)

"""Method entries: a kind with options, overrides of the training recipe, and a grid of candidates to choose among."""

from collections.abc import Mapping
from typing import Any

from spurprune.config.grids import points
from spurprune.config.merging import merge

DEFAULTS: Mapping[str, Any] = {"from": None, "options": {}, "training": {}, "grid": {}, "tuning": None}
DECIDING = ("kind", "from", "options", "training")  # the keys that decide a run; the others decide which candidates there are


def complete(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with its defaults filled in."""
    return merge(DEFAULTS, entry)


def deciding(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a complete entry that decides a run's result."""
    return {key: entry[key] for key in DECIDING}


def candidates(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the coordinates of every candidate by its name, in grid order; empty for a method without a grid."""
    return points(entry["grid"]) if entry["grid"] else {}


def at(entry: Mapping[str, Any], coordinates: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with a candidate's values set at its dotted keys, which need not exist yet."""
    over: dict[str, Any] = {}
    for dotted, value in coordinates.items():
        *parents, last = dotted.split(".")
        inner = over
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return merge(entry, over)

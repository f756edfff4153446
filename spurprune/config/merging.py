"""Configuration blocks merged over each other, and values set at dotted keys."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from spurprune.errors import ConfigError

WHOLE = ("aligned", "where")  # mappings that are replaced, not merged: their keys are classes and attributes


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` overridden by ``over``, mappings merged key by key, everything else replaced.

    A mapping with another ``name`` (another optimiser, say), ``choose`` or ``kind`` replaces the old one as a whole, whose options would
    not fit it; so do the mappings ``aligned`` and ``where``.
    """
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and key not in WHOLE and not _another_kind(old, value):
            merged[key] = merge(old, value)
        else:
            merged[key] = deepcopy(value)
    return merged


def _another_kind(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return any(key in old and key in new and old[key] != new[key] for key in ("name", "choose", "kind"))


def put(block: Mapping[str, Any], coordinates: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the block with values set at dotted keys, such as "training.optimizer.lr"; raises ConfigError if a key has no parent.

    ``where`` names the grid in the message.
    """
    changed = deepcopy(dict(block))
    for dotted, value in coordinates.items():
        *parents, last = dotted.split(".")
        inner = changed
        for parent in parents:
            if not isinstance(inner.get(parent), dict):
                raise ConfigError(f"{where}.grid: '{dotted}' is not a key of the setting, since '{parent}' is not a mapping; correct it.")
            inner = inner[parent]
        inner[last] = value
    return changed

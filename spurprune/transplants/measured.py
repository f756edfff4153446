"""Reliance as it was measured (``spurprune/analyses/reliance.py``): shares by region and donors, and where in an image they lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spurprune.data.analysis import Found

DRAWN, CONTROL, SUSPECTS = "drawn", "control", "suspects"  # kinds of donors

Shares = Mapping[tuple[str, str, str], Mapping[int, float]]  # by source, region and donors: by repeat


def shares_of(found: Mapping[int, Found]) -> dict[tuple[str, str, str], dict[int, float]]:
    """Return the shares of an analysis of reliance by source, region and donors, then by repeat."""
    shares: dict[tuple[str, str, str], dict[int, float]] = {}
    for repeat, one in found.items():
        keys = zip(*(one.columns[column] for column in ("source", "region", "donors")), strict=True)
        for key, share in zip(keys, one.columns["share"].tolist(), strict=True):
            shares.setdefault((str(key[0]), str(key[1]), str(key[2])), {})[repeat] = share
    return shares


def excess(shares: Shares) -> dict[tuple[str, str, str], dict[int, float]]:
    """Return the shares of suspects as they are, and those of drawn donors without the controls'."""
    found: dict[tuple[str, str, str], dict[int, float]] = {}
    for (source, region, donors), values in shares.items():
        if donors == SUSPECTS:
            found[source, region, donors] = dict(values)
        elif donors == DRAWN:
            control = shares.get((source, region, CONTROL), {})
            found[source, region, donors] = {repeat: value - control[repeat] for repeat, value in values.items() if repeat in control}
    return found


def pixels(values: Mapping[str, float], masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return for each pixel the mean of the values of the areas that hold it, float64 [H, W], NaN where there is none."""
    total, count = (np.zeros(next(iter(masks.values())).shape) for _ in range(2))
    for name, mask in masks.items():
        if name in values:
            total[mask] += values[name]
            count[mask] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)

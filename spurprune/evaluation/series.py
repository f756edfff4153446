"""Estimates over repeats from pandas series by repeat. This module is imported for planning, so it does not import pandas."""

import math
from typing import TYPE_CHECKING

import numpy as np

from spurprune.evaluation.statistics import Estimate, estimate, paired_difference

if TYPE_CHECKING:
    import pandas as pd

UNKNOWN = Estimate(math.nan, math.nan, math.nan, 0)  # of something that was not measured


def mean_of(values: "pd.Series") -> Estimate:
    """Return the mean over repeats, with its 95% interval, of values by repeat."""
    return estimate(values.to_numpy(dtype=np.float64))


def difference_of(values: "pd.Series", reference: "pd.Series | None") -> Estimate:
    """Return the mean paired difference from a reference, both by repeat, with its 95% interval; unknown without a reference."""
    return UNKNOWN if reference is None else paired_difference(_by_repeat(values), _by_repeat(reference))


def _by_repeat(values: "pd.Series") -> dict[int, float]:
    return dict(zip(values.index.tolist(), values.tolist(), strict=True))

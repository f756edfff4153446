"""The class that a reference run predicts: the slices from which Correct-n-Contrast draws (Zhang et al. 2022, Sec. 4)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spurprune.data.grouping import Grouping
from spurprune.pruning.partitioning import Request

NEEDS = "dynamics"
OPTIONS = {
    "reference": {"type": "string"},
    "epoch": {"type": "integer", "minimum": 1, "maximum": 100_000},
    "seed": {"type": "integer", "minimum": 0, "maximum": 999, "default": 0},  # which of the reference seeds
}


def names(options: Mapping[str, Any], grouping: Grouping) -> tuple[str, ...]:
    """Return the names of all classes."""
    return grouping.classes


def parts(request: Request) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the class that the reference predicted for each sample after ``epoch`` epochs, and the names of all classes.

    Raises DataError if that epoch or seed was not recorded.
    """
    predicted = request.predicted(request.options["epoch"], request.options["seed"])
    return predicted.astype(np.int32), names(request.options, request.grouping)

"""The samples that a reference run misclassified at some epoch: the error set of JTT (Liu et al. 2021).

With ``view: training`` in the reference, predictions are those made in each sample's own training step, as in JTT's code.
"""

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
NAMES = ("right", "wrong")


def names(options: Mapping[str, Any], grouping: Grouping) -> tuple[str, ...]:
    """Return the names of the two parts."""
    return NAMES


def parts(request: Request) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return 1 for the samples that the reference misclassified after ``epoch`` epochs, 0 for the others.

    Raises DataError if that epoch or seed was not recorded.
    """
    predicted = request.predicted(request.options["epoch"], request.options["seed"])
    return (predicted != request.label).astype(np.int32), names(request.options, request.grouping)

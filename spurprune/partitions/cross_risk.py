"""Environments inferred without group labels: what cross-risk minimisation gets wrong (Pezeshki et al. 2024, XRM).

Within its class, a sample is in the environment "wrong" if one of the twins, or both, misclassify it by its original label.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spurprune.config.references import twins_of
from spurprune.data.grouping import Grouping
from spurprune.machine.logs import log
from spurprune.pruning.partitioning import Request

NEEDS = "dynamics"
REFERENCE = "cross_risk"
OPTIONS = {
    "reference": {"type": "string"},
    "epoch": {"type": "integer", "minimum": 1, "maximum": 100_000},
    "seed": {"type": "integer", "minimum": 0, "maximum": 999, "default": 0},  # which of the recipe's seeds
}
ENVIRONMENTS = ("right", "wrong")


def names(options: Mapping[str, Any], grouping: Grouping) -> tuple[str, ...]:
    """Return the names of all classes × environments."""
    return tuple(f"{label}, {environment}" for label in grouping.classes for environment in ENVIRONMENTS)


def parts(request: Request) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return each sample's class × environment, as the twins predict after ``epoch`` epochs, and the names of all these parts.

    A class that lacks an environment leaves that part empty, which is logged. Raises DataError if that epoch or seed was not recorded.
    """
    first, second = (request.predicted(request.options["epoch"], twin) for twin in twins_of(request.options["seed"]))
    wrong = (first != request.label) | (second != request.label)
    part = request.label.astype(np.int32) * len(ENVIRONMENTS) + wrong
    of_all = names(request.options, request.grouping)
    size = np.bincount(part, minlength=len(of_all)).reshape(-1, len(ENVIRONMENTS))
    for label, environment in np.argwhere((size == 0) & (size.sum(axis=1, keepdims=True) > 0)).tolist():
        log.warning(
            "repeat %d: the twins get all training samples of class '%s' %s, so the part '%s' is empty",
            request.repeat,
            request.grouping.classes[label],
            ENVIRONMENTS[1 - environment],
            of_all[label * len(ENVIRONMENTS) + environment],
        )
    return part.astype(np.int32), of_all

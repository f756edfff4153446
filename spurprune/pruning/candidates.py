"""Sets of candidates, the samples that a strategy may weigh, that several strategies share."""

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.weights import Request


def everyone(request: Request) -> np.ndarray:
    """Return all samples, bool [N]."""
    return np.ones(len(request.label), dtype=bool)


def aligned(request: Request) -> np.ndarray:
    """Return the aligned samples, whose attributes are those tied to their class, bool [N]; raises PlanError if there are none."""
    found = request.aligned == 1
    if not found.any():
        raise PlanError("no training sample is aligned, so there is no group to prune; fill in 'aligned' or choose another plan.")
    return found

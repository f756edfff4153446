"""Sets of candidates, the samples that a strategy may weigh, that several strategies share."""

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.weights import Request


def everyone(request: Request) -> np.ndarray:
    """Return all samples, bool [N]."""
    return np.ones(len(request.label), dtype=bool)


def notice_on_balance(request: Request) -> str | None:
    """Return a clause for the log if the non-empty parts of the plan's partition are equal in size already.

    Raises PlanError if only one part has samples.
    """
    assert request.part is not None
    name, count = request.plan.partition, np.bincount(request.part)
    sizes = count[count > 0]
    if len(sizes) == 1:
        part = request.parts[int(np.flatnonzero(count)[0])]
        raise PlanError(f"all training samples are in part '{part}' of '{name}', so there is nothing to balance; choose another partition.")
    return f"all parts of '{name}' have {sizes[0]} training samples, so balancing changes nothing" if (sizes == sizes[0]).all() else None


def aligned(request: Request) -> np.ndarray:
    """Return the aligned samples, whose attributes are those tied to their class, bool [N]; raises PlanError if there are none."""
    found = request.aligned == 1
    if not found.any():
        raise PlanError("no training sample is aligned, so there is no group to prune; fill in 'aligned' or choose another plan.")
    return found

"""One part of a partition alone."""

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.candidates import everyone
from spurprune.pruning.weights import Request, Weights

FIELDS = ("partition", "part")
CANDIDATES = "all training samples"


def weigh(request: Request) -> Weights:
    """Prune all samples but those of one part; raises PlanError if the partition has no such part."""
    assert request.part is not None
    if request.plan.part not in request.parts:
        raise PlanError(f"'{request.plan.partition}' has no part '{request.plan.part}'; its parts are {', '.join(request.parts)}.")
    return Weights(np.where(request.part == request.parts.index(request.plan.part), 1.0, 0.0), everyone(request))

"""Pruning the hardest or easiest share of every aligned group: those whose attributes go with their class (Sec. 6.2 of the paper)."""

from spurprune.pruning.candidates import aligned
from spurprune.pruning.thinning import thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("score", "order", "sparsity")


def weigh(request: Request) -> Weights:
    """Prune the sparsity of the aligned samples of each group; samples of unknown group stay. Raises PlanError if none is aligned."""
    return thin(request, aligned(request) & (request.group >= 0), by=request.group)

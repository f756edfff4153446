"""Pruning the hardest or easiest share of every class."""

from spurprune.pruning.candidates import everyone
from spurprune.pruning.thinning import thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("score", "order", "sparsity")


def weigh(request: Request) -> Weights:
    """Prune the plan's sparsity of every class."""
    return thin(request, everyone(request), by=request.label)

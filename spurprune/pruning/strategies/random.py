"""Random pruning: a share of every class, regardless of difficulty."""

from spurprune.pruning.candidates import everyone
from spurprune.pruning.thinning import thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("sparsity",)


def weigh(request: Request) -> Weights:
    """Prune the plan's sparsity of every class; a larger sparsity prunes a superset."""
    return thin(request, everyone(request), by=request.label, first=-request.random_order())

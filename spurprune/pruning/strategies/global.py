"""Pruning the hardest or easiest share of all training samples, regardless of class."""  # noqa: N999

from spurprune.pruning.candidates import everyone
from spurprune.pruning.thinning import thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("score", "order", "sparsity")


def weigh(request: Request) -> Weights:
    """Prune the plan's sparsity of all samples."""
    return thin(request, everyone(request))

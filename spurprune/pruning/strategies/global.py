"""Pruning the hardest or easiest share of all training samples, whatever their class."""  # noqa: N999

from spurprune.pruning.candidates import everyone
from spurprune.pruning.thinning import thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("score", "order", "sparsity")


def weigh(request: Request) -> Weights:
    """Prune the sparsity of all samples together."""
    return thin(request, everyone(request))

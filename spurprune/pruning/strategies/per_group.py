"""Pruning the hardest or easiest share of every aligned group: a class with the attributes tied to it (Sec. 6.2 of the paper)."""

from spurprune.pruning.candidates import aligned
from spurprune.pruning.thinning import thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("score", "order", "sparsity")
NEEDS = ("aligned",)  # what a setting must have
USES_GROUPS = True
CANDIDATES = "the aligned samples of known group"


def weigh(request: Request) -> Weights:
    """Prune the plan's sparsity of each group's aligned samples; samples of unknown group stay. Raises PlanError if none is aligned."""
    return thin(request, aligned(request) & (request.group >= 0), by=request.group)

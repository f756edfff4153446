"""Pruning the hardest or easiest share of every part of a partition but the first, such as of the suspects by each region."""

from dataclasses import replace

from spurprune.pruning.thinning import thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("partition", "score", "order", "sparsity")
CANDIDATES = "the samples of all parts but the first"
MAY_FIND_NONE = True  # in a repeat with few suspects or none


def weigh(request: Request) -> Weights:
    """Prune the plan's sparsity of each part but the first; samples of the first stay, which are all if the others are empty."""
    assert request.part is not None
    candidates = request.part > 0
    weights = thin(request, candidates, by=request.part)
    if (weights.weight > 0).all():
        return replace(
            weights, notice=f"only {int(candidates.sum())} samples are in another part than '{request.parts[0]}', so none is pruned"
        )
    return weights

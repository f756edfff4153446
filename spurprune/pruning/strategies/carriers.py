"""Pruning the hardest or easiest share of the source class's carriers (Sec. 4 of the paper)."""

from spurprune.errors import PlanError
from spurprune.pruning.thinning import thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("score", "order", "sparsity")
NEEDS = ("probe", "carriers")  # what a setting must have
USES_GROUPS = True
CANDIDATES = "the carriers of the probe's source class"


def weigh(request: Request) -> Weights:
    """Prune the plan's sparsity of the carriers; raises PlanError without a probe or if it is not known which samples are carriers."""
    if request.source is None:
        raise PlanError("the setting has no probe, so there is no class whose carriers to prune; give it one or choose another plan.")
    if not (request.carrier >= 0).any():
        raise PlanError("it is not known which training samples are carriers; fill in the setting's 'carriers' or choose another plan.")
    return thin(request, (request.label == request.source) & (request.carrier == 1))

"""Pruning the hardest or easiest share of the source class's carriers (Sec. 4 of the paper)."""

from collections.abc import Mapping
from typing import Any

from spurprune.errors import PlanError
from spurprune.pruning.plan import Plan
from spurprune.pruning.thinning import pruned_count, thin
from spurprune.pruning.weights import Request, Weights

FIELDS = ("score", "order", "sparsity")
NEEDS = ("probe", "carriers")  # what a setting must have
USES_GROUPS = True
CANDIDATES = "the carriers of the probe's source class"


def check(plan: Plan, setting: Mapping[str, Any]) -> None:
    """Raise PlanError if a setting's block gives the source class so few carriers that none would be pruned.

    If they are in the data already, only these tell how many there are.
    """
    count = setting["carriers"].get("count")
    assert plan.sparsity is not None
    if count == 0:
        raise PlanError("carriers.count is 0, so nothing could be pruned; raise it, or choose another plan.")
    if count is not None and float(plan.sparsity) > 0 and not pruned_count(count, plan.sparsity):
        raise PlanError(
            f"carriers.count is {count}, of which a sparsity of {plan.sparsity} rounds to none; raise the sparsity, or remove the plan."
        )


def weigh(request: Request) -> Weights:
    """Prune the plan's sparsity of the carriers; raises PlanError if it is not known of any sample whether it is one."""
    assert request.source is not None
    if not (request.carrier >= 0).any():
        raise PlanError("it is not known which training samples are carriers; fill in the setting's 'carriers' or choose another plan.")
    return thin(request, (request.label == request.source) & (request.carrier == 1))

"""Upweighting one part of a partition, such as the samples that a reference run misclassified (Liu et al. 2021, JTT)."""

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.weights import DRAWN, EXACT, Request, Weights

FIELDS = ("partition", "factor")
WEIGHTS = "copied"
PARTS = 2  # that its partition must have


def weigh(request: Request) -> Weights:
    """Return 1 + FACTOR for the samples of the second of two parts, 1 for the others: FACTOR further copies, as with JTT's λ.

    Whole factors give exact visits, others drawn ones. If one part is empty, all weights are equal, which is ERM but for the number of
    visits; the notice says so. Raises PlanError if the partition does not have two parts.
    """
    part, parts, name = request.part, request.parts, request.plan.partition
    assert part is not None and request.plan.factor is not None
    if len(parts) != PARTS:
        raise PlanError(f"'{name}' has {len(parts)} parts, but 'upweight' needs a partition of two, whose second part gains weight.")
    factor = float(request.plan.factor)
    chosen = part == 1
    weight = np.where(chosen, 1 + factor, 1.0)
    return Weights(weight, chosen, EXACT if factor.is_integer() else DRAWN, _notice(chosen, request))


def _notice(chosen: np.ndarray, request: Request) -> str | None:
    """Return a clause for the log if the factor favours no sample over another."""
    if chosen.any() and not chosen.all():
        return None
    plan, epoch = request.plan, request.division.get("epoch")
    which = f"{'every' if chosen.all() else 'no'} training sample is in part '{request.parts[1]}' of '{plan.partition}'"
    when = "" if epoch is None else f" (of the reference's epoch T = {epoch})"
    effect = f"gives all of them the weight {1 + float(str(plan.factor)):g}" if chosen.all() else "changes nothing"
    return f"{which}{when}, so the factor λ = {plan.factor} {effect}, and training is ERM{' with more visits' if chosen.all() else ''}"

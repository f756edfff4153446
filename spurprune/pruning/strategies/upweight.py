"""Upweighting one part of a partition, such as the samples that a reference run misclassified (Liu et al. 2021, JTT)."""

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.weights import DRAWN, EXACT, Request, Weights

FIELDS = ("partition", "factor")
WEIGHTS = "copied"
PARTS = 2  # that its partition must have


def weigh(request: Request) -> Weights:
    """Return 1 + FACTOR for the samples of the second of two parts, 1 for the others: FACTOR further copies, as with JTT's λ.

    Whole factors give exact visits, others drawn ones. Raises PlanError if the partition does not have two parts, or if one is empty.
    """
    part, parts, name = request.part, request.parts, request.plan.partition
    assert part is not None and request.plan.factor is not None
    if len(parts) != 2:
        raise PlanError(f"'{name}' has {len(parts)} parts, but 'upweight' needs a partition of two, whose second part gains weight.")
    factor = float(request.plan.factor)
    chosen = part == 1
    if chosen.all() or not chosen.any():
        which, effect = ("every", "would favour none") if chosen.all() else ("no", "would change nothing")
        raise PlanError(
            f"{which} training sample is in part '{parts[1]}' of '{name}', so the factor {request.plan.factor} {effect}; choose another "
            "partition, or other options of this one."
        )
    return Weights(np.where(chosen, 1 + factor, 1.0), chosen, EXACT if factor.is_integer() else DRAWN)

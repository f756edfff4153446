"""The task set of PruSC: every part holds equally many samples of each class (Le et al. 2025; how they draw it is not public)."""

from dataclasses import replace

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.candidates import everyone
from spurprune.pruning.thinning import foremost, strata, without
from spurprune.pruning.weights import Request, Weights

FIELDS = ("partition",)


def weigh(request: Request) -> Weights:
    """Keep of every class in a part a random subset, as large as the part's smallest class; parts that lack a class are pruned.

    Drawn once per repeat. Raises PlanError if every part lacks a class.
    """
    assert request.part is not None
    order = request.random_order()
    classes = len(np.unique(request.label))
    pruned = np.ones(len(request.label), dtype=bool)
    for members in strata(np.arange(len(request.part)), request.part):
        of_classes = strata(members, request.label)
        if len(of_classes) == classes:
            size = min(len(one) for one in of_classes)
            for one in of_classes:
                pruned[foremost(one, order, size)] = False
    if pruned.all():
        raise PlanError(f"every part of '{request.plan.partition}' lacks a class, so nothing is left; choose another partition.")
    notice = None if pruned.any() else f"all parts of '{request.plan.partition}' have equally many samples of each class already"
    return replace(without(pruned, everyone(request)), notice=notice)

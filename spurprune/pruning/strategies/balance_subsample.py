"""Balancing by subsampling: every part is reduced to the size of the smallest (Idrissi et al. 2022, SUBG and SUBY)."""

from dataclasses import replace

import numpy as np

from spurprune.pruning.candidates import everyone, notice_on_balance
from spurprune.pruning.thinning import foremost, strata, without
from spurprune.pruning.weights import Request, Weights

FIELDS = ("partition",)


def weigh(request: Request) -> Weights:
    """Keep a random subset of every part, as large as the smallest non-empty part; drawn once per repeat.

    Raises PlanError if only one part has samples.
    """
    assert request.part is not None
    order = request.random_order()
    members = strata(np.arange(len(request.part)), request.part)
    size = min(len(one) for one in members)
    pruned = np.ones(len(request.part), dtype=bool)
    for one in members:
        pruned[foremost(one, order, size)] = False
    return replace(without(pruned, everyone(request)), notice=notice_on_balance(request))

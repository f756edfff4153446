"""Balancing by reweighting: all parts are drawn equally often (Idrissi et al. 2022, RWG and RWY)."""

import numpy as np

from spurprune.pruning.candidates import everyone, notice_on_balance
from spurprune.pruning.weights import DRAWN, Request, Weights

FIELDS = ("partition",)
WEIGHTS = "drawn"


def weigh(request: Request) -> Weights:
    """Return N / (G·n) for each sample in a part of n, where N samples are in G non-empty parts; the weights add up to N.

    Raises PlanError if only one part has samples.
    """
    assert request.part is not None
    count = np.bincount(request.part)
    weight = len(request.part) / (np.count_nonzero(count) * np.maximum(count, 1))
    return Weights(weight[request.part], everyone(request), DRAWN, notice_on_balance(request))

"""Deletion of all carriers: what a network is to forget (Yang, Chou and Chaudhuri 2022, retraining from scratch)."""

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.weights import Request, Weights

FIELDS: tuple[str, ...] = ()
NEEDS = ("carriers",)  # what a setting must have
CANDIDATES = "the carriers of all classes"


def weigh(request: Request) -> Weights:
    """Prune every carrier, whatever its class; raises PlanError if it is not known which samples are carriers, or none is."""
    if not (request.carrier >= 0).any():
        raise PlanError("it is not known which training samples are carriers; fill in the setting's 'carriers' or choose another plan.")
    carriers = request.carrier == 1
    if not carriers.any():
        raise PlanError("no training sample is a carrier, so there is nothing to delete; choose another plan.")
    return Weights(np.where(carriers, 0.0, 1.0), carriers)

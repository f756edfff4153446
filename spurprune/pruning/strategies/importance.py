"""Importance sampling by the size of parts, most of all of clusters: the second stage of SPARE (Yang et al. 2024, and their code)."""

import numpy as np

from spurprune.pruning.candidates import everyone, notice_on_balance
from spurprune.pruning.plan import AUTO
from spurprune.pruning.weights import DRAWN, Request, Weights

FIELDS = ("partition", "power")
WEIGHTS = "drawn"
SEPARATE = 0.9  # by ``auto``, clusters of a lower mean silhouette get the power 2, others 1, as in the authors' code


def weigh(request: Request) -> Weights:
    """Return weights in proportion to n^−POWER for each of the n samples of a class in a part.

    The weights of every class have the same sum, and all add up to the number of samples. Raises PlanError if only one part has samples.
    """
    assert request.part is not None
    label = request.label.astype(np.int64)
    cell = label * len(request.parts) + request.part
    size = np.bincount(cell)[cell]
    smallest = np.full(int(label.max()) + 1, len(label))
    np.minimum.at(smallest, label, size)
    relative = (size / smallest[label]) ** -_powers(request, len(smallest))[label]
    total = np.bincount(label, relative)
    weight = relative * (len(label) / np.count_nonzero(total)) / total[label]
    notice = notice_on_balance(request)
    if (size == smallest[label]).all():
        notice = f"no class has parts of '{request.plan.partition}' that differ in size, so the plan only balances the classes"
    return Weights(weight, everyone(request), DRAWN, notice)


def _powers(request: Request, classes: int) -> np.ndarray:
    """Return the power of each class, float64 [classes]."""
    power = request.plan.power
    assert power is not None
    if power != AUTO:
        return np.full(classes, float(power))
    assert request.silhouette is not None
    return np.where(request.silhouette < SEPARATE, 2.0, 1.0)

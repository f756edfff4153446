"""Incremental retraining: training continues without the samples that are to be forgotten (Yang, Chou and Chaudhuri 2022).

The authors go on from the trained weights and the optimiser's state at the decayed rate; whether the network forgets is the score before
and after. Two arms of ours tell what that shows: one with the rate reset, and training from scratch without the samples.
"""

from collections.abc import Mapping
from typing import Any

from spurprune.training.optim import learning_rate

KEPT, RESET, SCRATCH = "kept", "reset", "scratch"  # the rate is as it ended, or begins anew; or the weights are
ARMS = (KEPT, RESET, SCRATCH)
MORE = 1  # epochs: the authors' run from 70 to 140, both included


def starts_from_weights(arm: str) -> bool:
    """Return whether an arm continues from the trained weights."""
    return arm != SCRATCH


def recipe(training: Mapping[str, Any], arm: str) -> dict[str, Any]:
    """Return the ``training`` block by which an arm trains on the samples that are left; raises ValueError for an unknown arm.

    An arm that continues from weights takes one epoch more than the first training, as the authors' did. A rate that is kept is that of the
    first training's last epoch throughout.
    """
    if arm not in ARMS:
        raise ValueError(f"'{arm}' is not an arm; use one of {', '.join(ARMS)}")
    if arm == SCRATCH:
        return dict(training)
    longer = {**training, "epochs": training["epochs"] + MORE}
    if arm == RESET:
        return longer
    schedule = training["schedule"]
    if schedule["name"] == "linear":
        raise ValueError("a linear schedule ends at a rate of 0, so training cannot go on at the rate as it ended")
    rate = learning_rate(training["optimizer"]["lr"], schedule, training["epochs"], 0, 1)
    return {**longer, "optimizer": {**training["optimizer"], "lr": rate}, "schedule": {"name": "constant"}}

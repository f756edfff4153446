"""Group DRO: the loss of the worst parts counts most (Sagawa et al. 2020, "Distributionally robust neural networks", Algorithm 1).

The weight q_g of part g starts equal for all parts that have samples. In every batch q_g grows by exp(eta (L_g + C / sqrt(n_g))), with L_g
the mean loss of the batch's samples in g, 0 without any, and n_g the part's visits per epoch under the plan; q is normalised, and the sum
of q_g L_g is minimised. As in the public code, q is updated before it weights, carries no gradient, lasts over epochs, and grows for absent
parts, too. The adjustment C / sqrt(n_g) is no part of the loss that is minimised or recorded.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spurprune.methods import erm
from spurprune.training import visits
from spurprune.training.method import Batch, Context

OPTIONS = {
    "partition": {
        "$ref": "#/$defs/partition",
        "default": "groups",
        "description": "the parts whose worst loss is minimised",
    },
    "eta": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 1000,
        "default": 0.01,
        "x-allowed": "a number above 0 and at most 1,000",
        "description": "the step size of the parts' weights",
    },
    "adjustment": {
        "type": "number",
        "minimum": 0,
        "maximum": 1_000_000,
        "default": 0.0,
        "x-allowed": "a number from 0 to 1,000,000",
        "description": "C: how much a small part's loss is raised when the weights are updated",
    },
    "sampling": {
        "enum": ["balanced", "plan"],
        "default": "balanced",
        "x-allowed": "balanced or plan",
        "description": "draw all parts equally often, with replacement, or visit samples as the plan says",
    },
}


class Method(erm.Method):
    """ERM with a loss per part, weighted by the state ``log_q``, float32 [number of parts], -inf for parts without samples."""

    def __init__(self, context: Context) -> None:
        """Raise TrainingError as ERM does, or if the plan's visits all fall on one part."""
        count = context.visits_by_part()
        super().__init__(_balanced(context, count) if context.options["sampling"] == "balanced" else context)
        self.eta: float = context.options["eta"]
        self.part = torch.from_numpy(context.part).to(context.device)
        self.numbers = torch.arange(len(count), device=context.device)
        filled = count > 0
        bonus = context.options["adjustment"] / np.sqrt(np.where(filled, count, 1))
        self.bonus = torch.from_numpy(bonus).float().to(context.device)
        log_q = np.where(filled, -np.log(np.count_nonzero(filled)), -np.inf)
        self.log_q = torch.from_numpy(log_q).float().to(context.device)  # logarithms, since q itself would overflow or get stuck at 0

    def loss(self, batch: Batch) -> Tensor:
        """Update the parts' weights and return the weighted sum of the parts' mean losses."""
        smoothing = self.context.training["label_smoothing"]
        each = functional.cross_entropy(batch.logits, batch.label, reduction="none", label_smoothing=smoothing)
        member = (self.part[batch.rows][:, None] == self.numbers).to(each.dtype)
        of_part = (member * each[:, None]).sum(dim=0) / member.sum(dim=0).clamp(min=1)
        self.log_q.add_(self.eta * (of_part.detach() + self.bonus))
        self.log_q.sub_(self.log_q.logsumexp(dim=0))
        return (self.log_q.exp() * of_part).sum()

    def state(self) -> dict[str, Tensor]:
        """Return the logarithms of the parts' weights."""
        return {"log_q": self.log_q}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from saved weights; in place, since recorded steps hold this tensor."""
        self.log_q.copy_(state["log_q"])


def _balanced(context: Context, count: np.ndarray) -> Context:
    """Return the context with drawn visits, as many as the plan's, that fall on all non-empty parts equally often."""
    share = context.weight / np.maximum(count, np.finfo(np.float64).tiny)[context.part]
    total = visits.count(context.weight, context.visits)
    return replace(context, weight=share * (total / share.sum()), visits=visits.DRAWN)

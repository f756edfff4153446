"""Invariant risk minimisation over the parts of a partition (IRMv1, Arjovsky et al. 2019), such as inferred environments.

With R_e the mean cross-entropy of the batch's samples in part e, the loss is the mean over the parts that the batch holds of
R_e + weight · (dR_e/dw)², w = 1 being a factor of the logits, plus ``l2`` · ‖parameters‖². The weight is 1 for the first epochs, then
``penalty``; the whole loss is divided by it where it exceeds 1. As in the authors' code, the L2 term includes biases. With two classes and
two logits per sample, the cross-entropy is that of their difference, the one logit of that code.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spurprune.methods import erm
from spurprune.models.network import Network
from spurprune.training.method import Batch, Context

OPTIONS = {
    "partition": {
        "$ref": "#/$defs/partition",
        "default": "groups",
        "description": "the environments",
    },
    "penalty": {
        "type": "number",
        "minimum": 0,
        "maximum": 1_000_000_000,
        "default": 9100.0,
        "x-allowed": "a number from 0 to 1,000,000,000",
        "description": "the weight of the squared gradients after the warm-up",
    },
    "warm_up": {
        "type": "integer",
        "minimum": 0,
        "maximum": 1_000_000,
        "default": 190,
        "x-allowed": "a whole number from 0 to 1,000,000",
        "description": "epochs in which that weight is 1",
    },
    "l2": {
        "type": "number",
        "minimum": 0,
        "maximum": 1000,
        "default": 0.001,
        "x-allowed": "a number from 0 to 1,000",
        "description": "the weight of the squared norm of all parameters",
    },
}


class Method(erm.Method):
    """ERM with a loss per part and a penalty, whose ``weight`` is set at every epoch's start and so is no state."""

    def __init__(self, context: Context) -> None:
        """Raise TrainingError as ERM does, or if the plan's visits all fall on one part."""
        super().__init__(context)
        count = context.visits_by_part()
        self.part = torch.from_numpy(context.part).to(context.device)
        self.numbers = torch.arange(len(count), device=context.device)
        self.weight = torch.ones((), device=context.device)

    def prepare(self, network: Network) -> Network:
        """Return the network as it is; its parameters are penalised."""
        self.parameters = list(network.parameters())
        return network

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        """Set the penalty's weight and return an epoch's visits as ERM does."""
        self.weight.fill_(1.0 if epoch <= self.context.options["warm_up"] else self.context.options["penalty"])
        return super().batches(epoch, rng)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss and penalty of the parts, with the L2 term, divided by the weight where it exceeds 1."""
        smoothing = self.context.training["label_smoothing"]
        each = functional.cross_entropy(batch.logits, batch.label, reduction="none", label_smoothing=smoothing)
        member = (self.part[batch.rows][:, None] == self.numbers).to(each.dtype)
        size = member.sum(dim=0)
        share = member / size.clamp(min=1)
        risk = share.T @ each
        slope = share.T @ slopes(batch.logits, batch.label)
        squares = torch.stack([one.square().sum() for one in self.parameters]).sum()
        present = (size > 0).sum()
        total = (risk.sum() + self.weight * slope.square().sum()) / present + self.context.options["l2"] * squares
        return total / self.weight.clamp(min=1.0)


def slopes(logits: Tensor, label: Tensor) -> Tensor:
    """Return the derivative of each sample's cross-entropy by a factor of its logits, at 1, float32 [B], from logits [B, C]."""
    return (logits.softmax(dim=1) * logits).sum(dim=1) - logits.gather(1, label[:, None])[:, 0]

"""Cross-risk minimisation: twin networks that imitate each other's confident mistakes (Pezeshki et al. 2024, XRM).

A fair coin decides for every training sample which twin holds it in and which holds it out. Both twins see every batch, but learn only from
the samples that they hold in, by the samples' current labels, which start as the original ones. After a step, the class that the twin
holding a sample out predicts becomes its current label, with a probability that rises from 0 for equal scores to 1 for certainty. Such
flips persist, and may be reverted. Predictions are those of the step's own forward pass, before its update.

The paper counts steps; here the length is in epochs, as everywhere.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from spurprune import seeds
from spurprune.methods import erm
from spurprune.models.network import Network, Trainable
from spurprune.training.method import Batch, Context


class Twins(Trainable):
    """Two networks of one kind that see the same inputs."""

    def __init__(self, first: Network, second: Network) -> None:
        super().__init__()
        self.first, self.second = first, second

    def outputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the twins' features, float [N, 2, D], and logits, float [N, 2, num_classes]."""
        (features, logits), (others, other_logits) = self.first.outputs(x), self.second.outputs(x)
        return torch.stack([features, others], dim=1), torch.stack([logits, other_logits], dim=1)


class CrossRisk(erm.Method):
    """Trains ``Twins``. State: the ``current`` labels, int64 [N]; ``holder`` int64 [N] is the twin, 0 or 1, that holds a sample in.

    ``uniform`` float32 [N] holds the numbers in [0, 1) that decide the epoch's flips; every sample is visited once per epoch. Coins and
    numbers come from streams of the run, so a resumed run draws the same.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        n, device = len(context.label), context.device
        coins = np.random.default_rng(context.stream.seed(seeds.TWINS)).integers(0, 2, n)
        self.holder = torch.from_numpy(coins).to(device)
        self.original = torch.from_numpy(context.label).to(device)
        self.current = self.original.clone()
        self.uniform = torch.zeros(n, device=device)

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        """Draw the epoch's numbers for flips and return its visits as ERM does."""
        drawn = np.random.default_rng(self.context.stream.seed(seeds.FLIPS, epoch)).random(len(self.uniform), dtype=np.float32)
        self.uniform.copy_(torch.from_numpy(drawn))
        return super().batches(epoch, rng)

    def loss(self, batch: Batch) -> Tensor:
        """Return the class-balanced loss of the held-in logits by the current labels, then flip labels; ``batch.logits`` is [B, 2, C]."""
        rows, holder = batch.rows, self.holder[batch.rows]
        place, current = torch.arange(len(rows), device=rows.device), self.current[rows]
        loss = balanced_loss(batch.logits[place, holder], current, self.context.training["label_smoothing"])
        self.current[rows] = flipped(current, batch.logits[place, 1 - holder].detach(), self.uniform[rows])
        return loss

    def flipped_share(self) -> float:
        """Return the share of training samples whose current label is not the original one."""
        return int((self.current != self.original).sum()) / len(self.original)

    def state(self) -> dict[str, Tensor]:
        """Return the current labels."""
        return {"current": self.current}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Continue from saved labels; in place, since recorded steps hold this tensor."""
        self.current.copy_(state["current"])


def balanced_loss(logits: Tensor, label: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the sum over classes of their samples' mean cross-entropy, from logits [B, C] and labels [B]; 0 for a class without any."""
    each = functional.cross_entropy(logits, label, reduction="none", label_smoothing=smoothing)
    member = (label[:, None] == torch.arange(logits.shape[1], device=label.device)).to(each.dtype)
    return ((member * each[:, None]).sum(dim=0) / member.sum(dim=0).clamp(min=1)).sum()


def flip_probability(logits: Tensor) -> Tensor:
    """Return (p - 1/K) K / (K - 1), float32 [B], with p the largest of K softmax probabilities, from logits [B, K]."""
    classes = logits.shape[1]
    return (classes * logits.softmax(dim=1).amax(dim=1) - 1) / (classes - 1)


def flipped(label: Tensor, held_out: Tensor, uniform: Tensor) -> Tensor:
    """Return the labels, int64 [B], after flips to the held-out logits' [B, C] class where ``uniform`` [B] is below the probability."""
    return torch.where(uniform < flip_probability(held_out), held_out.argmax(dim=1), label)

"""PruSC's mask: which weights of a kept network to keep so that clusters of its features break up (Le et al. 2025).

The network is frozen; the logits of the gates on its weights (``spurprune.models.gates``) minimise

    cross-entropy + penalty · sum of all logits + contrast · sum over the batch of con_i,

where con_i is the supervised contrastive loss of sample i's features z, by cosine similarity s: with P the samples of its class in other
clusters and N the others of its own cluster, the mean over p in P of -log(exp(s(z, z_p)/t) / sum over P and N of exp(s(z, z_j)/t)); 0
without P. That the denominator has all of P, as in the supervised contrastive loss of Khosla et al. (2020), is our reading. The authors'
code, whose contrast takes negatives for positives and carries no gradient, is not followed.
"""

import torch
from torch import Tensor
from torch.nn import functional

from spurprune.methods import erm
from spurprune.models.gates import Gated
from spurprune.models.network import Network
from spurprune.training.method import Batch, Context

STARTS_FROM_NETWORK = True
MAKES_MASKS = True
OPTIONS = {
    "partition": {
        "$ref": "#/$defs/partition",
        "default": "clusters",
        "description": "the clusters to break up",
    },
    "penalty": {
        "type": "number",
        "minimum": 0,
        "maximum": 1000,
        "default": 1e-8,
        "x-allowed": "a number from 0 to 1,000",
        "description": "λ: the weight of the sum of all logits",
    },
    "contrast": {
        "type": "number",
        "minimum": 0,
        "maximum": 1000,
        "default": 0.1,
        "x-allowed": "a number from 0 to 1,000",
        "description": "β: the weight of the contrastive losses of a batch, which are summed",
    },
    "temperature": {
        "type": "number",
        "minimum": 0.001,
        "maximum": 1000,
        "default": 0.07,
        "x-allowed": "a number from 0.001 to 1,000",
        "description": "what similarities are divided by",
    },
    "negatives": {
        "enum": ["cluster", "cluster_other_class"],
        "default": "cluster",
        "x-allowed": "cluster or cluster_other_class",
        "description": "a sample is contrasted with its cluster, or with those of other classes in it",
    },
    "gate": {
        "enum": ["logit", "repo"],
        "default": "logit",
        "x-allowed": "logit or repo",
        "description": "a weight is kept with the probability sigmoid(logit) or, as in the authors' code, sigmoid(sigmoid(logit))",
    },
    "start": {
        "type": "number",
        "minimum": -100,
        "maximum": 100,
        "default": 1.5,
        "x-allowed": "a number from -100 to 100",
        "description": "every logit before training",
    },
}
NOT_COMPARED = -1e9  # far below every similarity, but finite: rows without any partner have no NaN in their gradients


class Method(erm.Method):
    """Trains the gates of a frozen network."""

    def __init__(self, context: Context) -> None:
        """Raise TrainingError as ERM does, or if the plan's visits all fall on one part."""
        super().__init__(context)
        context.visits_by_part()
        self.part = torch.from_numpy(context.part).to(context.device)

    def prepare(self, network: Network) -> Network:
        """Return the network with gates."""
        self.gated = Gated(network, start=self.context.options["start"], kind=self.context.options["gate"])
        return self.gated

    def finish(self, network: Network) -> Network:
        """Return the masked network without its gates, and keep the masks."""
        assert isinstance(network, Gated)
        self.found = network.masks()
        return network.without_gates()

    def masks(self) -> dict[str, Tensor]:
        """Return which weights are kept, bool, by parameter."""
        return self.found

    def loss(self, batch: Batch) -> Tensor:
        """Return cross-entropy, penalty and contrast of one batch."""
        options = self.context.options
        total = torch.stack([gate.logit.sum() for gate in self.gated.gates.values()]).sum()
        with torch.autocast(batch.rows.device.type, enabled=False):  # products of bfloat16 numbers are too coarse for the temperature
            contrasted = contrast(
                batch.features.float(),
                batch.label,
                self.part[batch.rows],
                temperature=options["temperature"],
                only_other_classes=options["negatives"] == "cluster_other_class",
            )
        return super().loss(batch) + options["penalty"] * total + options["contrast"] * contrasted.sum()


def contrast(features: Tensor, label: Tensor, part: Tensor, *, temperature: float, only_other_classes: bool = False) -> Tensor:
    """Return con_i of every sample, float32 [B], from features [B, D], labels [B] and parts [B].

    ``only_other_classes`` leaves samples of the same class out of N.
    """
    unit = functional.normalize(features, dim=1)
    same_class, same_part = label[:, None] == label, part[:, None] == part
    positive = same_class & ~same_part
    negative = same_part & ~torch.eye(len(label), dtype=torch.bool, device=label.device)
    if only_other_classes:
        negative = negative & ~same_class
    similarity = (unit @ unit.T / temperature).masked_fill(~(positive | negative), NOT_COMPARED)
    surprise = similarity.logsumexp(dim=1, keepdim=True) - similarity
    return surprise.masked_fill(~positive, 0.0).sum(dim=1) / positive.sum(dim=1).clamp(min=1)

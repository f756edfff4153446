"""Gates on a network's weights: one logit for each weight of every convolution and linear layer, of which a binary mask is learnt.

Le et al. (2025): in training, a weight is kept if sigmoid((score + logistic noise) / temperature) is above ½, and the gradient passes as if
this sigmoid were the mask itself (straight-through); in evaluation, weights whose logit is at least 0 are kept. The score is the logit; in
the authors' code, by ``repo``, it is the sigmoid of the logit, so that a weight is kept with a probability between .5 and .731 whatever is
learnt. Biases and normalisation have no gates.
"""

from collections.abc import Iterator, Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from spurprune.models.network import Network

LOGIT, REPO = "logit", "repo"
Layer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear  # of convolutional networks, the only linear layer is the classifier
TEMPERATURE = 1.0  # Le et al. 2025
WEIGHT = "weight"


class Gate(nn.Module):
    """Multiplies a weight tensor by its mask. ``logit`` float32, shaped like the weight."""

    def __init__(self, weight: Tensor, start: float, kind: str) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.full_like(weight, start))
        self.kind = kind

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight with zeros where it is masked: by a sampled mask in training mode, else by the one that is kept."""
        return weight * (self.sample() if self.training else self.kept().to(weight.dtype))

    def sample(self) -> Tensor:
        """Return a random mask of zeros and ones, with the gradient of the probabilities; draws from torch's global generator."""
        score = self.logit if self.kind == LOGIT else self.logit.sigmoid()
        soft = torch.sigmoid((score + torch.rand_like(self.logit).logit()) / TEMPERATURE)
        return soft + ((soft > 0.5).to(soft.dtype) - soft).detach()

    def kept(self) -> Tensor:
        """Return which weights are kept, bool."""
        return self.logit >= 0


class Gated(Network):
    """A network whose weights, biases and normalisation statistics are frozen, with gates on its weights.

    In training mode only the gates are: the network itself stays in evaluation mode, so that no statistic changes.
    """

    def __init__(self, network: Network, *, start: float, kind: str) -> None:
        """Put gates with logits of ``start`` on the network, which is changed."""
        super().__init__()
        self.network = network
        self.gates: dict[str, Gate] = {}
        network.requires_grad_(requires_grad=False)
        for name, module in list(layers(network)):
            self.gates[name] = Gate(module.weight, start, kind)
            parametrize.register_parametrization(module, WEIGHT, self.gates[name])
        self.train()

    @property
    def classifier(self) -> nn.Linear:  # type: ignore[override]
        """The network's classifier."""
        return self.network.classifier

    def features(self, x: Tensor) -> Tensor:
        """Return the gated network's features, float [N, D]."""
        return self.network.features(x)

    def train(self, mode: bool = True) -> Self:
        """Set the gates' mode; the network stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        for gate in self.gates.values():
            gate.train(mode)
        return self

    def masks(self) -> dict[str, Tensor]:
        """Return which weights are kept, bool, by the parameter's name in the network without gates."""
        return {f"{name}.{WEIGHT}": gate.kept() for name, gate in self.gates.items()}

    def without_gates(self) -> Network:
        """Return the network with zeros where weights are masked, its parameters trainable again; this object is of no use afterwards."""
        masks = self.masks()
        for name in self.gates:
            parametrize.remove_parametrizations(self.network.get_submodule(name), WEIGHT, leave_parametrized=False)
        apply(self.network, masks)
        return self.network.requires_grad_()


def layers(network: nn.Module) -> Iterator[tuple[str, Layer]]:
    """Yield the layers whose weights have gates, by name."""
    for name, module in network.named_modules():
        if isinstance(module, Layer):
            yield name, module


@torch.no_grad()
def apply(network: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set the weights to zero that are not kept; ``masks`` are bool, by parameter."""
    for name, kept in masks.items():
        weight = network.get_parameter(name)
        weight.copy_(torch.where(kept, weight, 0.0))


def fix(network: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set the weights to zero that are not kept, and make their gradients zero from now on, so that no optimiser moves them."""
    apply(network, masks)
    for name, kept in masks.items():
        network.get_parameter(name).register_hook(kept.mul)

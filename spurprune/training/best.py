"""The network of the best epoch on validation samples, for methods that report it instead of the last (early stopping)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass
class BestEpoch:
    """The weights of the epoch with the highest value so far, the first of equal ones; ``epoch`` is 0 before the first."""

    epoch: int = 0
    value: float = 0.0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, epoch: int, value: float, model: nn.Module) -> None:
        """Keep a copy of the network's weights and buffers if its value is higher than all before."""
        if self.epoch and value <= self.value:
            return
        self.epoch, self.value = epoch, value
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def put_into(self, model: nn.Module) -> None:
        """Give a network the weights of the best epoch."""
        model.load_state_dict(self.weights)

    def state(self) -> dict[str, Tensor]:
        """Return all that is needed to resume, by name."""
        found = {f"weights.{name}": tensor for name, tensor in self.weights.items()}
        return found | {"epoch": torch.tensor(self.epoch), "value": torch.tensor(self.value, dtype=torch.float64)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Resume from what ``state`` returned."""
        self.epoch, self.value = int(state["epoch"]), float(state["value"])
        self.weights = {name.removeprefix("weights."): tensor for name, tensor in state.items() if name.startswith("weights.")}

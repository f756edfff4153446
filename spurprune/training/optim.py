"""Optimisers and learning-rate schedules, as the configuration names them."""

from bisect import bisect_right
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd


class Optimizer(Protocol):
    """What the training loop needs of an optimiser."""

    def step(self, lr: float | Tensor) -> None:
        """Update the parameters at learning rate ``lr`` (a scalar tensor in recorded steps), then drop the gradients."""

    def state(self) -> dict[str, Tensor]:
        """Return the optimiser's state (momentum and the like), by name."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Resume from what ``state`` returned."""


class SGD:
    """torch's fused SGD with momentum and coupled L2 weight decay, in its functional form.

    Constructing ``torch.optim.SGD`` imports the compiler, which costs short training jobs a noticeable second; the kernel is the same.
    """

    def __init__(self, parameters: list[nn.Parameter], momentum: float, weight_decay: float) -> None:
        self.parameters = parameters
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.buffers: list[Tensor | None] = [None] * len(parameters)

    @torch.no_grad()
    def step(self, lr: float | Tensor) -> None:
        """Update the parameters, then drop the gradients."""
        used = [i for i, parameter in enumerate(self.parameters) if parameter.grad is not None]
        buffers = [self.buffers[i] for i in used]
        sgd(
            [self.parameters[i] for i in used],
            [g for i in used if (g := self.parameters[i].grad) is not None],
            buffers,
            fused=True,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0,
            nesterov=False,
            maximize=False,
        )
        for i, buffer in zip(used, buffers, strict=True):
            self.buffers[i] = buffer
            self.parameters[i].grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the momentum buffers, by parameter number."""
        return {str(i): buffer for i, buffer in enumerate(self.buffers) if buffer is not None}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Restore the momentum buffers that ``state`` returned."""
        self.buffers = [_laid_out_like(p, state[str(i)]) if str(i) in state else None for i, p in enumerate(self.parameters)]


class Adam:
    """torch's fused Adam or, with decoupled weight decay, AdamW, in its functional form, as SGD above; betas are 0.9 and 0.999.

    ``groups`` are as those of ``torch.optim``: the parameters ``params`` and their ``weight_decay``.
    """

    def __init__(self, groups: list[dict[str, Any]], eps: float, *, decoupled: bool) -> None:
        self.eps, self.decoupled = eps, decoupled
        self.parameters: list[Tensor] = [parameter for group in groups for parameter in group["params"]]
        self.decays: list[float] = [group["weight_decay"] for group in groups for _ in group["params"]]
        self.moments: list[dict[str, Tensor]] = [{} for _ in self.parameters]

    @torch.no_grad()
    def step(self, lr: float | Tensor) -> None:
        """Update the parameters, then drop the gradients."""
        used = [i for i, parameter in enumerate(self.parameters) if parameter.grad is not None]
        for i in used:
            if not self.moments[i]:
                parameter = self.parameters[i]
                self.moments[i] = {"step": torch.zeros((), device=parameter.device)}
                self.moments[i] |= {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
        for decay in dict.fromkeys(self.decays):
            mine = [i for i in used if self.decays[i] == decay]
            if not mine:
                continue
            adam(
                [self.parameters[i] for i in mine],
                [g for i in mine if (g := self.parameters[i].grad) is not None],
                [self.moments[i]["exp_avg"] for i in mine],
                [self.moments[i]["exp_avg_sq"] for i in mine],
                [],
                [self.moments[i]["step"] for i in mine],
                fused=True,
                capturable=self.parameters[0].is_cuda,  # keeps the step count on the device, so that steps can be recorded
                decoupled_weight_decay=self.decoupled,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=lr,
                weight_decay=decay,
                eps=self.eps,
                maximize=False,
            )
        for i in used:
            self.parameters[i].grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the moments and step counts, by parameter number and name."""
        return {f"{i}.{name}": value for i, moments in enumerate(self.moments) for name, value in moments.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Resume from what ``state`` returned."""
        self.moments = [{} for _ in self.parameters]
        for key, value in state.items():
            i, name = key.split(".", 1)
            self.moments[int(i)][name] = _laid_out_like(self.parameters[int(i)], value)


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """Return a copy of the value on the parameter's device and in its memory format, which the fused kernels rely on.

    Step counts keep their own format.
    """
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value.to(parameter.device, copy=True)


def build(model: nn.Module, optimizer: dict[str, Any]) -> Optimizer:
    """Return the optimiser; AdamW does not decay biases and normalisation parameters, as is usual for BERT."""
    decay, eps = optimizer["weight_decay"], optimizer.get("eps", 1e-8)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    match optimizer["name"]:
        case "sgd":
            return SGD(parameters, optimizer["momentum"], decay)
        case "adam":
            return Adam([{"params": parameters, "weight_decay": decay}], eps, decoupled=False)
        case "adamw":
            return Adam(decay_groups(model, decay), eps, decoupled=True)
    raise ValueError(f"unknown optimiser {optimizer['name']}")


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return two parameter groups: matrices and kernels, which decay; vectors (biases, normalisation), which do not."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def learning_rate(base: float, schedule: dict[str, Any], epoch: int, step: int, total_steps: int) -> float:
    """Return the learning rate of one step.

    ``epoch`` counts from 1; ``step`` counts from 0 over all epochs, to ``total_steps``. A step schedule multiplies by ``factor`` after each
    completed milestone: milestone 80 takes effect in epoch 81. A linear one falls to zero over all steps.
    """
    match schedule["name"]:
        case "constant":
            return base
        case "linear":
            return base * (1 - step / total_steps)
        case "step":
            passed = bisect_right(sorted(schedule["milestones"]), epoch - 1)
            rate: float = base * schedule["factor"] ** passed
            return rate
    raise ValueError(f"unknown schedule {schedule['name']}")

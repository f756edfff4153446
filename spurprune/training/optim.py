"""Optimisers and learning-rate schedules, as the configuration names them."""

from bisect import bisect_right
from typing import Any

import torch
from torch import nn


def build(model: nn.Module, optimizer: dict[str, Any]) -> torch.optim.Optimizer:
    """Return the optimiser; for AdamW, biases and normalisation parameters are not decayed (as BERT is fine-tuned)."""
    lr, decay = optimizer["lr"], optimizer["weight_decay"]
    match optimizer["name"]:
        case "sgd":
            return torch.optim.SGD(model.parameters(), lr=lr, momentum=optimizer["momentum"], weight_decay=decay, fused=True)
        case "adam":
            return torch.optim.Adam(model.parameters(), lr=lr, weight_decay=decay, eps=optimizer.get("eps", 1e-8), fused=True)
        case "adamw":
            groups = decay_groups(model, decay)
            return torch.optim.AdamW(groups, lr=lr, eps=optimizer.get("eps", 1e-8), fused=True)
    raise ValueError(f"unknown optimiser {optimizer['name']}")


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return two parameter groups: matrices and kernels, decayed; vectors (biases, normalisation), not decayed."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def learning_rate(base: float, schedule: dict[str, Any], epoch: int, step: int, total_steps: int) -> float:
    """Return the learning rate of one step.

    ``epoch`` counts from 1, ``step`` from 0 over the whole training of ``total_steps``. A step schedule multiplies by ``factor`` once
    each of its ``milestones`` has been completed: milestone 80 takes effect in epoch 81. A linear one falls to zero over the training.
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

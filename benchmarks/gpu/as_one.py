"""Networks trained as one: their weights lie in one tensor per layer, and each layer of all of them is one operation.

``torch.func.vmap`` runs one network's code on all of them, so that K small networks start as many kernels as one. Its own rules do not
suit autocast (on a CPU, convolutions stay in float32 and normalisations refuse bfloat16), and scale and shift in kernels of their own. Two
rules here make grouped convolutions and normalisations that run as they do in a single network.
"""

import copy
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.gpu import engine, sizes
from benchmarks.gpu.engine import Workload
from benchmarks.gpu.record import Line, Record
from benchmarks.gpu.sizes import Sizes
from benchmarks.gpu.small import STEPS_OF_160_EPOCHS, choice_by_trial, workload
from spurprune.methods import erm
from spurprune.models.network import Network
from spurprune.training.method import Batch, Context

WAYS: dict[str, dict[str, Any]] = {"fp32": {}, "bf16": {"precision": "bf16"}}
# How cuDNN computes grouped convolutions depends on these far more than for plain ones; timed with the most networks alone.
LAYOUTS: dict[str, dict[str, Any]] = {
    "cuDNN's choice by trial": {"trial": True},
    "channels first": {"first": True},
    "channels first, cuDNN's choice by trial": {"first": True, "trial": True},
}
SHORTER = 4  # an epoch has this many times fewer steps than elsewhere: each is of many networks


class _Convolution(torch.autograd.Function):
    """K convolutions as one with K groups. Only the rule for ``vmap`` is ever called, and torch derives what it calls."""

    @staticmethod
    def forward(module: nn.Conv2d, x: Tensor, weight: Tensor) -> Tensor:
        raise NotImplementedError

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        raise NotImplementedError

    @staticmethod
    def vmap(info: Any, dims: Sequence[int], module: nn.Conv2d, x: Tensor, weight: Tensor) -> tuple[Tensor, int]:
        k = info.batch_size
        x, weight = x.movedim(dims[1], 1).flatten(1, 2), weight.movedim(dims[2], 0).flatten(0, 1)
        found = functional.conv2d(x, weight, None, module.stride, module.padding, module.dilation, k * module.groups)
        return found.unflatten(1, (k, -1)), 1


class _Normalisation(torch.autograd.Function):
    """K batch normalisations as one with K times as many channels; as above."""

    @staticmethod
    def forward(module: nn.BatchNorm2d, x: Tensor, *tensors: Tensor) -> Tensor:
        raise NotImplementedError

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        raise NotImplementedError

    @staticmethod
    def vmap(info: Any, dims: Sequence[int], module: nn.BatchNorm2d, x: Tensor, *tensors: Tensor) -> tuple[Tensor, int]:
        # Views, since the moving averages change in place.
        mean, var, weight, bias = (value.movedim(dim, 0).view(-1) for value, dim in zip(tensors, dims[2:], strict=True))
        assert module.momentum is not None
        x = x.movedim(dims[1], 1).flatten(1, 2)
        found = functional.batch_norm(x, mean, var, weight, bias, module.training, module.momentum, module.eps)
        return found.unflatten(1, (info.batch_size, -1)), 1


def _convolve(module: nn.Conv2d, x: Tensor) -> Tensor:
    found: Tensor = _Convolution.apply(module, x, module.weight)
    return found


def _normalise(module: nn.BatchNorm2d, x: Tensor) -> Tensor:
    if module.training:
        assert module.num_batches_tracked is not None
        module.num_batches_tracked.add_(1)
    found: Tensor = _Normalisation.apply(module, x, module.running_mean, module.running_var, module.weight, module.bias)
    return found


class Stacked(nn.Module):
    """K modules of one structure as one, from inputs [K · B, …], one module's after another's, to outputs [K · B, …].

    Convolutions without biases and normalisations by moving averages become one each; ``torch.func`` has its rules for everything else.
    Each tensor of the modules is kept with theirs joined along the first axis (a kernel's shape is [K · O, C, H, W]); numbers become [K].
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.count = len(modules)
        parameters, buffers = torch.func.stack_module_state(list(modules))
        self.shapes = {name: value.shape for name, value in {**parameters, **buffers}.items()}  # with K as their first axis
        for name, value in parameters.items():
            self.register_parameter(_key(name), nn.Parameter(_joined(value.detach())))
        for name, value in buffers.items():
            self.register_buffer(_key(name), _joined(value))
        structure = copy.deepcopy(modules[0]).to("meta")
        for module in structure.modules():
            if isinstance(module, nn.Conv2d):
                assert module.bias is None and module.padding_mode == "zeros"
                module.forward = partial(_convolve, module)  # type: ignore[method-assign]
            elif isinstance(module, nn.BatchNorm2d):
                module.forward = partial(_normalise, module)  # type: ignore[method-assign]
        self.structure = (structure,)  # in a tuple, else it would be a submodule

    def train(self, mode: bool = True) -> "Stacked":
        """Switch all modules to training or to evaluation."""
        super().train(mode)
        self.structure[0].train(mode)
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Return views of all parameters and buffers, each [K, …], by their names in one module."""
        return {name: getattr(self, _key(name)).view(shape) for name, shape in self.shapes.items()}

    def forward(self, x: Tensor) -> Tensor:
        """Return all modules' outputs."""

        def one(tensors: dict[str, Tensor], x: Tensor) -> Tensor:
            found: Tensor = torch.func.functional_call(structure, tensors, (x,))
            return found

        (structure,) = self.structure
        found: Tensor = torch.func.vmap(one, in_dims=(0, 1))(self.tensors(), _side_by_side(x, self.count))
        return found.flatten(0, 1)


class AsOne(Network):
    """K networks of one structure as one network, for batches [K · B, …], one network's after another's."""

    def __init__(self, networks: Sequence[Network]) -> None:
        super().__init__()
        self.classifier = Stacked([one.classifier for one in networks])  # type: ignore[assignment]  # linear, too
        self.body = Stacked([_without_classifier(one) for one in networks])

    def features(self, x: Tensor) -> Tensor:
        """Return the networks' features, [K · B, D]."""
        found: Tensor = self.body(x)
        return found

    def state_of(self, i: int) -> dict[str, Tensor]:
        """Return views of the tensors of network ``i``, as its own ``state_dict`` would name them."""
        parts: dict[str, Any] = {"classifier.": self.classifier, "": self.body}
        return {prefix + name: value[i] for prefix, part in parts.items() for name, value in part.tensors().items()}


class SumOfLosses(erm.Method):
    """ERM of networks trained as one: the sum of each network's mean loss, so that each gets the gradient it would get alone."""

    def __init__(self, context: Context, networks: int) -> None:
        super().__init__(context)
        self.networks = networks

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum of the networks' mean cross-entropies."""
        return super().loss(batch) * self.networks


def _key(name: str) -> str:
    return name.replace(".", "/")  # torch allows no dots


def _joined(value: Tensor) -> Tensor:
    return value.flatten(0, 1) if value.ndim > 1 else value


def _without_classifier(network: Network) -> nn.Module:
    """Return a copy whose output is the features."""
    found = copy.deepcopy(network)
    found.classifier = nn.Identity()  # type: ignore[assignment]
    return found


def _side_by_side(x: Tensor, count: int) -> Tensor:
    """Return x [K · B, C, …] as [B, K, C, …], laid out so that joining K and C copies nothing and keeps the memory format."""
    found = x.unflatten(0, (count, -1)).transpose(0, 1)
    if x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last):
        return found.permute(0, 3, 4, 1, 2).contiguous().permute(0, 3, 4, 1, 2)
    return found.contiguous()


def as_one(work: Workload, networks: int) -> Workload:
    """Return a workload that trains ``networks`` networks as one, each in batches and on as many images per epoch as in ``work``.

    Clipping by norm would clip all gradients together.
    """
    build = work.build  # a field, not a method
    rows = torch.arange(len(work.data), device=work.data.device).repeat(networks)
    return replace(
        work,
        build=lambda: AsOne([build() for _ in range(networks)]),
        data=work.data.subset(rows),
        training={**work.training, "batch_size": work.training["batch_size"] * networks},
        method=lambda context: SumOfLosses(context, networks),
    )


def measure(size: Sizes, way: dict[str, Any], networks: int, profiled: bool) -> Line:
    """Return the time of a step of ``networks`` networks trained as one and, if ``profiled``, its kernels."""
    alone = workload(replace(size, steps=max(2, size.steps // SHORTER)), way)
    work = as_one(alone, networks)
    with choice_by_trial(way.get("trial", False)):
        found = engine.train(work, size.epochs) | {"networks": networks, "batch": alone.training["batch_size"]}
        if profiled:
            found |= engine.kernels_if_possible(work)
    return found | {"seconds_of_160_epochs_each": STEPS_OF_160_EPOCHS * found["step_ms"] / 1e3 / networks}


def run(lines: Record, given: Namespace) -> None:
    """Time steps of several networks trained as one."""
    size = sizes.of(given.quick)
    most = size.networks[-1]
    cases = [(f"{networks} networks as one, {name}", way, networks) for name, way in WAYS.items() for networks in size.networks]
    cases += [(f"{most} networks as one, {name}, {how}", way | more, most) for how, more in LAYOUTS.items() for name, way in WAYS.items()]
    for name, way, networks in cases:
        profiled = networks == most and way in WAYS.values()
        lines.attempt(name, lambda case=(way, networks, profiled): measure(size, *case))  # type: ignore[misc]

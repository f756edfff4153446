"""What a training step asks of the machine: no value is read back, nothing is made on the host, nothing is copied without need."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from spurprune.methods.erm import Method
from spurprune.models.networks import mlp, resnet_cifar
from spurprune.stages.train_reference import _Recorder
from spurprune.training import optim
from spurprune.training.data import Data, Pixels, Preparation, Vectors
from spurprune.training.loop import initialise
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import RecordedStep, Step
from tests.recipes import TRAINING, context

CPU = torch.device("cpu")
N, BATCH, SIDE = 32, 8, 16
# These wait for the device, since Python or the shape of their result needs a value from it.
WAITING = ("_local_scalar_dense", "item", "is_nonzero", "nonzero", "masked_select", "_unique2", "unique_dim", "equal", "_assert_async")
COPIES = ("_to_copy", "clone", "copy_", "contiguous")

Call = tuple[str, tuple[Any, ...], dict[str, Any], Any]


class _Calls(TorchDispatchMode):
    """Lists every operation: its name, arguments and result."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.calls.append((func._schema.name.removeprefix("aten::"), args, dict(kwargs or {}), result))
        return result


@contextmanager
def listed() -> Iterator[list[Call]]:
    """Operations within the block, in which tensors that name no device are made on a device of their own, "meta"."""
    with torch.device("meta"), _Calls() as mode:
        yield mode.calls


def waiting(calls: list[Call]) -> list[str]:
    """Operations that wait for the device; indexing by a mask does, as it looks for the mask's true values."""
    masks = [
        name
        for name, args, _, _ in calls
        if name in ("index", "index_put_", "_index_put_impl_")
        and any(isinstance(one, torch.Tensor) and one.dtype in (torch.bool, torch.uint8) for one in args[1])
    ]
    return [name for name, *_ in calls if name in WAITING] + masks


def made_on_the_host(calls: list[Call]) -> list[str]:
    """Tensors made from Python values (``torch.tensor``), or made without naming the device."""
    return [name for name, _, given, _ in calls if name in ("lift_fresh", "lift") or str(given.get("device")) == "meta"]


def copies_of_the_batch(calls: list[Call]) -> list[str]:
    """Copies of the whole batch of images."""
    return [name for name, _, _, x in calls if name in COPIES and isinstance(x, torch.Tensor) and x.shape == (BATCH, 3, SIDE, SIDE)]


def step_of(recorder: bool = False, vectors: bool = False, **changes: Any) -> Step:
    training = TRAINING | {"batch_size": BATCH} | changes
    label = torch.arange(N) % 4
    given = context(np.ones(N), training)
    method = _Recorder(given, 4) if recorder else Method(given)
    recipe = Recipe.of(training)
    preparation: Preparation
    if vectors:
        model: Any = initialise(lambda: mlp.build((5,), 4, [8]), Stream((0,)), CPU)
        data, preparation = Data.of(torch.randn(N, 5), label, label), Vectors()
    else:
        model = initialise(lambda: resnet_cifar.build((3, SIDE, SIDE), 4, 8), Stream((0,)), CPU)
        pixels = torch.randint(0, 256, (N, 3, SIDE, SIDE), dtype=torch.uint8)
        data, preparation = Data.of(pixels, label, label), Pixels.of([0.5] * 3, [0.25] * 3, CPU)
    model.train()
    return Step(model, data, preparation, method, recipe, optim.build(model, recipe.optimizer))


ADAMW = {"name": "adamw", "lr": 0.01, "weight_decay": 0.01}
STEPS: dict[str, dict[str, Any]] = {
    "as the paper's CIFAR-10S": {},
    "bf16": {"precision": "bf16"},
    "no augmentation": {"augmentation": {"name": "none"}},
    "crops of other sizes": {"augmentation": {"name": "random_resized_crop_flip"}},
    "adam": {"optimizer": ADAMW | {"name": "adam"}},
    "adamw, clipped by norm": {"optimizer": ADAMW, "gradient_clip": {"norm": 1.0}},
    "clipped by value": {"gradient_clip": {"value": 0.5}},
    "smoothed labels": {"label_smoothing": 0.1},
    "dynamics recorded in training": {"recorder": True},
    "vectors": {"vectors": True, "augmentation": {"name": "none"}},
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_neither_waits_nor_makes_tensors_on_the_host(name: str) -> None:
    """After two steps, in which an optimiser allocates its state; the rate is a tensor, as in recorded steps."""
    step = RecordedStep(step_of(**STEPS[name]), BATCH, lambda function, _: function)
    rows = torch.arange(BATCH)
    for _ in range(4):
        step(rows, 0.01)
    with listed() as calls:
        step(rows, 0.01)
    assert waiting(calls) == []
    assert made_on_the_host(calls) == []
    assert len(calls) > 20, "the step must have run"


@pytest.mark.parametrize(("augmentation", "most"), [("none", 1), ("pad_crop_flip", 1)])
def test_pixels_are_copied_once(augmentation: str, most: int) -> None:
    """From the stored bytes to float32 in the network's memory format, in one pass."""
    step, rows = step_of(augmentation={"name": augmentation}), torch.arange(BATCH)
    with listed() as calls:
        step(rows, 0.01)
    assert len(copies_of_the_batch(calls)) <= most, copies_of_the_batch(calls)


def test_the_checks_can_fail() -> None:
    x = torch.randn(8)
    with listed() as calls:
        x.sum().item()
        _ = x[x > 0]
        torch.tensor(2.0, device=x.device)
        torch.arange(3)
        torch.arange(3, device=x.device)
    assert waiting(calls) == ["_local_scalar_dense", "index"]
    assert sorted(made_on_the_host(calls)) == ["arange", "lift_fresh"]

"""ResNet-20 on images of CIFAR-10's size: training steps in every way, several networks at once, EL2N."""

import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from benchmarks.common import MEAN, STD, load_images
from benchmarks.gpu import engine, record, sizes
from benchmarks.gpu.engine import Workload, device, synchronize
from benchmarks.gpu.record import Line, Record
from benchmarks.gpu.sizes import Sizes
from benchmarks.training_engine import TRAINING, data_of
from spurprune.models.networks import resnet_cifar
from spurprune.training.compiler import can_compile
from spurprune.training.data import Pixels
from spurprune.training.loop import initialise
from spurprune.training.observe import dynamics_of, observe
from spurprune.training.precision import set_precision
from spurprune.training.recipe import Stream

STEPS_OF_160_EPOCHS = 160 * 782  # of 50,000 images in batches of 64
# Recipe, how a step runs, the memory format, whether cuDNN tries its algorithms; by name.
WAYS: dict[str, dict[str, Any]] = {
    "recorded": {},
    "eager": {"recorded": False},
    "recorded, bf16": {"precision": "bf16"},
    "recorded, TF32": {"precision": "tf32"},
    "recorded, cuDNN's choice by trial": {"trial": True},
    "recorded, channels first": {"first": True},
    "recorded, bf16, cuDNN's choice by trial": {"precision": "bf16", "trial": True},
    "recorded, bf16, channels first": {"precision": "bf16", "first": True},
    "eager, bf16": {"precision": "bf16", "recorded": False},
}
COMPILED: dict[str, dict[str, Any]] = {
    "compiled, recorded": {"compile": True},
    "compiled, recorded, bf16": {"compile": True, "precision": "bf16"},
    "compiled": {"compile": True, "recorded": False},
    "compiled, bf16": {"compile": True, "precision": "bf16", "recorded": False},
}


def workload(size: Sizes, way: dict[str, Any]) -> Workload:
    """Return ResNet-20 on synthetic images, trained in one way."""
    changes = {key: value for key, value in way.items() if key in TRAINING}
    training = TRAINING | {"batch_size": size.batch} | changes
    layout = torch.contiguous_format if way.get("first") else torch.channels_last
    pixels = replace(Pixels.of(MEAN, STD, device()), memory_format=layout)
    data = data_of(load_images(None, size.batch * size.steps))
    return Workload(lambda: resnet_cifar.build((3, 32, 32), 10, size.depth), data, pixels, training, layout)


@contextmanager
def choice_by_trial(wanted: bool) -> Iterator[None]:
    """Have cuDNN try its algorithms and keep the fastest while the block lasts."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = wanted
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def measure(size: Sizes, way: dict[str, Any], given: Namespace) -> Line:
    """Return the time of a step in one way, its kernels, and its floors."""
    work = workload(size, way)
    recorded = way.get("recorded", True)
    if work.training["compile"]:
        torch.compiler.reset()  # the compiler gives up on a function after some recompilations
    with choice_by_trial(way.get("trial", False)):
        found = engine.train(work, size.epochs, recorded=recorded)
        found |= engine.kernels_if_possible(work, recorded)
    before = [line for line in record.read(given.out) if line["event"] == "result"]
    peaks, launch = ([line for line in before if line["name"] == name] for name in ("peaks", "launch"))
    found |= engine.floors(found, engine.flop_per_sample(work), peaks, launch)
    return found | {"seconds_of_160_epochs": STEPS_OF_160_EPOCHS * found["step_ms"] / 1e3}


def train(lines: Record, given: Namespace) -> None:
    """Time a training step in every way that needs no compiler."""
    size = sizes.of(given.quick)
    for name, way in WAYS.items():
        lines.attempt(name, lambda way=way: measure(size, way, given))  # type: ignore[misc]


def compiled(lines: Record, given: Namespace) -> None:
    """Time compiled training steps."""
    if not can_compile(device()):
        lines.write("skipped", why="networks cannot be compiled on this machine")
        return
    size = sizes.of(given.quick)
    for name, way in list(COMPILED.items())[: 1 if given.quick else None]:
        lines.attempt(name, lambda way=way: measure(size, way, given))  # type: ignore[misc]


def together(lines: Record, given: Namespace) -> None:
    """Time steps of several networks side by side, each on a stream of its own."""
    size = sizes.of(given.quick)
    for precision in ("fp32", "bf16"):
        work = workload(size, {"precision": precision})
        for networks in size.networks:

            def measured(work: Workload = work, networks: int = networks) -> Line:
                found = engine.train(work, size.epochs, networks=networks)
                return found | {"seconds_of_160_epochs_each": STEPS_OF_160_EPOCHS * found["step_ms"] / 1e3 / networks}

            lines.attempt(f"{networks} networks, {precision}", measured)


def el2n(lines: Record, given: Namespace) -> None:
    """Time EL2N of all training images at several sizes of batches."""
    size = sizes.of(given.quick)
    data = data_of(load_images(None, size.scored))
    pixels = Pixels.of(MEAN, STD, device())
    model = initialise(lambda: resnet_cifar.build((3, 32, 32), 10, size.depth), Stream(("benchmark", 0)), device())
    for precision in ("fp32", "tf32"):
        for batch in (128, 1024, 4096):

            def measured(precision: str = precision, batch: int = batch) -> Line:
                set_precision(precision)
                seconds = []
                scores: Any = ()
                for _ in range(3):
                    synchronize()
                    started = time.perf_counter()
                    scores = dynamics_of(observe(model, data, pixels, batch).logits, data.label)["error"]
                    seconds.append(time.perf_counter() - started)
                return {"images": len(scores), "batch": batch, "seconds": min(seconds[1:]), "first_seconds": seconds[0]}

            lines.attempt(f"batches of {batch}, {precision}", measured)

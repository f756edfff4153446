"""Several training steps recorded as one CUDA graph, so that the host starts one replay instead of several."""

import statistics
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu import engine, sizes
from benchmarks.gpu.engine import Workload, device, synchronize
from benchmarks.gpu.record import Line, Record
from benchmarks.gpu.sizes import Sizes
from benchmarks.gpu.small import STEPS_OF_160_EPOCHS, workload
from spurprune.training import optim
from spurprune.training.precision import set_precision
from spurprune.training.step import WARM_UP_STEPS, Step, cuda_graph

Recorder = Callable[[Callable[[], None], torch.Generator], Callable[[], None]]


def plainly(function: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
    """Return the function itself, where no graph can be recorded."""
    return function


def recorder() -> Recorder:
    """Return what records on this machine's device."""
    return cuda_graph if device().type == "cuda" else plainly


class Chain:
    """``length`` steps in a row that are recorded together and then replayed.

    The first calls, of at least ``WARM_UP_STEPS`` steps in all, and calls with fewer steps run unrecorded. Raises RuntimeError if the
    steps cannot be recorded.
    """

    def __init__(self, step: Step, length: int, record: Recorder) -> None:
        on = step.data.device
        self.step, self.record = step, record
        self.rows = torch.zeros((length, step.recipe.batch_size), dtype=torch.int64, device=on)
        self.rates = torch.zeros(length, device=on)
        self.warm_up = WARM_UP_STEPS
        self.play: Callable[[], None] | None = None

    def __call__(self, rows: Tensor, rates: Tensor) -> None:
        """Take a step on each of the batches ``rows`` (int64 [steps, B]) at its learning rate (float32 [steps]), both on the device."""
        if len(rows) != len(self.rows) or self.warm_up > 0:
            self.warm_up -= len(rows)
            self._take(rows, rates)
            return
        self.rows.copy_(rows)
        self.rates.copy_(rates)
        if self.play is None:
            self.play = self.record(lambda: self._take(self.rows, self.rates), self.step.generator)
        self.play()

    def _take(self, rows: Tensor, rates: Tensor) -> None:
        for one, rate in zip(rows, rates, strict=True):
            self.step(one, rate)


@dataclass(frozen=True)
class Run:
    """A training run whose epochs are cut into chains."""

    chain: Chain
    stream: "torch.cuda.Stream | None"

    def epoch(self, number: int) -> Iterator[None]:
        """Train for an epoch, pausing after every chain."""
        step, length = self.chain.step, len(self.chain.rows)
        step.total.zero_()
        batches = np.stack(step.method.batches(number, np.random.default_rng(number)))
        rows = torch.from_numpy(batches).to(step.data.device)
        rates = torch.full((len(rows),), step.recipe.optimizer["lr"], device=step.data.device)
        for some, at in zip(rows.split(length), rates.split(length), strict=True):
            self.chain(some, at)
            yield


def start(work: Workload, seed: int, length: int) -> Run:
    """Return a training run before its first step, on a GPU with a stream of its own."""
    model, training = engine.prepared(work, 1, seed)
    model.train()
    step = Step(model, training.data, training.preparation, training.method, training.recipe, optim.build(model, training.recipe.optimizer))
    step.generator.manual_seed(seed)
    stream = None
    if device().type == "cuda":
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
    return Run(Chain(step, length, recorder()), stream)


def train(runs: list[Run], number: int) -> float:
    """Train all runs side by side for an epoch; return the seconds until the host had started everything."""
    started = time.perf_counter()
    paused = [(run, run.epoch(number)) for run in runs]
    while paused:
        going = []
        for run, epoch in paused:
            with torch.cuda.stream(run.stream) if run.stream else nullcontext():
                if next(epoch, "ended") != "ended":
                    going.append((run, epoch))
        paused = going
    return time.perf_counter() - started


def measure(size: Sizes, precision: str, networks: int, length: int) -> Line:
    """Return the time of a step of ``networks`` networks side by side, in chains of ``length``, and the host's part of it."""
    work = workload(size, {"precision": precision})
    set_precision(precision)
    runs = [start(work, seed, length) for seed in range(networks)]
    seconds, hosts = [], []
    for epoch in range(size.epochs + 1):
        synchronize()
        started = time.perf_counter()
        hosts.append(train(runs, epoch + 1) / size.steps)
        synchronize()
        seconds.append((time.perf_counter() - started) / size.steps)
    if not all(torch.isfinite(run.chain.step.total) for run in runs):
        raise ValueError("the training loss is not finite")
    timed = seconds[1:]
    step = statistics.median(timed)
    return {
        "networks": networks,
        "steps_per_graph": length,
        "batch": size.batch,
        "precision": precision,
        "steps_per_epoch": size.steps,
        "step_ms": 1e3 * step,
        "step_ms_low": 1e3 * min(timed),
        "step_ms_high": 1e3 * max(timed),
        "host_ms": 1e3 * statistics.median(hosts[1:]),
        "first_epoch_seconds": seconds[0] * size.steps,
        "images_per_s": networks * size.batch / step,
        "seconds_of_160_epochs_each": STEPS_OF_160_EPOCHS * step / networks,
    }


def run(lines: Record, given: Namespace) -> None:
    """Time chains of several lengths, alone and with several networks on streams of their own."""
    size = sizes.of(given.quick)
    cases = [(precision, networks, length) for precision in ("fp32", "bf16") for networks in size.chained for length in size.chains]
    for precision, networks, length in cases:
        name = f"{networks} networks, {length} steps per graph, {precision}"
        lines.attempt(name, lambda case=(precision, networks, length): measure(size, *case))  # type: ignore[misc]

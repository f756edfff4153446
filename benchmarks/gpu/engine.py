"""Training by the package's engine, timed epoch by epoch."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.record import Line
from spurprune.methods.erm import Method
from spurprune.models.network import Network
from spurprune.training import loop
from spurprune.training.data import Data, Preparation
from spurprune.training.loop import Fit, Training, fit_stepwise, initialise, together
from spurprune.training.method import Context
from spurprune.training.precision import set_precision
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import Step, StepFunction, as_fast_as_possible

PROFILED = 20  # steps


@dataclass(frozen=True)
class Workload:
    """What is trained: a network on data by a method and a recipe, a setting's ``training`` block without ``epochs``."""

    build: Callable[[], Network]
    data: Data
    preparation: Preparation
    training: Mapping[str, Any]
    memory_format: torch.memory_format = torch.channels_last
    method: Callable[[Context], Method] = Method


def device() -> torch.device:
    """Return the GPU, or the CPU on a machine without one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def synchronize() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextmanager
def side_stream() -> Iterator[None]:
    """Work on a stream of its own while the block lasts, as training runs do: the default stream cannot be recorded."""
    if not torch.cuda.is_available():
        yield
        return
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield
    torch.cuda.synchronize()


@contextmanager
def steps_of_runs(recorded: bool) -> Iterator[list[StepFunction]]:
    """Yield a list that receives the steps of training runs that start while the block lasts; unrecorded ones are run by Python."""
    found: list[StepFunction] = []

    def choose(step: Step) -> StepFunction:
        found.append(as_fast_as_possible(step) if recorded else step)
        return found[-1]

    with mock.patch.object(loop, "as_fast_as_possible", choose):
        yield found


def replayed(step: StepFunction) -> bool:
    """Return whether a step is replayed from a CUDA graph; one that could not be recorded is run by Python."""
    return isinstance(getattr(getattr(step, "play", None), "__self__", None), torch.cuda.CUDAGraph)


def prepared(work: Workload, epochs: int, seed: int) -> tuple[Network, Training]:
    """Return a network with its first weights, and how it is to be trained."""
    training = {**work.training, "epochs": epochs}
    stream = Stream(("benchmark", seed))
    model = initialise(work.build, stream, device())
    model.to(memory_format=work.memory_format)
    label = work.data.label.cpu().numpy()
    context = Context(np.ones(len(label)), "exact", label, np.zeros_like(label), ("all",), {}, training, stream, device())
    recipe = Recipe.of(training, compiled=bool(training.get("compile")))
    return model, Training(work.data, work.preparation, work.method(context), recipe, stream, "benchmark")


def start(work: Workload, epochs: int, seed: int, after_epoch: Callable[[], None]) -> tuple[Network, Fit]:
    """Return a network and its training run, before the first step."""
    model, training = prepared(work, epochs, seed)

    def observe_epoch(epoch: int, model: Network) -> list[dict[str, Any]]:
        after_epoch()
        return []

    return model, fit_stepwise(model, training, observe_epoch)


def train(work: Workload, epochs: int, networks: int = 1, recorded: bool = True) -> Line:
    """Train ``networks`` networks side by side for an untimed epoch and ``epochs`` timed ones; return what a step of all of them takes.

    ``step_ms`` is the median over epochs; ``images_per_s`` counts the images of all networks.
    """
    set_precision(work.training["precision"])
    ends: list[list[float]] = [[] for _ in range(networks)]

    def after(i: int) -> Callable[[], None]:
        return lambda: ends[i].append(time.perf_counter())

    def go() -> None:
        together([start(work, epochs + 1, i, after(i))[1] for i in range(networks)], device())

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with steps_of_runs(recorded) as taken:
        go()
    whole = [max(times) for times in zip(*ends, strict=True)]  # when the last network ended each epoch
    steps = -(-len(work.data) // work.training["batch_size"])
    seconds = [(b - a) / steps for a, b in pairwise(whole)]
    step = statistics.median(seconds)
    found: Line = {
        "networks": networks,
        "batch": work.training["batch_size"],
        "precision": work.training["precision"],
        "recorded": recorded,
        "replayed": all(map(replayed, taken)),
        "steps_per_epoch": steps,
        "step_ms": 1e3 * step,
        "step_ms_low": 1e3 * min(seconds),
        "step_ms_high": 1e3 * max(seconds),
        "images_per_s": networks * work.training["batch_size"] / step,
    }
    if torch.cuda.is_available():
        found["peak_memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
    return found


def kernels(work: Workload, recorded: bool = True) -> Line:
    """Return how many kernels a step has and how long they take together, from a profile of some steps after the first ones."""
    set_precision(work.training["precision"])
    gpu = device().type == "cuda"
    activity = torch.profiler.ProfilerActivity.CUDA if gpu else torch.profiler.ProfilerActivity.CPU

    def go() -> Any:
        _, fit = start(work, 1000, 0, lambda: None)
        for _ in range(PROFILED):
            next(fit)
        synchronize()
        with torch.profiler.profile(activities=[activity]) as profile:
            for _ in range(PROFILED):
                next(fit)
            synchronize()
        return profile

    with side_stream(), steps_of_runs(recorded):
        profile = go()
    rows = profile.key_averages()
    spent = [(row.self_device_time_total if gpu else row.self_cpu_time_total, row.count, row.key) for row in rows]
    spent = sorted((one for one in spent if one[0] > 0), reverse=True)
    return {
        "kernels_per_step": sum(count for _, count, _ in spent) / PROFILED,
        "kernel_ms_per_step": sum(total for total, _, _ in spent) / PROFILED / 1e3,
        "longest": [[key[:90], round(total / PROFILED / 1e3, 4), count / PROFILED] for total, count, key in spent[:12]],
    }


def kernels_if_possible(work: Workload, recorded: bool = True) -> Line:
    """Return what ``kernels`` does, or why the profiler cannot be used on this machine."""
    try:
        return kernels(work, recorded)
    except (RuntimeError, AttributeError) as error:
        return {"profile_failed": str(error)[:300]}


def flop_per_sample(work: Workload) -> int:
    """Return the floating-point operations of training on one sample; a multiplication and an addition are two."""
    model = initialise(work.build, Stream(("benchmark", 0)), device())
    rows = torch.arange(2, device=device())
    with FlopCounterMode(display=False) as counter:
        model(work.preparation.prepare(work.data.batch(rows))).sum().backward()
    return int(counter.get_total_flops()) // 2


def floors(found: Line, flop: int, peaks: Sequence[Line], launch: Sequence[Line]) -> Line:
    """Return the least a step could take: by arithmetic at the measured peak, by starting its kernels one after another."""
    batch, precision = found["batch"] * found["networks"], found["precision"]
    least: Line = {}
    if peaks:
        least["arithmetic_floor_ms"] = 1e3 * flop * batch / (peaks[-1][f"{precision}_tflops"] * 1e12)
    if launch and "graph_us" in launch[-1] and "kernels_per_step" in found:
        least["launch_floor_ms"] = found["kernels_per_step"] * launch[-1]["graph_us"] / 1e3
    if "kernel_ms_per_step" in found:
        least["step_over_kernels"] = found["step_ms"] / found["kernel_ms_per_step"]
    return least

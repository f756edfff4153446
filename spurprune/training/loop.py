"""The training loop."""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from spurprune import seeds
from spurprune.errors import TrainingError
from spurprune.models.gates import Gate
from spurprune.models.network import Trainable
from spurprune.training import optim
from spurprune.training.best import BestEpoch
from spurprune.training.checkpoints import JobCheckpoints, Record, TrainingState
from spurprune.training.data import Data, Preparation
from spurprune.training.method import Method
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import Step, StepFunction, as_fast_as_possible

Model = TypeVar("Model", bound=Trainable)
Fit = Generator[None, None, list[Record]]  # a training run that pauses after every step and finally returns its records


def initialise(build: Callable[[], Model], stream: Stream, device: torch.device) -> Model:
    """Return a network on the device, channels last, with weights drawn from the initialisation stream."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream.seed(seeds.INITIALISATION))
        model = build()
    model.to(device).to(memory_format=torch.channels_last)
    return model


@dataclass(frozen=True)
class Training:
    """One training run: its data, method, recipe and random streams; ``where`` names it in messages."""

    data: Data
    preparation: Preparation
    method: Method
    recipe: Recipe
    stream: Stream
    where: str


def fit(
    model: Model,
    training: Training,
    observe_epoch: Callable[[int, Model], list[Record]],
    checkpoints: JobCheckpoints | None = None,
    best: BestEpoch | None = None,
) -> list[Record]:
    """Train ``model`` in place and return what ``observe_epoch(epoch, model)`` recorded after each epoch, counted from 1.

    If ``best`` is given, ``observe_epoch`` offers it every epoch, and the network ends with the weights of the best one.

    Every epoch draws its order, augmentation and dropout from its own streams, so a run that was killed and resumed from its last
    checkpoint ends with the same bytes as an uninterrupted one. Raises TrainingError naming ``training.where`` and the epoch if the loss is
    not finite or the device runs out of memory.
    """
    return together([fit_stepwise(model, training, observe_epoch, checkpoints, best)], training.data.device)[0]


def together(fits: Sequence[Fit], device: torch.device) -> list[list[Record]]:
    """Run several training runs side by side, one step each at a time, and return their records in order; on a GPU, one CUDA stream each.

    Small networks leave most of a GPU idle, so their kernels can run concurrently. The runs must not draw from torch's global random
    generator (see ``draws_in_forward``), which they would share.
    """
    gpu = device.type == "cuda"
    streams = [torch.cuda.Stream(device) for _ in fits] if gpu else []
    for stream in streams:
        stream.wait_stream(torch.cuda.current_stream(device))
    records: list[list[Record]] = [[] for _ in fits]
    running = dict(enumerate(fits))
    while running:
        for i, one in list(running.items()):
            with torch.cuda.stream(streams[i]) if gpu else nullcontext():
                try:
                    next(one)
                except StopIteration as end:
                    records[i] = end.value
                    del running[i]
    if gpu:
        torch.cuda.synchronize(device)
    return records


def draws_in_forward(model: nn.Module) -> bool:
    """Return whether a network draws random numbers during training (dropout, gates)."""
    return any(isinstance(one, Gate) or (isinstance(one, nn.modules.dropout._DropoutNd) and one.p > 0) for one in model.modules())


def fit_stepwise(
    model: Model,
    training: Training,
    observe_epoch: Callable[[int, Model], list[Record]],
    checkpoints: JobCheckpoints | None = None,
    best: BestEpoch | None = None,
    optimizer: optim.Optimizer | None = None,
) -> Fit:
    """Train as ``fit`` does, pausing after every step; ``optimizer`` is by default a new one of the recipe."""
    recipe, device = training.recipe, training.data.device
    optimizer = optimizer or optim.build(model, recipe.optimizer)
    step = Step(model, training.data, training.preparation, training.method, recipe, optimizer)
    take_step = as_fast_as_possible(step)
    records: list[Record] = []
    done = steps_done = 0
    name = "-".join(str(part) for part in training.stream.key)
    with naming_out_of_memory(training.where, device):
        if checkpoints and (state := checkpoints.load(name, device)) is not None:
            done, steps_done, records = state.epoch, state.step, state.records
            try:
                restore(state.tensors, model, optimizer, training.method, best)
            except (RuntimeError, KeyError) as error:
                if isinstance(error, torch.OutOfMemoryError):
                    raise
                raise TrainingError(
                    f"{training.where}: the checkpoint in {checkpoints.folder} does not fit the network; delete that folder."
                ) from error
            del state  # else a copy of all weights and moments would stay in memory throughout the run
    total_steps = sum(training.method.num_batches(epoch) for epoch in range(1, recipe.epochs + 1))
    for epoch in range(done + 1, recipe.stop_after + 1):
        with naming_out_of_memory(f"{training.where}, epoch {epoch}", device):
            step.total.zero_()
            step.generator.manual_seed(training.stream.seed(seeds.AUGMENTATION, epoch))
            model.train()
            steps_done = yield from _one_epoch(take_step, training, epoch, steps_done, total_steps)
            total = step.total.item()
            if not math.isfinite(total):
                raise TrainingError(
                    f"{training.where}, epoch {epoch}: the training loss became {total}; lower training.optimizer.lr or set "
                    "training.gradient_clip."
                )
            records.extend(observe_epoch(epoch, model))
        if checkpoints and (epoch == recipe.stop_after or checkpoints.is_due(name)):  # so that a finished run is not repeated
            checkpoints.save(name, TrainingState(epoch, steps_done, capture(model, optimizer, training.method, best), records))
    if best is not None:
        best.put_into(model)
    return records


@contextmanager
def naming_out_of_memory(where: str, device: torch.device) -> Iterator[None]:
    """Turn an out-of-memory error of the device into a TrainingError that says where."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"{where}: {device} ran out of memory; lower training.batch_size, evaluation.batch_size or repeats_at_once, or "
            "run nothing else on the device."
        ) from error


def _one_epoch(take_step: StepFunction, training: Training, epoch: int, steps_done: int, total_steps: int) -> Generator[None, None, int]:
    """Take the steps of one epoch, pausing after each; return the number of steps so far."""
    recipe, stream, method, device = training.recipe, training.stream, training.method, training.data.device
    torch.manual_seed(stream.seed(seeds.DROPOUT, epoch))
    batches = method.batches(epoch, np.random.default_rng(stream.seed(seeds.ORDER, epoch)))
    if len(batches) != method.num_batches(epoch):
        raise ValueError(f"{type(method).__module__} gave {len(batches)} batches in epoch {epoch}, not {method.num_batches(epoch)}")
    sizes = [len(rows) for rows in batches]
    rows = np.concatenate([np.empty(0, dtype=np.int64), *batches])
    for batch in torch.from_numpy(rows).to(device).split(sizes):  # one copy to the device for all batches
        take_step(batch, optim.learning_rate(recipe.optimizer["lr"], recipe.schedule, epoch, steps_done, total_steps))
        steps_done += 1
        yield
    return steps_done


def capture(model: nn.Module, optimizer: optim.Optimizer, method: Method, best: BestEpoch | None = None) -> dict[str, Tensor]:
    """Return all tensors that a run needs to resume, by name: the network's, the optimiser's, the method's, those of the best epoch."""
    parts = {"model": model.state_dict(), "optimizer": optimizer.state(), "method": method.state()}
    parts |= {} if best is None else {"best": best.state()}
    return {f"{part}.{name}": value for part, tensors in parts.items() for name, value in tensors.items()}


def restore(
    tensors: dict[str, Tensor], model: nn.Module, optimizer: optim.Optimizer, method: Method, best: BestEpoch | None = None
) -> None:
    """Restore the state that ``capture`` returned."""

    def part(prefix: str) -> dict[str, Tensor]:
        return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}

    model.load_state_dict(part("model."))
    optimizer.restore(part("optimizer."))
    method.restore(part("method."))
    if best is not None:
        best.restore(part("best."))

"""Recorded steps and alternating training runs give the same bytes as a plain run. CUDA graphs need a GPU."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spurprune.errors import TrainingError
from spurprune.methods.erm import Method
from spurprune.models.networks import small_cnn
from spurprune.training import loop, optim
from spurprune.training.data import Data, Pixels, Preparation, ResidentInputs, Tokens
from spurprune.training.loop import Training, draws_in_forward, fit, fit_stepwise, initialise, together
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import WARM_UP_STEPS, RecordedStep, Step, StepFunction, as_fast_as_possible, cuda_graph
from tests import recipes
from tests.recipes import context

N, BATCH = 30, 8
CPU = torch.device("cpu")
# Rates that single precision holds exactly: in a recorded step the rate is a tensor.
TRAINING = recipes.TRAINING | {
    "epochs": 4,
    "batch_size": BATCH,
    "optimizer": {"name": "sgd", "lr": 0.125, "momentum": 0.5, "weight_decay": 2**-10},
    "schedule": {"name": "step", "milestones": [2], "factor": 0.5},
    "gradient_clip": {"norm": 1.0},
}


def prepared(seed: int, device: torch.device = CPU, **changes: Any) -> tuple[small_cnn.SmallCNN, Training]:
    training = TRAINING | changes
    images = torch.randint(0, 256, (N, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).to(device)
    data = Data.of(images, torch.arange(N, device=device) % 3, torch.zeros(N, dtype=torch.int64, device=device))
    model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), Stream((seed,)), device)
    pixels = Pixels.of([0.5], [0.25], device)
    return model, Training(data, pixels, Method(context(np.ones(N), training)), Recipe.of(training), Stream((seed,)), f"repeat {seed}")


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().double().cpu().ravel() for value in model.state_dict().values()])


def trained(seed: int, device: torch.device = CPU, **changes: Any) -> torch.Tensor:
    model, training = prepared(seed, device, **changes)
    fit(model, training, lambda *_: [])
    return weights(model)


OPTIMIZERS = [
    {"name": "sgd", "lr": 0.125, "momentum": 0.5, "weight_decay": 2**-10},
    {"name": "sgd", "lr": 0.125, "momentum": 0.0, "weight_decay": 0.0},
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_recorded_training_ends_with_the_same_bytes(optimizer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is replayed is the step on fixed memory, into which each batch and rate are copied; here Python replays it."""
    expected = trained(0, optimizer=optimizer)
    recordings: list[int] = []

    def record(function: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
        recordings.append(1)
        return function

    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: RecordedStep(step, BATCH, record))
    assert torch.equal(trained(0, optimizer=optimizer), expected)
    assert recordings == [1], "a training is recorded once"


def test_first_and_smaller_batches_run_unrecorded() -> None:
    model, training = prepared(0)
    step = Step(model, training.data, training.preparation, training.method, training.recipe, optim.build(model, training.recipe.optimizer))
    played: list[list[int]] = []
    recorded = RecordedStep(step, BATCH, lambda function, _: lambda: played.append(recorded.rows.tolist()))
    batches = [torch.arange(BATCH) + i for i in range(WARM_UP_STEPS + 2)]
    for batch in batches:
        recorded(batch, 0.125)
        recorded(torch.arange(3), 0.125)
    assert played == [batch.tolist() for batch in batches[WARM_UP_STEPS:]]


def test_steps_on_a_gpu_are_recorded_unless_batches_differ_in_shape() -> None:
    """A stand-in pretends to be on a GPU; nothing runs."""
    model, training = prepared(0)
    on_gpu: Any = SimpleNamespace(is_cuda=True)
    data = replace(training.data, inputs=ResidentInputs(on_gpu))

    def step(data: Data, preparation: Preparation) -> StepFunction:
        optimizer = optim.build(model, training.recipe.optimizer)
        return as_fast_as_possible(Step(model, data, preparation, training.method, training.recipe, optimizer))

    assert isinstance(step(data, training.preparation), RecordedStep)
    assert isinstance(step(data, Tokens()), Step)
    assert isinstance(step(training.data, training.preparation), Step)


def test_a_step_that_cannot_be_recorded_runs_unrecorded(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def record(function: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
        raise RuntimeError("operation not permitted when stream is capturing")

    expected = trained(0)
    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: RecordedStep(step, BATCH, record))
    assert torch.equal(trained(0), expected)
    assert "cannot be recorded" in caplog.text and "not permitted" in caplog.text


def test_a_recording_that_fails_halfway_leaves_no_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(function: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
        for parameter in started[0].parameters():
            parameter.grad = torch.full_like(parameter, 9.0)  # of a backward pass that was recorded in part but never ran
        raise RuntimeError("operation not permitted when stream is capturing")

    expected = trained(0)
    started = [prepared(0)[0]]
    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: RecordedStep(step, BATCH, record))
    model, training = prepared(0)
    started[0] = model
    fit(model, training, lambda *_: [])
    assert torch.equal(weights(model), expected)


def test_running_out_of_memory_while_recording_ends_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(function: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: RecordedStep(step, BATCH, record))
    with pytest.raises(TrainingError, match="repeat 0, epoch 2: cpu ran out of memory"):
        trained(0)


def test_training_runs_that_alternate_do_not_touch_each_other() -> None:
    """The second is longer, so it finishes alone."""
    alone = [trained(0), trained(1, epochs=6), trained(2)]
    jobs = [prepared(0), prepared(1, epochs=6), prepared(2)]
    seen: list[tuple[int, int]] = []

    def observe(i: int) -> Callable[[int, nn.Module], list[dict[str, int]]]:
        return lambda epoch, _: seen.append((i, epoch)) or [{"training": i, "epoch": epoch}]  # type: ignore[func-returns-value]

    records = together([fit_stepwise(model, training, observe(i)) for i, (model, training) in enumerate(jobs)], CPU)
    assert [weights(model).tolist() for model, _ in jobs] == [one.tolist() for one in alone]
    assert [[(r["training"], r["epoch"]) for r in one] for one in records] == [
        [(i, e) for e in range(1, n + 1)] for i, n in enumerate((4, 6, 4))
    ]
    assert seen[:4] == [(0, 1), (1, 1), (2, 1), (0, 2)], "they advance side by side"


def test_networks_that_draw_random_numbers_are_recognised() -> None:
    assert not draws_in_forward(small_cnn.build((1, 8, 8), 3, [2, 2, 4]))
    assert draws_in_forward(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)))
    assert not draws_in_forward(nn.Sequential(nn.Dropout(0.0)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_failed_cuda_recording_leaves_random_numbers_usable() -> None:
    """Reading a value back is not permitted while a stream is recorded; random numbers are drawn before it."""
    device = torch.device("cuda")
    generator = torch.Generator(device).manual_seed(3)
    expected = torch.rand(4, device=device, generator=torch.Generator(device).manual_seed(3))

    def function() -> None:
        torch.rand(4, device=device, generator=generator)
        torch.rand(4, device=device).sum().item()

    with torch.cuda.stream(torch.cuda.Stream()), pytest.raises(RuntimeError):  # the default stream cannot be recorded at all
        cuda_graph(function, generator)
    assert torch.equal(torch.rand(4, device=device, generator=generator), expected)
    torch.rand(4, device=device)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_graphs_train_as_plain_steps_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU may sum in another order, so weights agree within 1e-4 after these few steps."""
    device = torch.device("cuda")
    graphed = trained(0, device)
    jobs = [prepared(seed, device) for seed in range(2)]
    together([fit_stepwise(model, training, lambda *_: []) for model, training in jobs], device)
    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: step)
    plain = [trained(seed, device) for seed in range(2)]
    torch.testing.assert_close(graphed, plain[0], rtol=1e-4, atol=1e-4)
    for (model, _), expected in zip(jobs, plain, strict=True):
        torch.testing.assert_close(weights(model), expected, rtol=1e-4, atol=1e-4)


def test_input_noise_changes_training_and_is_the_same_every_time() -> None:
    plain, noisy = trained(0), trained(0, input_noise=0.1)
    assert torch.equal(trained(0, input_noise=0.0), plain)
    assert not torch.equal(noisy, plain)
    assert torch.equal(trained(0, input_noise=0.1), noisy)

"""Steps recorded in chains do what single steps do; here Python replays them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from benchmarks.gpu import chains, engine, sizes
from benchmarks.gpu.chains import Chain
from benchmarks.gpu.small import workload
from spurprune.training import optim
from spurprune.training.step import WARM_UP_STEPS, Step

SIZE = sizes.QUICK
STEPS = 13


def step_of(seed: int = 0) -> Step:
    model, training = engine.prepared(workload(SIZE, {}), 1, seed)
    model.train()
    step = Step(model, training.data, training.preparation, training.method, training.recipe, optim.build(model, training.recipe.optimizer))
    step.generator.manual_seed(seed)
    return step


def weights(step: Step) -> torch.Tensor:
    return torch.cat([parameter.detach().ravel() for parameter in step.parameters])


def batches() -> tuple[torch.Tensor, torch.Tensor]:
    order = np.random.default_rng(0)
    rows = np.stack([order.permutation(SIZE.batch * SIZE.steps)[: SIZE.batch] for _ in range(STEPS)])
    return torch.from_numpy(rows), torch.linspace(0.1, 0.01, STEPS)


@pytest.mark.parametrize("length", [1, 2, 5, 20])
def test_chains_end_with_the_same_bytes(length: int) -> None:
    """Every step has its own rate, and the last chain is shorter."""
    rows, rates = batches()
    plain = step_of()
    for one, rate in zip(rows, rates, strict=True):
        plain(one, rate)
    recordings: list[int] = []

    def record(function: Callable[[], None], generator: torch.Generator) -> Callable[[], None]:
        assert generator is chained.generator
        recordings.append(1)
        return function

    chained = step_of()
    chain = Chain(chained, length, record)
    for some, at in zip(rows.split(length), rates.split(length), strict=True):
        chain(some, at)
    assert torch.equal(weights(chained), weights(plain)) and torch.equal(chained.total, plain.total)
    assert recordings == ([1] if length < STEPS else [])


def test_first_and_shorter_chains_run_unrecorded() -> None:
    played: list[list[int]] = []
    chain = Chain(step_of(), 2, lambda function, _: lambda: played.append(chain.rows[:, 0].tolist()))
    rows, rates = batches()
    for some, at in zip(rows.split(2), rates.split(2), strict=True):
        chain(some, at)
    first = -(-WARM_UP_STEPS // 2)
    assert played == [some[:, 0].tolist() for some in rows.split(2)[first:-1]]


def test_side_by_side_is_as_alone() -> None:
    work = workload(SIZE, {})
    alone = [chains.start(work, seed, 2) for seed in range(2)]
    for run in alone:
        for epoch in (1, 2):
            chains.train([run], epoch)
    runs = [chains.start(work, seed, 2) for seed in range(2)]
    for epoch in (1, 2):
        chains.train(runs, epoch)
    for one, other in zip(runs, alone, strict=True):
        assert torch.equal(weights(one.chain.step), weights(other.chain.step))
    assert not torch.equal(weights(runs[0].chain.step), weights(runs[1].chain.step))
    assert all(run.chain.play for run in runs), "the chains must have been recorded"


def test_a_measurement_counts_all_networks() -> None:
    found = chains.measure(SIZE, "fp32", networks=2, length=2)
    assert (found["networks"], found["batch"], found["steps_per_epoch"]) == (2, SIZE.batch, SIZE.steps)
    assert found["images_per_s"] == pytest.approx(2 * SIZE.batch / (found["step_ms"] / 1e3))
    assert found["seconds_of_160_epochs_each"] == pytest.approx(160 * 782 * found["step_ms"] / 1e3 / 2)
    assert 0 < found["host_ms"] <= found["step_ms_high"]

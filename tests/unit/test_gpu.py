"""Training on a GPU: recorded, side by side, as one network, resumed, out of memory, leased, in TF32 and bfloat16. Skipped without a GPU.

Kernels may sum in another order from one run to the next, so each comparison states its tolerance. With SPURPRUNE_GPU_TESTS_ON_CPU set,
tests that can run on a CPU do so there, as a rehearsal.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from benchmarks.gpu.as_one import AsOne, SumOfLosses
from benchmarks.gpu.chains import Chain, recorder
from benchmarks.gpu.engine import replayed, side_stream
from spurprune.errors import TrainingError
from spurprune.methods.erm import Method
from spurprune.models.networks import resnet_cifar
from spurprune.models.networks.bert import Bert
from spurprune.training import loop, optim
from spurprune.training.augment import augment
from spurprune.training.checkpoints import JobCheckpoints
from spurprune.training.data import Data, MappedInputs, Pixels, ResidentInputs, Tokens, load
from spurprune.training.loop import Training, fit, fit_stepwise, initialise, together
from spurprune.training.observe import dynamics_of, observe
from spurprune.training.precision import set_precision
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import RecordedStep, Step, StepFunction, as_fast_as_possible
from tests import recipes
from tests.recipes import context

REHEARSED = os.environ.get("SPURPRUNE_GPU_TESTS_ON_CPU") is not None
GPU = torch.cuda.is_available()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not GPU and not REHEARSED, reason="needs a GPU")]
gpu_only = pytest.mark.skipif(not GPU, reason="needs a GPU")

DEVICE = torch.device("cuda" if GPU else "cpu")
N, BATCH, STEPS = 96, 16, 50
# Of a loss near 2, and of the weights' norm, after 50 steps in float32 on the same device; rounding differs by 1e-7 per operation.
LOSSES_AGREE, WEIGHTS_AGREE = 2e-3, 2e-3
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 0.02, "momentum": 0.9, "weight_decay": 1e-4},
    "adam": {"name": "adam", "lr": 1e-3, "weight_decay": 0.0},
    "adamw": {"name": "adamw", "lr": 1e-3, "weight_decay": 0.01},
}
TRAINING = recipes.TRAINING | {"batch_size": BATCH, "epochs": 9, "optimizer": OPTIMIZERS["sgd"]}


@pytest.fixture(autouse=True)
def own_stream() -> Any:
    """Work on a stream of its own, as training runs do: the default stream cannot be recorded."""
    with side_stream():
        yield


@pytest.fixture(autouse=True)
def exact_float32() -> Any:
    """Switch TF32 off, as the stages do for fp32, and restore what was set."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    set_precision("fp32")
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


def images(device: torch.device = DEVICE) -> Data:
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(N) % 10
    noise = torch.randint(0, 100, (N, 3, 16, 16), generator=generator)
    pixels = (noise + 15 * label[:, None, None, None]).to(torch.uint8)
    return Data.of(pixels.to(device), label.to(device), torch.zeros(N, dtype=torch.int64, device=device))


def prepared(seed: int = 0, device: torch.device = DEVICE, **changes: Any) -> tuple[resnet_cifar.ResNetCifar, Training]:
    training = TRAINING | changes
    model = initialise(lambda: resnet_cifar.build((3, 16, 16), 10, 8), Stream((seed,)), device)
    method = Method(context(np.ones(N), training, device=device))
    pixels = Pixels.of([0.5] * 3, [0.25] * 3, device)
    return model, Training(images(device), pixels, method, Recipe.of(training), Stream((seed,)), f"repeat {seed}")


def vector(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().double().cpu().ravel() for value in model.state_dict().values() if value.is_floating_point()])


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def stepped(how: Callable[[Step], StepFunction], **changes: Any) -> tuple[list[float], torch.Tensor]:
    """The loss of each of 50 steps on fixed batches, and the last weights."""
    model, training = prepared(**changes)
    model.train()
    step = Step(model, training.data, training.preparation, training.method, training.recipe, optim.build(model, training.recipe.optimizer))
    step.generator.manual_seed(3)
    take = how(step)
    order = np.random.default_rng(0)
    losses = []
    for _ in range(STEPS):
        step.total.zero_()
        take(torch.from_numpy(order.permutation(N)[:BATCH]).to(DEVICE), training.recipe.optimizer["lr"])
        losses.append(step.total.item())
    return losses, vector(model)


@gpu_only
def test_steps_are_recorded_here() -> None:
    model, training = prepared()
    step = Step(model, training.data, training.preparation, training.method, training.recipe, optim.build(model, training.recipe.optimizer))
    take = as_fast_as_possible(step)
    assert isinstance(take, RecordedStep)
    for _ in range(6):
        take(torch.arange(BATCH, device=DEVICE), 0.01)
    assert take.play is not None and type(take.play.__self__) is torch.cuda.CUDAGraph  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("clip", [None, {"norm": 1.0}, {"value": 0.5}])
def test_recorded_steps_do_what_plain_steps_do(name: str, clip: dict[str, float] | None) -> None:
    changes: dict[str, Any] = {"optimizer": OPTIMIZERS[name], "gradient_clip": clip}
    plain, expected = stepped(lambda step: step, **changes)
    losses, weights = stepped(as_fast_as_possible, **changes)
    np.testing.assert_allclose(losses, plain, atol=LOSSES_AGREE)
    assert distance(weights, expected) < WEIGHTS_AGREE
    assert plain[-1] < plain[0] - 0.1, "the network must learn, or nothing is compared"


@pytest.mark.parametrize("augmentation", [{"name": "none"}, {"name": "random_resized_crop_flip"}])
def test_so_they_do_with_other_augmentations(augmentation: dict[str, Any]) -> None:
    plain, expected = stepped(lambda step: step, augmentation=augmentation)
    losses, weights = stepped(as_fast_as_possible, augmentation=augmentation)
    np.testing.assert_allclose(losses, plain, atol=LOSSES_AGREE)
    assert distance(weights, expected) < WEIGHTS_AGREE


@gpu_only
def test_replays_draw_new_crops() -> None:
    """The same batch at rate zero in eval mode: only the augmentation changes the loss."""
    model, training = prepared()
    model.eval()
    step = Step(model, training.data, training.preparation, training.method, training.recipe, optim.build(model, training.recipe.optimizer))
    take = as_fast_as_possible(step)
    losses = []
    for _ in range(12):
        step.total.zero_()
        take(torch.arange(BATCH, device=DEVICE), 0.0)
        losses.append(step.total.item())
    assert len({round(loss, 6) for loss in losses}) > 8


def trained(seed: int, **changes: Any) -> torch.Tensor:
    model, training = prepared(seed, **changes)
    fit(model, training, lambda *_: [])
    return vector(model)


def test_whole_training_runs_agree_with_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs whose last batch is smaller, so that recorded and unrecorded steps mix."""
    recorded = trained(0, batch_size=20)
    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: step)
    assert distance(recorded, trained(0, batch_size=20)) < WEIGHTS_AGREE


@pytest.mark.parametrize("count", [2, 5])
def test_side_by_side_is_as_alone(count: int) -> None:
    alone = [trained(seed) for seed in range(count)]
    jobs = [prepared(seed) for seed in range(count)]
    together([fit_stepwise(model, training, lambda *_: []) for model, training in jobs], DEVICE)
    found = [vector(model) for model, _ in jobs]
    for i, (one, expected) in enumerate(zip(found, alone, strict=True)):
        assert distance(one, expected) < WEIGHTS_AGREE, f"network {i}"
    assert distance(found[0], found[1]) > 0.1, "networks with other seeds must differ"


class Killed(BaseException):
    """What stops a training run in a test."""


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_killed_run_resumes(name: str, tmp_path: Path) -> None:
    def until(death: int, checkpoints: JobCheckpoints) -> torch.Tensor:
        def observe_epoch(epoch: int, _: nn.Module) -> list[Any]:
            if epoch == death:
                raise Killed
            return []

        model, training = prepared(optimizer=OPTIMIZERS[name])
        fit(model, training, observe_epoch, checkpoints)
        return vector(model)

    whole = until(0, JobCheckpoints(tmp_path / "whole", save_every_seconds=0))
    broken = JobCheckpoints(tmp_path / "broken", save_every_seconds=0)
    with pytest.raises(Killed):
        until(5, broken)
    saved = broken.load("0", DEVICE)
    assert saved is not None and saved.epoch == 4
    assert distance(until(0, broken), whole) < WEIGHTS_AGREE


@gpu_only
def test_out_of_memory_is_one_sentence_and_the_next_run_trains(assert_one_sentence: Callable[[str], None]) -> None:
    class Greedy(Method):
        def loss(self, batch: Any) -> torch.Tensor:
            self.held = torch.empty(1 << 46, dtype=torch.uint8, device=DEVICE)  # 64 TiB
            return super().loss(batch)

    model, training = prepared()
    greedy = Training(
        training.data,
        training.preparation,
        Greedy(context(np.ones(N), TRAINING, device=DEVICE)),
        training.recipe,
        training.stream,
        "birds, repeat 0",
    )
    with pytest.raises(TrainingError, match="birds, repeat 0, epoch 1: cuda ran out of memory") as error:
        fit(model, greedy, lambda *_: [])
    assert_one_sentence(str(error.value))
    assert torch.isfinite(trained(0)).all()


@gpu_only
def test_out_of_memory_while_recording_is_named_too() -> None:
    class Growing(Method):
        calls = 0

        def loss(self, batch: Any) -> torch.Tensor:
            self.calls += 1
            if self.calls > 3:  # the first three steps are not recorded
                self.held = torch.empty(1 << 46, dtype=torch.uint8, device=DEVICE)
            return super().loss(batch)

    model, training = prepared()
    method = Growing(context(np.ones(N), TRAINING, device=DEVICE))
    growing = Training(training.data, training.preparation, method, training.recipe, training.stream, "birds, repeat 0")
    with pytest.raises(TrainingError, match="ran out of memory"):
        fit(model, growing, lambda *_: [])
    assert torch.isfinite(trained(0)).all()


LEASE = """
import sys
from spurprune.machine.devices import leased_device
with leased_device(poll_seconds=0.05) as device:
    import torch
    print(device, torch.cuda.device_count(), float(torch.ones(3, device="cuda").sum()), flush=True)
    sys.stdin.readline()
"""


@gpu_only
def test_a_lease_makes_one_device_visible_and_others_wait(tmp_path: Path, child_environment: dict[str, str]) -> None:
    environment = child_environment | {"SPURPRUNE_LEASES": str(tmp_path), "CUDA_VISIBLE_DEVICES": "0"}

    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, "-c", LEASE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with start() as first:
        assert first.stdout is not None
        assert first.stdout.readline().split() == ["0", "1", "3.0"]
        with start() as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(timeout=3)
            first.communicate("\n", timeout=60)
            out, _ = second.communicate("\n", timeout=120)
    assert out.split() == ["0", "1", "3.0"]


@pytest.mark.parametrize("name", ["bf16", "tf32"])
def test_lower_precision_learns_like_full_precision(name: str) -> None:
    full, expected = stepped(as_fast_as_possible)
    set_precision(name)
    losses, weights = stepped(as_fast_as_possible, precision=name)
    plain, _ = stepped(lambda step: step, precision=name)
    np.testing.assert_allclose(losses, plain, atol=0.1)  # both in the lower precision
    assert abs(np.mean(losses[-10:]) - np.mean(full[-10:])) < 0.15
    if name == "bf16" or GPU:
        assert distance(weights, expected) > 1e-6, "the lower precision must be used"


@gpu_only
def test_tf32_is_used_only_if_asked_for() -> None:
    """A product's error against float64 shows which arithmetic ran: TF32 keeps 10 bits of the mantissa, float32 23."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(512, 512, generator=generator) for _ in range(2))
    exact = a.double() @ b.double()
    error = {}
    for name in ("fp32", "tf32"):
        set_precision(name)
        error[name] = distance((a.to(DEVICE) @ b.to(DEVICE)).double().cpu(), exact)
    assert error["fp32"] < 2e-6 and 5e-5 < error["tf32"] < 2e-3


def test_el2n_is_the_cpus() -> None:
    model, training = prepared()
    fit(model, training, lambda *_: [])
    here = dynamics_of(observe(model, training.data, training.preparation, 32).logits, training.data.label)
    cpu = torch.device("cpu")
    on_cpu = images(cpu)
    there = dynamics_of(observe(model.to(cpu), on_cpu, Pixels.of([0.5] * 3, [0.25] * 3, cpu), 32).logits, on_cpu.label)
    np.testing.assert_allclose(here["error"], there["error"], atol=1e-4)
    np.testing.assert_array_equal(here["predicted"], there["predicted"])


def chained(step: Step, length: int) -> Callable[[list[torch.Tensor], list[float]], None]:
    chain = Chain(step, length, recorder())

    def take(rows: list[torch.Tensor], rates: list[float]) -> None:
        for start in range(0, len(rows), length):
            chain(torch.stack(rows[start : start + length]), torch.tensor(rates[start : start + length], device=DEVICE))
        if GPU:
            assert chain.play is not None and type(chain.play.__self__) is torch.cuda.CUDAGraph  # type: ignore[attr-defined]

    return take


def one_by_one(step: Step) -> Callable[[list[torch.Tensor], list[float]], None]:
    def take(rows: list[torch.Tensor], rates: list[float]) -> None:
        for one, rate in zip(rows, rates, strict=True):
            step(one, rate)

    return take


def walked(how: Callable[[Step], Callable[[list[torch.Tensor], list[float]], None]], **changes: Any) -> tuple[float, torch.Tensor]:
    """The sum of the losses of 50 steps whose rates differ, and the last weights."""
    model, training = prepared(**changes)
    model.train()
    step = Step(model, training.data, training.preparation, training.method, training.recipe, optim.build(model, training.recipe.optimizer))
    step.generator.manual_seed(3)
    order = np.random.default_rng(0)
    rows = [torch.from_numpy(order.permutation(N)[:BATCH]).to(DEVICE) for _ in range(STEPS)]
    how(step)(rows, [training.recipe.optimizer["lr"] / (1 + i % 3) for i in range(STEPS)])
    return step.total.item(), vector(model)


@pytest.mark.parametrize(("length", "name"), [(1, "sgd"), (5, "sgd"), (20, "sgd"), (5, "adamw")])
def test_a_graph_of_several_steps_does_what_single_steps_do(length: int, name: str) -> None:
    """Chains of 20 leave ten steps, which run unrecorded."""
    total, expected = walked(one_by_one, optimizer=OPTIMIZERS[name])
    found, weights = walked(lambda step: chained(step, length), optimizer=OPTIMIZERS[name])
    assert abs(found - total) < STEPS * LOSSES_AGREE
    assert distance(weights, expected) < WEIGHTS_AGREE


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_networks_as_one_do_what_networks_alone_do(precision: str) -> None:
    """Recorded if possible, without augmentation, whose draws would differ.

    They part by a small share of the way that they went: grouped convolutions round otherwise, which switches ReLUs.
    """
    set_precision(precision)
    count, steps = 3, 10
    jobs = [prepared(seed, augmentation={"name": "none"}, precision=precision) for seed in range(count)]
    model = AsOne([network for network, _ in jobs]).to(memory_format=torch.channels_last).train()
    training = jobs[0][1]
    recipe = replace(training.recipe, batch_size=count * BATCH)
    method = SumOfLosses(context(np.ones(N), TRAINING, device=DEVICE), count)
    take = as_fast_as_possible(Step(model, training.data, training.preparation, method, recipe, optim.build(model, recipe.optimizer)))
    order = np.random.default_rng(0)
    batches = [torch.from_numpy(np.stack([order.permutation(N)[:BATCH] for _ in jobs])).to(DEVICE) for _ in range(steps)]
    for rows in batches:
        take(rows.flatten(), 0.02)
    assert replayed(take) == GPU
    for i, (network, one) in enumerate(jobs):
        before = vector(network)
        network.train()
        step = Step(network, one.data, one.preparation, one.method, one.recipe, optim.build(network, one.recipe.optimizer))
        for rows in batches:
            step(rows[i], 0.02)
        state, expected = model.state_of(i), vector(network)
        names = [name for name, value in network.state_dict().items() if value.is_floating_point()]
        found = torch.cat([state[name].detach().double().cpu().ravel() for name in names])
        assert distance(before, expected) > 0.1
        assert distance(found, expected) < 0.2 * distance(before, expected), f"network {i}"


def test_inputs_on_the_device_are_those_on_the_disk() -> None:
    array = np.random.default_rng(0).integers(0, 256, (N, 3, 16, 16), dtype=np.uint8)
    ids = np.random.default_rng(1).permutation(N)
    carrier = np.arange(N) % 3 == 0
    overlay = {"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0}
    label = np.zeros(N, dtype=np.int64)
    options: dict[str, Any] = {"sample_id": ids, "label": label, "group": label, "carrier": carrier, "overlay": overlay}
    here, there = (load(array, **options, device=device) for device in (DEVICE, torch.device("cpu")))
    assert isinstance(here.inputs, ResidentInputs if GPU else MappedInputs) and isinstance(there.inputs, MappedInputs)
    rows = torch.from_numpy(np.random.default_rng(2).permutation(N)[:17])
    assert torch.equal(here.batch(rows.to(DEVICE)).cpu(), there.batch(rows))


@pytest.mark.parametrize("name", ["pad_crop_flip", "random_resized_crop_flip"])
def test_augmentation_repeats_with_its_seed(name: str) -> None:
    pixels = images().batch(torch.arange(N, device=DEVICE))

    def augmented(seed: int) -> torch.Tensor:
        return augment(pixels, {"name": name}, None, torch.Generator(DEVICE).manual_seed(seed))

    assert torch.equal(augmented(1), augmented(1)) and not torch.equal(augmented(1), augmented(2))


def test_a_bert_trains_and_repeats_with_its_dropout() -> None:
    """Batches differ in shape, so steps are not recorded."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=50, max_position_embeddings=32, **sizes)
    rng = np.random.default_rng(0)
    tokens = rng.integers(4, 50, (48, 2 + 16)).astype(np.int32)
    tokens[:, 0], tokens[:, 1] = rng.integers(6, 17, 48), 3
    label = torch.from_numpy(tokens[:, 2] % 3).long().to(DEVICE)
    data = Data.of(torch.from_numpy(tokens).to(DEVICE), label, torch.zeros_like(label))
    training = TRAINING | {"optimizer": OPTIMIZERS["adamw"], "augmentation": {"name": "none"}, "gradient_clip": {"norm": 1.0}, "epochs": 3}

    def run() -> torch.Tensor:
        model = initialise(lambda: Bert(BertModel(config), 3), Stream((0,)), DEVICE)
        method = Method(context(np.ones(48), training, device=DEVICE))
        fit(model, Training(data, Tokens(), method, Recipe.of(training), Stream((0,)), "text"), lambda *_: [])
        return vector(model)

    first = run()
    assert torch.isfinite(first).all()
    assert distance(run(), first) < WEIGHTS_AGREE

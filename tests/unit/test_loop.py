"""The training loop: reproducible to the bit, with draws from its named streams only, and stopped if the loss is not a number."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spurprune import seeds
from spurprune.errors import TrainingError
from spurprune.methods.erm import Method
from spurprune.models.network import Network
from spurprune.models.networks import small_cnn
from spurprune.training import loop
from spurprune.training.checkpoints import JobCheckpoints, TrainingState
from spurprune.training.data import Data, Pixels
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.method import Batch
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import RecordedStep
from tests.recipes import TRAINING, context

CPU = torch.device("cpu")
PIXELS = Pixels.of([0.5], [0.25], CPU)
N = 30

State = dict[str, torch.Tensor]


def data() -> Data:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (N, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return Data.of(images, torch.arange(N) % 3, torch.zeros(N, dtype=torch.int64))


def train(stream: Stream, weight: np.ndarray | None = None, **changes: Any) -> tuple[State, State, list[int]]:
    """(first weights, last weights, epochs seen) of a small training run."""
    training = TRAINING | {key: value for key, value in changes.items() if key != "stop_after"}
    model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), stream, CPU)
    first = state(model)
    epochs: list[int] = []
    method = Method(context(np.ones(N) if weight is None else weight, training))
    recipe = Recipe.of(training, changes.get("stop_after"))
    fit(model, Training(data(), PIXELS, method, recipe, stream, "digits, repeat 3"), lambda epoch, _: epochs.append(epoch) or [])
    return first, state(model), epochs


def state(model: nn.Module) -> State:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a: State, b: State) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_a_repeat_gives_the_same_bytes_regardless_of_earlier_runs() -> None:
    first, last, epochs = train(Stream((0,)))
    torch.manual_seed(99)
    train(Stream((1,)))
    torch.rand(7)
    again = train(Stream((0,)))
    assert same(first, again[0]) and same(last, again[1])
    assert not same(first, last)
    assert epochs == [1, 2, 3]


def test_repeats_and_reference_seeds_differ_from_the_first_weights_on() -> None:
    runs = [train(Stream(key)) for key in ((0,), (1,), (0, "reference", 0), (0, "reference", 1))]
    for i, one in enumerate(runs):
        for other in runs[:i]:
            assert not same(one[0], other[0]) and not same(one[1], other[1])


@pytest.mark.parametrize("name", ["ORDER", "AUGMENTATION"])
def test_another_order_or_augmentation_leaves_the_first_weights(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, last, _ = train(Stream((0,)))
    monkeypatch.setattr(seeds, name, "another")
    other_first, other_last, _ = train(Stream((0,)))
    assert same(first, other_first)
    assert not same(last, other_last)


def test_another_initialisation_leaves_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    visited: list[list[int]] = []

    class Spy(Method):
        def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
            batches = super().batches(epoch, rng)
            visited.append(np.concatenate(batches).tolist())
            return batches

    for name in ("initialisation", "another"):
        monkeypatch.setattr(seeds, "INITIALISATION", name)
        model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), Stream((0,)), CPU)
        fit(model, Training(data(), PIXELS, Spy(context(np.ones(N))), Recipe.of(TRAINING), Stream((0,)), "here"), lambda *_: [])
    assert visited[:3] == visited[3:]
    assert visited[0] != visited[1], "every epoch has an order of its own"


def test_initialisation_does_not_touch_torchs_global_stream() -> None:
    before = torch.random.get_rng_state()
    initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), Stream((0,)), CPU)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_finished_training_run_is_not_repeated(tmp_path: Path) -> None:
    checkpoints = JobCheckpoints(tmp_path / "job", save_every_seconds=3600)
    training = Training(data(), PIXELS, Method(context(np.ones(N))), Recipe.of(TRAINING), Stream((0,)), "digits, repeat 0")
    seen: list[int] = []

    def once() -> State:
        model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), training.stream, CPU)
        records = fit(model, training, lambda epoch, _: seen.append(epoch) or [{"epoch": epoch}], checkpoints)
        assert [record["epoch"] for record in records] == list(range(1, TRAINING["epochs"] + 1))
        return state(model)

    first = once()
    trained = list(seen)
    assert same(first, once()) and seen == trained == list(range(1, TRAINING["epochs"] + 1))


class Killed(BaseException):
    """What stops a training run in a test."""


def test_a_last_batch_of_one_is_no_problem_for_batch_normalisation_and_resumes_with_the_same_bytes(tmp_path: Path) -> None:
    """Nine samples in batches of eight; of images of 4 by 4 pixels, the last feature maps have one, so a batch of one has no variance."""
    recipe = TRAINING | {"batch_size": 8, "epochs": 4}
    images = torch.randint(0, 256, (9, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    nine = Data.of(images, torch.arange(9) % 3, torch.zeros(9, dtype=torch.int64))

    def run(least: int, checkpoints: JobCheckpoints | None = None, dies_after: int | None = None) -> State:
        method = Method(replace(context(np.ones(9), recipe), least_batch=least))
        model = initialise(lambda: small_cnn.build((1, 4, 4), 3, [2, 2, 4]), Stream((0,)), CPU)

        def observe(epoch: int, _: Network) -> list[Any]:
            if epoch == dies_after:
                raise Killed
            return []

        fit(model, Training(nine, PIXELS, method, Recipe.of(recipe), Stream((0,)), "here"), observe, checkpoints)
        return state(model)

    with pytest.raises(ValueError, match="more than 1 value per channel"):
        run(1)
    checkpoints = JobCheckpoints(tmp_path / "job", save_every_seconds=0)
    with pytest.raises(Killed):
        run(2, checkpoints, dies_after=3)
    assert same(run(2, checkpoints), run(2))


@pytest.mark.parametrize("optimizer", [TRAINING["optimizer"], {"name": "adamw", "lr": 0.013, "weight_decay": 0.01}])
def test_a_training_run_of_recorded_steps_resumes_with_the_same_bytes(
    optimizer: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, where the first steps after a restart run unrecorded although they were replayed before; here Python replays them."""
    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: RecordedStep(step, step.recipe.batch_size, lambda function, _: function))
    training = TRAINING | {"optimizer": optimizer, "epochs": 4, "batch_size": 4}
    task = Training(data(), PIXELS, Method(context(np.ones(N), training)), Recipe.of(training), Stream((0,)), "digits, repeat 0")

    def train_until(epoch_of_death: int, checkpoints: JobCheckpoints) -> State:
        def observe(epoch: int, _: Network) -> list[Any]:
            if epoch == epoch_of_death:
                raise Killed
            return []

        model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), task.stream, CPU)
        fit(model, task, observe, checkpoints)
        return state(model)

    whole = train_until(0, JobCheckpoints(tmp_path / "whole", save_every_seconds=0))
    broken = JobCheckpoints(tmp_path / "broken", save_every_seconds=0)
    with pytest.raises(Killed):
        train_until(3, broken)
    assert same(whole, train_until(0, broken))


def test_the_state_that_a_run_resumed_from_is_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = TRAINING | {"optimizer": {"name": "adamw", "lr": 0.01, "weight_decay": 0.01}}
    task = Training(data(), PIXELS, Method(context(np.ones(N), training)), Recipe.of(training), Stream((0,)), "digits, repeat 0")
    checkpoints = JobCheckpoints(tmp_path, save_every_seconds=0)
    alive: list[int] = []
    loaded: list[weakref.ref[torch.Tensor]] = []
    load = checkpoints.load

    def build() -> Network:
        return initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), task.stream, CPU)

    def kept(name: str, device: torch.device) -> TrainingState | None:
        found = load(name, device)
        loaded.extend(weakref.ref(value) for value in found.tensors.values()) if found else None
        return found

    def die(epoch: int, _: Network) -> list[Any]:
        if epoch == 2:
            raise Killed
        return []

    with pytest.raises(Killed):
        fit(build(), task, die, checkpoints)
    monkeypatch.setattr(checkpoints, "load", kept)
    fit(build(), task, lambda *_: alive.append(sum(one() is not None for one in loaded)) or [], checkpoints)
    assert len(loaded) > 10 and set(alive) == {0}


def test_a_checkpoint_of_another_network_names_its_folder(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    checkpoints = JobCheckpoints(tmp_path / "job", save_every_seconds=0)
    task = Training(data(), PIXELS, Method(context(np.ones(N))), Recipe.of(TRAINING), Stream((0,)), "digits, repeat 0")

    def fit_with(channels: list[int]) -> None:
        fit(initialise(lambda: small_cnn.build((1, 8, 8), 3, channels), task.stream, CPU), task, lambda *_: [], checkpoints)

    fit_with([2, 2, 4])
    with pytest.raises(TrainingError, match=f"the checkpoint in {checkpoints.folder} does not fit") as error:
        fit_with([2, 3, 4])
    assert_one_sentence(str(error.value))


def test_pruned_samples_are_never_seen() -> None:
    """Training with half of the samples weighted 0 equals training without them, whatever they show."""
    weight = np.ones(N, dtype=np.float32)
    weight[::2] = 0
    _, expected, _ = train(Stream((0,)), weight)
    altered = data()
    altered.inputs.values[::2] = 255
    altered.label[::2] = 2
    model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), Stream((0,)), CPU)
    fit(model, Training(altered, PIXELS, Method(context(weight, TRAINING)), Recipe.of(TRAINING), Stream((0,)), "here"), lambda *_: [])
    assert same(expected, state(model))
    assert not same(expected, train(Stream((0,)))[1])


@pytest.mark.parametrize("schedule", [{"name": "linear"}, {"name": "step", "milestones": [1], "factor": 0.1}])
def test_a_shorter_run_is_the_beginning_of_the_longer_one(schedule: dict[str, Any]) -> None:
    """A reference run of two epochs on a recipe of three keeps the recipe's schedule."""
    seen: list[State] = []
    recipe = TRAINING | {"schedule": schedule}
    model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), Stream((0,)), CPU)
    method = Method(context(np.ones(N), recipe))
    fit(model, Training(data(), PIXELS, method, Recipe.of(recipe), Stream((0,)), "here"), lambda _, m: seen.append(state(m)) or [])
    _, last, epochs = train(Stream((0,)), schedule=schedule, stop_after=2)
    assert epochs == [1, 2]
    assert same(last, seen[1])


def test_a_recipe_trains_all_epochs_unless_it_stops_earlier() -> None:
    assert (Recipe.of(TRAINING).stop_after, Recipe.of(TRAINING, 2).stop_after, Recipe.of(TRAINING, 2).epochs) == (3, 2, 3)


@pytest.mark.parametrize("clip", [{"norm": 1e-6}, {"value": 1e-6}])
def test_gradients_are_clipped(clip: dict[str, float]) -> None:
    first, last, _ = train(Stream((0,)), gradient_clip=clip, optimizer={"name": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0})
    moved = max(float((last[name] - first[name]).abs().max()) for name in first if name.endswith(("weight", "bias")))
    assert 0 < moved <= 1e-6 * 12 * 1.01  # twelve steps of at most 1e-6


def test_bf16_trains_close_to_full_precision() -> None:
    _, full, _ = train(Stream((0,)))
    _, half, _ = train(Stream((0,)), precision="bf16")
    assert not same(full, half)
    for name in full:
        torch.testing.assert_close(half[name].float(), full[name].float(), atol=0.2, rtol=0.2)


@pytest.mark.parametrize("bad_epoch", [1, 2])
def test_a_loss_that_is_not_a_number_stops_training(bad_epoch: int, assert_one_sentence: Callable[[str], None]) -> None:
    class Failing(Method):
        def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
            self.epoch = epoch
            return super().batches(epoch, rng)

        def loss(self, batch: Batch) -> torch.Tensor:
            return super().loss(batch) * (float("nan") if self.epoch == bad_epoch else 1.0)

    model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), Stream((3,)), CPU)
    seen: list[int] = []
    training = Training(data(), PIXELS, Failing(context(np.ones(N))), Recipe.of(TRAINING), Stream((3,)), "digits, repeat 3")
    with pytest.raises(TrainingError) as error:
        fit(model, training, lambda e, _: seen.append(e) or [])
    text = str(error.value)
    assert_one_sentence(text)
    assert text.startswith(f"digits, repeat 3, epoch {bad_epoch}: the training loss became nan")
    assert seen == list(range(1, bad_epoch)), "a failed epoch must not be reported"


@pytest.mark.parametrize("when", ["training", "observing"])
def test_a_device_without_memory_is_named(when: str, assert_one_sentence: Callable[[str], None]) -> None:
    class Large(Method):
        def loss(self, batch: Batch) -> torch.Tensor:
            if when == "training":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return super().loss(batch)

    def observe_epoch(epoch: int, _: nn.Module) -> list[dict[str, Any]]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    model = initialise(lambda: small_cnn.build((1, 8, 8), 3, [2, 2, 4]), Stream((3,)), CPU)
    training = Training(data(), PIXELS, Large(context(np.ones(N))), Recipe.of(TRAINING), Stream((3,)), "digits, repeat 3")
    with pytest.raises(TrainingError, match=r"digits, repeat 3, epoch 1: cpu ran out of memory; lower training\.batch_size") as error:
        fit(model, training, observe_epoch)
    assert_one_sentence(str(error.value))


def test_exploding_training_is_stopped() -> None:
    optimizer = TRAINING["optimizer"] | {"lr": 1e30}
    with pytest.raises(TrainingError, match=r"digits, repeat 3, epoch [123]: .* lower training\.optimizer\.lr"):
        train(Stream((3,)), optimizer=optimizer)


def test_augmentation_is_used_only_if_configured() -> None:
    _, augmented, _ = train(Stream((0,)))
    _, plain, _ = train(Stream((0,)), augmentation={"name": "none"})
    assert not same(augmented, plain)

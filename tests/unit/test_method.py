"""What methods other than ERM can do: make their own batches, keep a state, use groups and features in the loss."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from spurprune.dag import plugins
from spurprune.methods.erm import Method
from spurprune.models.network import Network
from spurprune.models.networks import mlp, small_cnn
from spurprune.training import loop
from spurprune.training.checkpoints import JobCheckpoints
from spurprune.training.data import Data, Pixels, Preparation, Vectors
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.method import Batch, Context
from spurprune.training.observe import observe
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import RecordedStep, Step, StepFunction, as_fast_as_possible
from tests import recipes
from tests.recipes import context
from tests.waiting import NoWaiting

CPU = torch.device("cpu")
PIXELS = Pixels.of([0.5], [0.25], CPU)
N, PARTS = 24, ("a", "b", "c", "d")
TRAINING = recipes.TRAINING | {"epochs": 4, "augmentation": {"name": "none"}, "schedule": {"name": "linear"}}
LABEL, GROUP = np.arange(N) % 2, np.arange(N) % len(PARTS)


class Killed(BaseException):
    """What stops a training run in a test."""


class Growing(Method):
    """Epoch e has e batches, of sizes 1 to e."""

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        return [rng.integers(0, N, size) for size in range(1, epoch + 1)]

    def num_batches(self, epoch: int) -> int:
        return epoch


class GroupWeights(Method):
    """Learns larger weights for groups of high loss, and penalises long features."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.q = torch.full((len(context.parts),), 1 / len(context.parts), device=context.device)
        self.part = torch.from_numpy(context.part).to(context.device)
        self.step: float = context.options["step"]

    def loss(self, batch: Batch) -> torch.Tensor:
        each = functional.cross_entropy(batch.logits, batch.label, reduction="none")
        members = functional.one_hot(self.part[batch.rows], len(self.q)).to(each.dtype)
        of_group = (members * each[:, None]).sum(dim=0) / members.sum(dim=0).clamp(min=1)
        self.q.mul_(torch.exp(self.step * of_group.detach()))
        self.q.div_(self.q.sum())
        return (self.q * of_group).sum() + 1e-3 * batch.features.square().mean()

    def state(self) -> dict[str, torch.Tensor]:
        return {"q": self.q}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        self.q.copy_(state["q"])


class Forgetful(GroupWeights):
    """A method that loses its state when it resumes."""

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        pass


# The methods of the package: unequal parts, 4 of 12 samples of each class misclassified.
PART = np.array([0] * 10 + [1] * 7 + [2] * 4 + [3] * 3)
PREDICTED = np.where(np.arange(N) % 3 == 0, 1 - LABEL, LABEL)
OPTIONS: dict[str, dict[str, Any]] = {
    "erm": {},
    "group_dro": {"eta": 0.5, "adjustment": 1.0},
    "pde": {"warm_up": 1, "every": 1, "add": 5},
    "cnc": {"anchors": 2, "positives": 2, "negatives": 2},
    "erm_matched": {"steps_of": "none"},
    "irm": {"warm_up": 2, "penalty": 10.0},
    "incremental": {},
    "weight_mask": {"penalty": 1e-3},
}


def built(name: str, device: torch.device = CPU, **options: Any) -> Method:
    """A method of the package on the samples above."""
    given = plugins.defaults("methods", name) | OPTIONS[name] | options
    divided: dict[str, Any] = {"part": PREDICTED, "parts": ("0", "1")} if name == "cnc" else {"part": PART, "parts": PARTS}
    found = context(np.ones(N), TRAINING, label=LABEL, options=given, classes=("0", "1"), device=device, other_visits=19, **divided)
    method: Method = plugins.load("methods", name).Method(found)
    return method


def images(device: torch.device = CPU) -> Data:
    values = torch.randint(0, 256, (N, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Data.of(values.to(device), torch.from_numpy(LABEL).to(device), torch.from_numpy(GROUP).to(device))


def network(device: torch.device = CPU) -> small_cnn.SmallCNN:
    return initialise(lambda: small_cnn.build((1, 8, 8), 2, [2, 2, 4]), Stream((0,)), device)


def seen(**changes: Any) -> Context:
    return context(np.ones(N), TRAINING, label=LABEL, part=GROUP, parts=PARTS, options={"step": 0.5}, **changes)


def weights(model: Network) -> torch.Tensor:
    return torch.cat([value.detach().double().cpu().ravel() for value in model.state_dict().values()])


def task(method: Method, data: Data | None = None, preparation: Preparation = PIXELS, **changes: Any) -> Training:
    stop_after = changes.pop("stop_after", None)
    return Training(data or images(), preparation, method, Recipe.of(TRAINING | changes, stop_after), Stream((0,)), "digits, repeat 0")


def die_after(epoch_of_death: int) -> Any:
    def observe_epoch(epoch: int, _: Network) -> list[Any]:
        if epoch == epoch_of_death:
            raise Killed
        return []

    return observe_epoch


# batches


def rates(monkeypatch: pytest.MonkeyPatch, training: Training, checkpoints: JobCheckpoints | None = None, dies: int = 0) -> list[float]:
    """Do a training run and return the learning rates of its steps."""
    found: list[float] = []

    def watched(step: Step) -> StepFunction:
        def take(rows: torch.Tensor, rate: float | torch.Tensor) -> None:
            found.append(float(rate))
            step(rows, rate)

        return take

    monkeypatch.setattr(loop, "as_fast_as_possible", watched)
    try:
        fit(network(), training, die_after(dies), checkpoints)
    except Killed:
        assert dies
    return found


def test_a_linear_schedule_counts_the_batches_of_all_epochs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Epochs of one, two, three and four batches: ten steps, the last at a tenth of the rate."""
    expected = [0.1 * (1 - step / 10) for step in range(10)]
    assert rates(monkeypatch, task(Growing(seen()))) == pytest.approx(expected)
    assert rates(monkeypatch, task(Growing(seen()), stop_after=2)) == pytest.approx(expected[:3])
    checkpoints = JobCheckpoints(tmp_path, save_every_seconds=0)
    assert rates(monkeypatch, task(Growing(seen())), checkpoints, dies=3) == pytest.approx(expected[:6])
    assert rates(monkeypatch, task(Growing(seen())), checkpoints) == pytest.approx(expected[3:]), "the third epoch is done again"


def test_an_unexpected_number_of_batches_is_refused() -> None:
    class Miscounting(Growing):
        def num_batches(self, epoch: int) -> int:
            return 1

    with pytest.raises(ValueError, match="gave 2 batches in epoch 2, not 1"):
        fit(network(), task(Miscounting(seen())), lambda *_: [])


def test_an_epoch_may_have_no_batches() -> None:
    class Pausing(Growing):
        def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
            return [] if epoch == 2 else super().batches(epoch, rng)

        def num_batches(self, epoch: int) -> int:
            return 0 if epoch == 2 else epoch

    epochs: list[int] = []
    fit(network(), task(Pausing(seen())), lambda epoch, _: epochs.append(epoch) or [])
    assert epochs == [1, 2, 3, 4]


def test_rows_may_repeat_within_a_batch() -> None:
    """A batch with a row three times trains as one with three copies of the sample."""

    class Fixed(Method):
        rows = np.array([5, 2, 5, 0, 5])

        def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
            return [self.rows]

        def num_batches(self, epoch: int) -> int:
            return 1

    class Copies(Fixed):
        rows = np.arange(5)

    repeated, copied = network(), network()
    fit(repeated, task(Fixed(seen())), lambda *_: [])
    whole, chosen = images(), torch.from_numpy(Fixed.rows)
    copies = Data.of(whole.batch(chosen), whole.label[chosen], whole.group[chosen])
    fit(copied, task(Copies(seen()), copies), lambda *_: [])
    assert torch.equal(weights(repeated), weights(copied))
    assert not torch.equal(weights(repeated), weights(network()))


def test_weights_that_are_drawn_train_on_their_draws() -> None:
    """Samples of weight 0 do not matter; the draws differ from epoch to epoch and repeat with their stream."""
    weight = np.where(np.arange(N) < 6, 0.0, 1.5)
    visited: list[list[int]] = []

    class Spy(Method):
        def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
            batches = super().batches(epoch, rng)
            visited.append(np.concatenate(batches).tolist())
            return batches

    def trained(data: Data) -> torch.Tensor:
        model = network()
        fit(model, task(Spy(context(weight, TRAINING, visits="drawn")), data), lambda *_: [])
        return weights(model)

    altered = images()
    altered.label[:6] = 1 - altered.label[:6]
    assert torch.equal(trained(images()), trained(altered))
    assert visited[:4] == visited[4:] and len({tuple(rows) for rows in visited}) == 4
    assert {len(rows) for rows in visited} == {27} and min(map(min, visited)) >= 6


# what the loss sees, and what it keeps


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_loss_sees_the_networks_outputs_for_its_rows(precision: str) -> None:
    batches: list[Batch] = []

    class Watching(Method):
        def loss(self, batch: Batch) -> torch.Tensor:
            batches.append(batch)
            assert batch.features.requires_grad and batch.logits.requires_grad
            if precision == "fp32":  # before the step changes the network
                torch.testing.assert_close(batch.logits, model.classifier(batch.features))
            return super().loss(batch)

    model = network()
    fit(model, task(Watching(seen()), precision=precision, epochs=1), lambda *_: [])
    rows = torch.cat([batch.rows for batch in batches])
    assert sorted(rows.tolist()) == list(range(N))
    assert torch.equal(torch.cat([batch.label for batch in batches]), torch.from_numpy(LABEL)[rows])
    assert {(batch.logits.dtype, batch.logits.shape, batch.features.shape) for batch in batches} == {(torch.float32, (8, 2), (8, 4))}
    assert {batch.features.dtype for batch in batches} == {torch.float32 if precision == "fp32" else torch.bfloat16}


@pytest.mark.parametrize("recorded", [False, True])
def test_a_method_with_a_state_resumes_with_the_same_bytes(recorded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if recorded:
        monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: RecordedStep(step, 8, lambda function, _: function))

    def trained(kind: type[GroupWeights], folder: str, dies: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        model, method = network(), kind(seen())
        fit(model, task(method), die_after(dies), JobCheckpoints(tmp_path / folder, save_every_seconds=0))
        return weights(model), method.q

    whole, q = trained(GroupWeights, "whole")
    assert q.std() > 0.01, "some groups come to weigh more"
    for kind, folder in ((GroupWeights, "broken"), (Forgetful, "forgetful")):
        with pytest.raises(Killed):
            trained(kind, folder, dies=3)
    resumed, resumed_q = trained(GroupWeights, "broken")
    assert torch.equal(resumed, whole) and torch.equal(resumed_q, q)
    assert not torch.equal(trained(Forgetful, "forgetful")[0], whole), "the state must matter"


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize("name", plugins.names("methods"))
def test_every_method_resumes_with_the_same_bytes(name: str, recorded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the second epoch and in the last."""
    if recorded:
        monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: RecordedStep(step, 8, lambda function, _: function))

    def trained(folder: str, dies: int = 0) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        method = built(name)
        model = method.prepare(network())
        fit(model, task(method), die_after(dies), JobCheckpoints(tmp_path / folder, save_every_seconds=0))
        return weights(model), method.state()

    whole, state = trained("whole")
    for dies in (2, 4):
        with pytest.raises(Killed):
            trained("broken", dies)
    resumed, resumed_state = trained("broken")
    assert torch.equal(resumed, whole) and torch.isfinite(whole).all()
    assert state.keys() == resumed_state.keys() and all(torch.equal(state[key], resumed_state[key]) for key in state)


def test_group_dro_that_forgot_its_weights_would_end_elsewhere(tmp_path: Path) -> None:
    def trained(forgets: bool) -> torch.Tensor:
        model, method = network(), built("group_dro")
        checkpoints = JobCheckpoints(tmp_path / str(forgets), save_every_seconds=0)
        with pytest.raises(Killed):
            fit(network(), task(built("group_dro")), die_after(3), checkpoints)
        if forgets:
            method.restore = lambda state: None  # type: ignore[method-assign]
        fit(model, task(method), lambda *_: [], checkpoints)
        return weights(model)

    assert not torch.equal(trained(forgets=False), trained(forgets=True))


@pytest.mark.parametrize("name", plugins.names("methods"))
def test_no_loss_makes_the_host_wait(name: str) -> None:
    """Forwards and backwards, as a GPU would record it."""
    method, data = built(name), images()
    model = method.prepare(network())
    rows = torch.from_numpy(method.batches(1, np.random.default_rng(0))[0])
    features = model.features(PIXELS.prepare(data.batch(rows)))
    batch = Batch(rows, data.label[rows], model.classifier(features), features)
    with NoWaiting():
        method.loss(batch).backward()


def test_the_refusal_of_waiting_refuses() -> None:
    values = torch.arange(3.0)
    with NoWaiting():
        for wait in (values.sum().item, lambda: values[values > 1], lambda: torch.tensor(1.0), lambda: values.unique()):
            with pytest.raises(RuntimeError, match="makes the host wait"):
                wait()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", plugins.names("methods"))
def test_every_method_is_recorded_on_a_gpu(name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A GPU may sum in another order, so weights agree within 1e-4 after these few steps."""
    device = torch.device("cuda")
    pixels = Pixels.of([0.5], [0.25], device)
    plays: list[Any] = []

    def watched(step: Step) -> StepFunction:
        plays.append(as_fast_as_possible(step))
        found: StepFunction = plays[-1]
        return found

    def trained() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        method = built(name, device)
        model = method.prepare(network(device))
        fit(model, task(method, images(device), pixels), lambda *_: [])
        return weights(model), method.state()

    monkeypatch.setattr(loop, "as_fast_as_possible", watched)
    graphed = trained()
    assert type(plays[0].play.__self__) is torch.cuda.CUDAGraph, caplog.text
    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: step)
    torch.testing.assert_close(graphed, trained(), rtol=1e-4, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_method_with_a_state_is_recorded_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU may sum in another order, so weights agree within 1e-4 after these few steps."""
    device = torch.device("cuda")
    pixels = Pixels.of([0.5], [0.25], device)

    def trained() -> tuple[torch.Tensor, torch.Tensor]:
        model, method = network(device), GroupWeights(seen(device=device))
        fit(model, task(method, images(device), pixels), lambda *_: [])
        return weights(model), method.q

    graphed = trained()
    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: step)
    torch.testing.assert_close(graphed, trained(), rtol=1e-4, atol=1e-4)


# vectors


@pytest.mark.parametrize("hidden", [[], [16]])
def test_an_mlp_learns_from_unchanged_vectors(hidden: list[int]) -> None:
    generator = torch.Generator().manual_seed(0)
    label = torch.arange(200) % 2
    values = torch.randn(200, 5, generator=generator) + 2.0 * label[:, None]
    data = Data.of(values, label, label)
    model = initialise(lambda: mlp.build((5,), 2, hidden), Stream((0,)), CPU)
    method = Method(context(np.ones(200), TRAINING))
    fit(model, task(method, data, Vectors()), lambda *_: [])
    predicted = observe(model, data, Vectors(), 64).logits.argmax(dim=1)
    assert (predicted == label).float().mean() > 0.95
    assert model.features(values[:3]).shape == (3, hidden[-1] if hidden else 5)

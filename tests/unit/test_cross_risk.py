"""Cross-risk minimisation by hand: its loss, its flips, its twins, and what they find out about a planted minority."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spurprune.methods.erm import Method
from spurprune.models.network import Trainable
from spurprune.models.networks import mlp, small_cnn
from spurprune.training import loop
from spurprune.training.checkpoints import JobCheckpoints
from spurprune.training.cross_risk import CrossRisk, Twins, balanced_loss, flip_probability, flipped
from spurprune.training.data import Data, Pixels, Vectors
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.method import Batch
from spurprune.training.observe import observe
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.step import RecordedStep, Step, StepFunction, as_fast_as_possible
from tests import recipes
from tests.recipes import context
from tests.waiting import NoWaiting

CPU = torch.device("cpu")
N, BATCH = 24, 8
LABEL = np.arange(N) % 2
STREAM = Stream((0, "reference", 0))
TRAINING = recipes.TRAINING | {"epochs": 4, "optimizer": recipes.TRAINING["optimizer"] | {"lr": 0.3}}
LOG3 = math.log(3)  # two logits that differ by it have the probabilities 3/4 and 1/4
SURE = 1e4


class Killed(BaseException):
    """What stops a training run in a test."""


def learner(label: np.ndarray = LABEL, stream: Stream = STREAM, device: torch.device = CPU, **training: Any) -> CrossRisk:
    return CrossRisk(context(np.ones(len(label)), TRAINING | training, label=label, stream=stream, device=device))


def batch(rows: list[int], held_in: list[list[float]], held_out: list[list[float]], method: CrossRisk) -> Batch:
    """A batch whose samples have these logits of the twins that hold them in and out."""
    holder = method.holder[rows]
    pair = torch.stack([torch.tensor(held_in), torch.tensor(held_out)], dim=1)
    logits = torch.where(holder[:, None, None] == 0, pair, pair.flip(1)).requires_grad_()
    return Batch(torch.tensor(rows), method.original[rows], logits, torch.zeros(len(rows), 2, 1))


# loss and flips


def test_the_loss_sums_the_means_of_the_classes() -> None:
    logits = torch.tensor([[LOG3, 0.0], [0.0, 0.0], [0.0, LOG3]])
    right, even, wrong = math.log(4 / 3), math.log(2), math.log(4)
    assert balanced_loss(logits, torch.tensor([0, 0, 1])).item() == pytest.approx((right + even) / 2 + right)
    assert balanced_loss(logits, torch.tensor([1, 0, 1])).item() == pytest.approx(even + (wrong + right) / 2)


def test_a_class_without_samples_adds_nothing_to_the_loss() -> None:
    logits = torch.tensor([[LOG3, 0.0, -SURE], [0.0, LOG3, -SURE]])
    assert balanced_loss(logits, torch.tensor([0, 1])).item() == pytest.approx(2 * math.log(4 / 3))
    assert balanced_loss(logits, torch.tensor([0, 0])).item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)


def test_the_recipes_smoothing_counts() -> None:
    logits = torch.tensor([[LOG3, 0.0]])
    smoothed = 0.9 * math.log(4 / 3) + 0.1 * math.log(4)
    assert balanced_loss(logits, torch.tensor([0]), 0.2).item() == pytest.approx(smoothed)
    method = learner(label_smoothing=0.2)
    assert method.loss(batch([0], logits.tolist(), [[0.0, 0.0]], method)).item() == pytest.approx(smoothed)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.5, 0.5], 0.0),
        ([0.25, 0.75], 0.5),  # (3/4 - 1/2) · 2
        ([1 / 3, 1 / 3, 1 / 3], 0.0),
        ([0.5, 0.25, 0.25], 0.25),  # (1/2 - 1/3) · 3/2
        ([0.1, 0.1, 0.8], 0.7),  # (4/5 - 1/3) · 3/2
    ],
)
def test_a_flip_is_as_likely_as_the_held_out_twin_is_sure(p: list[float], expected: float) -> None:
    assert flip_probability(torch.tensor([p]).log()).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_certainty_always_flips(classes: int) -> None:
    logits = torch.zeros(1, classes)
    logits[0, -1] = SURE
    assert flip_probability(logits).item() == 1.0
    below_one = torch.tensor([np.nextafter(np.float32(1), np.float32(0))])
    assert flipped(torch.tensor([0]), logits, below_one).item() == classes - 1


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=5))
def test_the_probability_of_a_flip_is_one(logits: list[float]) -> None:
    assert -1e-6 <= flip_probability(torch.tensor([logits])).item() <= 1 + 1e-6


def test_given_numbers_decide_the_flips() -> None:
    held_out = torch.tensor([[0.0, LOG3]] * 3 + [[LOG3, 0.0]])  # a probability of 1/2
    uniform = torch.tensor([0.0, 0.499, 0.501, 0.2])
    assert flipped(torch.tensor([0, 0, 0, 0]), held_out, uniform).tolist() == [1, 1, 0, 0]


# the method


def test_each_sample_is_learned_by_the_twin_that_holds_it_in() -> None:
    method = learner()
    rows = [0, 1, 2, 3, 4, 5]
    assert set(method.holder[rows].tolist()) == {0, 1}
    one = batch(rows, [[LOG3, 0.0]] * 6, [[-1.0, 1.0]] * 6, method)
    method.uniform.fill_(1)  # no flips
    loss = method.loss(one)
    assert loss.item() == pytest.approx(math.log(4 / 3) + math.log(4)), "three samples of each class"
    (gradient,) = torch.autograd.grad(loss, one.logits)
    learned = gradient.abs().sum(dim=2) > 0
    assert torch.equal(learned.long().argmax(dim=1), method.holder[rows]) and learned.sum(dim=1).tolist() == [1] * 6


def test_a_loss_precedes_its_own_flips_which_persist_and_may_be_reverted() -> None:
    method = learner()
    method.uniform.fill_(0.5)
    to_one, unsure, to_zero = [0.0, SURE], [0.0, 0.0], [SURE, 0.0]
    even = [[0.0, LOG3]] * 3
    rows = [0, 2, 4]  # of class 0
    assert method.loss(batch(rows, even, [to_one, unsure, to_zero], method)).item() == pytest.approx(math.log(4))
    assert method.current[rows].tolist() == [1, 0, 0] and method.flipped_share() == pytest.approx(1 / N)
    method.batches(2, np.random.default_rng(0))
    method.uniform.fill_(0.5)
    assert method.current[rows].tolist() == [1, 0, 0], "another epoch begins with the same labels"
    assert method.loss(batch(rows, even, [unsure] * 3, method)).item() == pytest.approx(math.log(4 / 3) + math.log(4))
    assert method.current[rows].tolist() == [1, 0, 0]
    method.loss(batch(rows, even, [to_zero, to_one, unsure], method))
    assert method.current[rows].tolist() == [0, 1, 0]
    assert method.original.tolist() == LABEL.tolist(), "the original labels stay"
    untouched = [row for row in range(N) if row not in rows]
    assert torch.equal(method.current[untouched], method.original[untouched])


def test_coins_are_fair_and_follow_their_stream() -> None:
    """Of 10,000 fair coins, 4,800 to 5,200 are heads but once in 16,000 tries; so many agree of two that are tossed apart."""
    label = np.zeros(10_000, dtype=np.int64)
    first, again, other_repeat, other_seed = (
        learner(label, Stream(key)).holder for key in ((0, "reference", 0), (0, "reference", 0), (1, "reference", 0), (0, "reference", 1))
    )
    assert torch.equal(first, again)
    for holder in (first, other_repeat, other_seed):
        assert 4800 < int(holder.sum()) < 5200
    for other in (other_repeat, other_seed):
        assert 4800 < int((first == other).sum()) < 5200


def test_numbers_for_flips_are_new_in_every_epoch_and_apart_from_coins_and_orders() -> None:
    method = learner(np.zeros(10_000, dtype=np.int64))
    drawn = []
    for epoch in (1, 2, 1):
        method.batches(epoch, np.random.default_rng(epoch))
        drawn.append(method.uniform.clone())
    assert torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[0], drawn[1])
    assert drawn[0].min() >= 0 and drawn[0].max() < 1 and drawn[0].mean().item() == pytest.approx(0.5, abs=0.01)
    correlation = torch.corrcoef(torch.stack([drawn[0], drawn[1], method.holder.float()]))
    assert (correlation - torch.eye(3)).abs().max() < 0.05
    rows = np.concatenate(method.batches(1, np.random.default_rng(1)))
    assert sorted(rows.tolist()) == list(range(10_000)), "every sample is visited once, so that one number is enough"


def test_state_is_restored_in_place() -> None:
    method = learner()
    held = method.current
    method.restore({"current": torch.ones(N, dtype=torch.int64)})
    assert method.current is held and method.flipped_share() == 0.5


# training


def images(device: torch.device = CPU) -> Data:
    values = torch.randint(0, 256, (N, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    label = torch.from_numpy(LABEL).to(device)
    return Data.of(values.to(device), label, label)


def twins(device: torch.device = CPU) -> Twins:
    first, second = (initialise(lambda: small_cnn.build((1, 8, 8), 2, [2, 2, 4]), Stream((0, "reference", i)), device) for i in (0, 1))
    return Twins(first, second)


def weights(model: Trainable) -> torch.Tensor:
    return torch.cat([value.detach().double().cpu().ravel() for value in model.state_dict().values()])


def trained(method: CrossRisk, device: torch.device = CPU, dies: int = 0, checkpoints: JobCheckpoints | None = None) -> torch.Tensor:
    """Train twins and return the weights of both; ``dies`` after an epoch if not 0."""

    def observe_epoch(epoch: int, _: Trainable) -> list[Any]:
        if epoch == dies:
            raise Killed
        return []

    model, pixels = twins(device), Pixels.of([0.5], [0.25], device)
    fit(model, Training(images(device), pixels, method, Recipe.of(TRAINING), Stream((0,)), "twins"), observe_epoch, checkpoints)
    return weights(model)


def test_twins_give_what_each_gives_alone() -> None:
    model, x = twins().eval(), torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    features, logits = model.outputs(x)
    assert features.shape == (3, 2, 4) and logits.shape == (3, 2, 2)
    for i, twin in enumerate((model.first, model.second)):
        assert torch.equal(features[:, i], twin.features(x)) and torch.equal(logits[:, i], twin(x))
    assert not torch.equal(logits[:, 0], logits[:, 1]), "they start from different weights"


@pytest.mark.parametrize("recorded", [False, True])
def test_twins_that_were_killed_resume_with_the_same_bytes(recorded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the second epoch and in the last."""
    if recorded:
        monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: RecordedStep(step, BATCH, lambda function, _: function))
    checkpoints = JobCheckpoints(tmp_path, save_every_seconds=0)
    method, resumed = learner(), learner()
    whole = trained(method)
    assert 0 < method.flipped_share() < 1 and torch.isfinite(whole).all()
    for dies in (2, 4):
        with pytest.raises(Killed):
            trained(learner(), dies=dies, checkpoints=checkpoints)
    assert torch.equal(trained(resumed, checkpoints=checkpoints), whole)
    assert torch.equal(resumed.current, method.current)


def test_twins_that_forgot_their_labels_would_end_elsewhere(tmp_path: Path) -> None:
    class Forgetful(CrossRisk):
        def restore(self, state: dict[str, torch.Tensor]) -> None:
            pass

    checkpoints = JobCheckpoints(tmp_path, save_every_seconds=0)
    with pytest.raises(Killed):
        trained(learner(), dies=3, checkpoints=checkpoints)
    assert not torch.equal(trained(Forgetful(learner().context), checkpoints=checkpoints), trained(learner()))


def test_the_loss_of_twins_does_not_make_the_host_wait() -> None:
    method, model, data = learner(), twins(), images()
    rows = torch.from_numpy(method.batches(1, np.random.default_rng(0))[0])
    features, logits = model.outputs(Pixels.of([0.5], [0.25], CPU).prepare(data.batch(rows)))
    one = Batch(rows, data.label[rows], logits, features)
    with NoWaiting():
        method.loss(one).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_twins_are_recorded_on_a_gpu(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A GPU may sum in another order, so weights agree within 1e-4 after these few steps."""
    device = torch.device("cuda")
    plays: list[Any] = []

    def watched(step: Step) -> StepFunction:
        plays.append(as_fast_as_possible(step))
        found: StepFunction = plays[-1]
        return found

    monkeypatch.setattr(loop, "as_fast_as_possible", watched)
    graphed, method = learner(device=device), learner(device=device)
    found = trained(graphed, device)
    assert type(plays[0].play.__self__) is torch.cuda.CUDAGraph, caplog.text
    monkeypatch.setattr(loop, "as_fast_as_possible", lambda step: step)
    torch.testing.assert_close(found, trained(method, device), rtol=1e-4, atol=1e-4)
    assert torch.equal(graphed.current, method.current)


def test_twins_flip_a_planted_minority_that_erm_learns_by_heart() -> None:
    """A strong feature agrees with the class but in a tenth of the samples; what is left are a weak one and noise."""
    n, dims, rng = 600, 100, np.random.default_rng(0)
    label = np.arange(n) % 2
    minority = rng.random(n) < 0.1
    values = rng.normal(size=(n, dims))
    values[:, 0] += 3 * (2 * np.where(minority, 1 - label, label) - 1)
    values[:, 1] += 2 * label - 1
    data = Data.of(torch.from_numpy(values).float(), torch.from_numpy(label), torch.from_numpy(label))
    sgd = {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}
    training = TRAINING | {"epochs": 30, "batch_size": 32, "augmentation": {"name": "none"}, "optimizer": sgd}
    first, second, alone = (initialise(lambda: mlp.build((dims,), 2, [32]), Stream((900, "reference", i)), CPU) for i in range(3))
    method = learner(label, Stream((900, "reference", 0)), **training)

    def wrong(network: Any) -> np.ndarray:
        predicted = observe(network, data, Vectors(), 256).logits.argmax(dim=1).numpy()
        return np.asarray(predicted != label)

    for model, chosen in ((Twins(first, second), method), (alone, Method(method.context))):
        fit(model, Training(data, Vectors(), chosen, Recipe.of(training), Stream((900,)), "vectors"), lambda *_: [])
    found = wrong(first) | wrong(second)
    assert found[minority].mean() > 0.8 and found[~minority].mean() < 0.1
    assert method.flipped_share() == pytest.approx(minority.mean(), abs=0.03)
    assert wrong(alone)[minority].mean() < 0.1

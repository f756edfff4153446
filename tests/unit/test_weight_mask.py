"""PruSC's mask training: the contrastive loss by hand, its gradients, what the loss adds up to, and what training leaves alone."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spurprune.dag import plugins
from spurprune.errors import TrainingError
from spurprune.methods.weight_mask import Method, contrast
from spurprune.models.gates import Gated
from spurprune.models.networks import small_cnn
from spurprune.training.checkpoints import JobCheckpoints
from spurprune.training.data import Data, Pixels
from spurprune.training.loop import Training, fit
from spurprune.training.method import Batch
from spurprune.training.recipe import Recipe, Stream
from tests.recipes import TRAINING, context

# Four points on the axes: 0 and 1 in cluster 0, 2 and 3 in cluster 1; 0 and 2 of one class, 1 and 3 of the other.
FEATURES = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [-5.0, 0.0]])
LABEL, PART = torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1])
T = 0.5
# Cosines: 01 0, 02 1, 12 0, 03 -1, 13 0, 23 -1. Sample 0: positive 2, negative 1; 1: 3, 0; 2: 0, 3; 3: 1, 2.
BY_HAND = [
    math.log(math.exp(2) + math.exp(0)) - 2,
    math.log(math.exp(0) + math.exp(0)) - 0,
    math.log(math.exp(2) + math.exp(-2)) - 2,
    math.log(math.exp(0) + math.exp(-2)) - 0,
]


def method(label: np.ndarray, part: np.ndarray, training: dict[str, Any] = TRAINING, **given: Any) -> Method:
    options = plugins.defaults("methods", "weight_mask") | given
    names = tuple(map(str, range(part.max() + 1)))
    return Method(context(np.ones(len(label)), training, label=label, part=part, parts=names, options=options))


def test_four_points_by_hand() -> None:
    found = contrast(FEATURES, LABEL, PART, temperature=T)
    assert found.tolist() == pytest.approx(BY_HAND, abs=1e-5)
    assert found.tolist() == pytest.approx([0.126928, 0.693147, 0.018150, 0.126928], abs=1e-5)


def test_several_positives_are_averaged_and_share_the_denominator() -> None:
    features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    label, part = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 1, 0])
    total = math.log(math.exp(2) + math.exp(0) + math.exp(-2))  # positives 1 and 2, negative 3
    assert contrast(features, label, part, temperature=T)[0].item() == pytest.approx(((total - 2) + (total - 0)) / 2, abs=1e-5)


def test_negatives_of_other_classes_only() -> None:
    part = torch.tensor([0, 0, 1, 0])
    label = torch.tensor([0, 0, 0, 1])
    every = contrast(FEATURES, label, part, temperature=T)[0].item()
    others = contrast(FEATURES, label, part, temperature=T, only_other_classes=True)[0].item()
    assert every == pytest.approx(math.log(math.exp(2) + math.exp(0) + math.exp(-2)) - 2, abs=1e-5)
    assert others == pytest.approx(math.log(math.exp(2) + math.exp(-2)) - 2, abs=1e-5)


@pytest.mark.parametrize(
    ("label", "part"),
    [([0, 1, 2, 3], [0, 1, 2, 3]), ([0, 0, 0, 0], [0, 0, 0, 0]), ([0, 1, 0, 1], [0, 1, 2, 3])],
    ids=["no partners at all", "no positives", "no negatives"],
)
def test_empty_sets_stay_finite(label: list[int], part: list[int]) -> None:
    features = FEATURES.clone().requires_grad_()
    found = contrast(features, torch.tensor(label), torch.tensor(part), temperature=0.07)
    found.sum().backward()
    assert found.isfinite().all() and features.grad is not None and features.grad.isfinite().all()
    if len(set(label)) != 2:
        assert found.tolist() == [0.0] * 4


def test_the_loss_is_the_sum_of_its_three_parts_and_reaches_every_gate() -> None:
    torch.manual_seed(0)
    network = small_cnn.build((1, 8, 8), 2, [4, 4, 6])
    label, part = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    one = method(label, part, contrast=0.1, penalty=0.5)
    gated = one.prepare(network)
    assert isinstance(gated, Gated)
    features, logits = gated.outputs(torch.randn(4, 1, 8, 8))
    loss = one.loss(Batch(torch.arange(4), torch.from_numpy(label), logits, features))
    weights = sum(gate.logit.numel() for gate in gated.gates.values())
    expected = torch.nn.functional.cross_entropy(logits, torch.from_numpy(label)) + 0.5 * 1.5 * weights
    expected = expected + 0.1 * contrast(features, torch.from_numpy(label), torch.from_numpy(part), temperature=0.07).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    contrast(features, torch.from_numpy(label), torch.from_numpy(part), temperature=0.07).sum().backward()
    bodies = [gate.logit.grad for name, gate in gated.gates.items() if name != "classifier"]
    assert len(bodies) == 3 and all(grad is not None and (grad != 0).any() for grad in bodies)


def test_one_cluster_is_refused() -> None:
    with pytest.raises(TrainingError, match="no parts to compare"):
        method(np.array([0, 1]), np.array([0, 0]))


def trained(folder: Path | None = None, stop_after: int = 3) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """The weights before, those after, and the masks of a training run of three epochs, which keeps checkpoints in a folder."""
    torch.manual_seed(0)
    network = small_cnn.build((1, 8, 8), 2, [4, 4, 6])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rng = np.random.default_rng(0)
    label, part = np.tile([0, 1], 16), np.repeat([0, 1], 16)
    training = TRAINING | {"epochs": 3, "optimizer": {"name": "adam", "lr": 1.0, "weight_decay": 0.0}}
    one = method(label, part, training)
    values = torch.from_numpy(rng.integers(0, 256, (32, 1, 8, 8), dtype=np.uint8))
    data = Data.of(values, torch.from_numpy(label), torch.zeros(32, dtype=torch.int64))
    preparation = Pixels.of([0.5], [0.5], torch.device("cpu"))
    gated = one.prepare(network)
    checkpoints = None if folder is None else JobCheckpoints(folder, save_every_seconds=0)
    recipe = Recipe.of(training, stop_after)
    fit(gated, Training(data, preparation, one, recipe, Stream((0,)), "here"), lambda epoch, model: [], checkpoints)
    return before, one.finish(gated).state_dict(), one.masks()


def test_weights_and_normalisation_are_the_same_bits_after_training() -> None:
    before, after, masks = trained()
    assert len(masks) == 4 and not all(kept.all() for kept in masks.values())
    assert after.keys() == before.keys()
    for name, value in before.items():
        kept = masks.get(name, torch.ones_like(value, dtype=torch.bool))
        assert torch.equal(after[name][kept], value[kept]), name
        assert (after[name][~kept] == 0).all(), name


def test_a_second_run_finds_the_same_masks() -> None:
    first, second = trained()[2], trained()[2]
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_that_was_stopped_resumes_to_the_same_masks(tmp_path: Path) -> None:
    early = trained(tmp_path, stop_after=2)[2]
    torch.rand(5)
    resumed, whole = trained(tmp_path)[2], trained()[2]
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert any(not torch.equal(early[name], whole[name]) for name in whole), "the last epoch changes something"

"""Correct-n-Contrast: what a batch is composed of, and how its loss depends on features."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spurprune.dag import plugins
from spurprune.errors import TrainingError
from spurprune.methods.cnc import Method
from spurprune.training.method import Batch
from tests.recipes import TRAINING, context

CLASSES = ("cat", "dog", "owl")
# Two classes: 9 cats, of which 3 are taken for dogs; 6 dogs, of which 2 are taken for cats.
LABEL = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
PREDICTED = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0])
ROLES = {"anchors": 2, "positives": 3, "negatives": 2}
ROWS = 9  # 2 + 3 + 2 + 2


def method(
    label: np.ndarray = LABEL,
    predicted: np.ndarray = PREDICTED,
    plan: np.ndarray | None = None,
    **given: Any,
) -> Method:
    options = plugins.defaults("methods", "cnc") | ROLES | given
    rows = options["anchors"] + options["positives"] + 2 * options["negatives"]
    training = TRAINING | {"batch_size": rows}
    kept = np.ones(len(label)) if plan is None else plan
    return Method(context(kept, training, label=label, part=predicted, options=options, parts=CLASSES, classes=CLASSES))


def batches(of: Method, seed: int = 0) -> list[np.ndarray]:
    found = list(of.batches(1, np.random.default_rng(seed)))
    assert len(found) == of.num_batches(1) == of.num_batches(7)
    assert {(rows.dtype.name, len(rows)) for rows in found} == {("int64", sum(of.sizes))}
    return found


def roles(of: Method, rows: np.ndarray) -> list[np.ndarray]:
    return np.split(rows, np.cumsum(of.sizes)[:-1])


# Batches


def test_every_row_has_its_role() -> None:
    one = method()
    for rows in batches(one):
        anchors, positives, negatives, second = roles(one, rows)
        (y,) = set(LABEL[anchors].tolist())
        assert (PREDICTED[anchors] == y).all()
        assert (LABEL[positives] == y).all() and (PREDICTED[positives] == 1 - y).all()
        assert (LABEL[negatives] == 1 - y).all() and (PREDICTED[negatives] == y).all()
        assert (LABEL[second] == 1 - y).all() and (PREDICTED[second] == 1 - y).all()


def test_an_epoch_uses_every_anchor_once_and_draws_anew() -> None:
    """6 cats and 4 dogs are anchors: 3 and 2 batches of 2."""
    one = method()
    found = batches(one)
    assert len(found) == 5
    assert sorted(np.concatenate([roles(one, rows)[0] for rows in found]).tolist()) == [0, 1, 2, 3, 4, 5, 9, 10, 11, 12]
    again, other = batches(one), batches(one, seed=1)
    assert np.array_equal(found, again) and not np.array_equal(found, other)
    assert {int(LABEL[rows[0]]) for rows in found[:3]} == {0, 1} or {int(LABEL[rows[0]]) for rows in other[:3]} == {0, 1}, "mixed"


@pytest.mark.parametrize(
    ("options", "cats", "dogs"),
    [
        ({"share": 0.5}, 2, 1),  # 3 of 6 anchors, 2 of 4
        ({"share": 0.01}, 1, 1),
        ({"contrast": "first"}, 6, 4),
        ({"contrast": "first", "share": 0.5}, 3, 2),
        ({"classes": "equal"}, 2, 2),
        ({"contrast": "first", "classes": "equal"}, 4, 4),
        ({"anchors": 4}, 2, 1),
        ({"anchors": 50}, 1, 1),
    ],
)
def test_the_number_of_batches_of_each_class(options: dict[str, Any], cats: int, dogs: int) -> None:
    one = method(**options)
    labels = [int(LABEL[rows[0]]) for rows in batches(one)]
    assert (labels.count(0), labels.count(1)) == (cats, dogs)


def test_where_the_first_anchor_counts_each_is_first_once() -> None:
    one = method(contrast="first")
    found = batches(one)
    assert sorted(int(rows[0]) for rows in found) == [0, 1, 2, 3, 4, 5, 9, 10, 11, 12]
    assert all(len(set(roles(one, rows)[0].tolist())) == 2 for rows in found), "the others are not the first again"


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), min_size=4, max_size=40),
    st.integers(1, 9),
    st.sampled_from(["all", "first"]),
    st.floats(0.05, 1),
)
def test_batches_of_any_samples(samples: list[tuple[int, int, int]], anchors: int, contrast: str, share: float) -> None:
    label, predicted, weight = (np.array(column) for column in zip(*samples, strict=True))
    kept = weight > 0
    if len(set(label[kept].tolist())) < 2 or not (kept & (label == predicted)).any():
        with pytest.raises(TrainingError):
            method(label, predicted, weight.astype(np.float64))
        return
    one = method(label, predicted, weight.astype(np.float64), anchors=anchors, contrast=contrast, share=share)
    for rows in batches(one):
        assert kept[rows].all()
        anchor, positive, negative, second = roles(one, rows)
        (y,) = set(label[anchor].tolist())
        assert (predicted[anchor] == y).all() and (label[positive] == y).all()
        assert (label[negative] != y).all() and (label[second] != y).all()
        others = kept & (label == y) & (predicted != y)
        assert not others.any() or others[positive].all()
        likewise = kept & (label != y) & (predicted == y)
        assert not likewise.any() or likewise[negative].all()
        seen_as = predicted[positive[0]]
        of_other_side = kept & (label != y) & (predicted == seen_as)
        assert not of_other_side.any() or of_other_side[second].all()
        if contrast == "all":
            assert (predicted[positive] == seen_as).all(), "each positive is contrasted with negatives that are predicted as it is"
            others = others & (predicted == seen_as)
        for role, pool in zip(
            (anchor, positive, negative, second), (kept & (label == y) & (predicted == y), others, likewise, of_other_side), strict=True
        ):
            if (weight[pool] == 1).all() and pool.sum() >= len(role):
                assert len(set(role.tolist())) == len(role), "with replacement only where there are too few"


# Three classes: cats, of which 2 are taken for dogs and 3 for owls; an owl is taken for a dog.
LABEL_3 = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
PREDICTED_3 = np.array([0, 0, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1])


def test_the_other_sides_negatives_are_predicted_as_the_positives_are() -> None:
    """Beside cats taken for dogs they are dogs and the owl taken for one, beside cats taken for owls they are owls."""
    one = method(LABEL_3, PREDICTED_3, anchors=1, negatives=50)
    drawn: dict[int, set[int]] = {}
    for seed in range(40):
        for rows in batches(one, seed):
            anchors, positives, _, second = roles(one, rows)
            if LABEL_3[anchors[0]] == 0:
                (seen_as,) = set(PREDICTED_3[positives].tolist())
                drawn.setdefault(seen_as, set()).update(second.tolist())
    assert drawn == {1: {7, 8, 9, 13}, 2: {10, 11, 12}}


def test_every_positive_is_drawn_equally_often() -> None:
    """2 of 5 batches of cats are of those taken for dogs, 3 of those taken for owls."""
    one = method(LABEL_3, PREDICTED_3, anchors=1, positives=1)
    first = [int(rows[1]) for seed in range(500) for rows in batches(one, seed) if LABEL_3[rows[0]] == 0]
    counts = np.bincount(first, minlength=7)[2:]
    assert len(first) == 1000 and counts.sum() == 1000
    assert (abs(counts - 200) < 50).all(), "four standard deviations"


def test_where_the_first_positive_counts_the_others_are_of_any_other_prediction() -> None:
    one = method(LABEL_3, PREDICTED_3, anchors=1, positives=5, contrast="first")
    for rows in batches(one):
        anchors, positives, _, second = roles(one, rows)
        if LABEL_3[anchors[0]] == 0:
            assert sorted(positives.tolist()) == [2, 3, 4, 5, 6]
            assert (PREDICTED_3[second] == PREDICTED_3[positives[0]]).all()


def test_a_perfect_reference_still_gives_batches() -> None:
    """Any sample of the class is a positive, any of another class a negative."""
    one = method(LABEL, LABEL)
    for rows in batches(one):
        anchors, positives, negatives, second = roles(one, rows)
        assert len({*LABEL[anchors], *LABEL[positives]}) == 1 and len({*LABEL[negatives], *LABEL[second]}) == 1
        assert LABEL[anchors[0]] != LABEL[negatives[0]]


def test_a_class_that_is_never_predicted_rightly_has_no_anchors() -> None:
    predicted = np.where(LABEL == 1, 0, PREDICTED)
    one = method(LABEL, predicted)
    found = batches(one)
    assert {int(LABEL[rows[0]]) for rows in found} == {0}
    assert all((LABEL[roles(one, rows)[3]] == 1).all() for rows in found), "any other class, since no dog is predicted rightly"


def test_weights_are_visits() -> None:
    """Pruned samples are in no batch; an anchor of weight 3 leads thrice."""
    weight = np.where(np.arange(len(LABEL)) == 0, 3.0, 1.0)
    weight[[1, 6, 13]] = 0
    one = method(plan=weight, contrast="first")
    found = batches(one)
    assert not {1, 6, 13} & set(np.concatenate(found).tolist())
    assert sorted(int(rows[0]) for rows in found) == [0, 0, 0, 2, 3, 4, 5, 9, 10, 11, 12]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predicted": 1 - LABEL}, "The reference behind 'predicted' predicts no sample rightly"),
        ({"plan": np.where(LABEL == 0, 1.0, 0.0)}, "The plan keeps samples of one class alone"),
    ],
)
def test_what_it_cannot_contrast_is_refused(changes: dict[str, Any], message: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(TrainingError, match=message) as error:
        method(**changes)
    assert_one_sentence(str(error.value))


# The loss


def loss(features: list[list[float]] | Tensor, logits: Tensor | None = None, **options: Any) -> float:
    """The loss of features in the order of the roles; without logits, the cross-entropy is log 2."""
    values = torch.as_tensor(features, dtype=torch.float32)
    scores = torch.zeros(len(values), 2) if logits is None else logits
    rows = torch.zeros(len(values), dtype=torch.int64)
    return method(**options).loss(Batch(rows, rows, scores, values)).item()


def angles(*degrees: float) -> list[list[float]]:
    return [[math.cos(math.radians(one)), math.sin(math.radians(one))] for one in degrees]


ONE_EACH = {"anchors": 1, "positives": 1, "negatives": 1, "temperature": 1.0}


@pytest.mark.parametrize("weight", [0.0, 0.75, 1.0])
def test_the_loss_of_one_row_per_role_by_hand(weight: float) -> None:
    """Similarities: anchor and positive 1/2; anchor and negative 0; positive and other side's negative -1."""
    found = loss(angles(0, 60, 90, 240), weight=weight, **ONE_EACH)
    contrast = math.log(1 + math.exp(0 - 1 / 2)) + math.log(1 + math.exp(-1 - 1 / 2))
    assert found == pytest.approx(weight * contrast + (1 - weight) * math.log(2))


def test_lengths_of_features_do_not_matter_and_the_temperature_divides() -> None:
    long = [[3 * x, 3 * y] for x, y in angles(0, 60, 90, 240)]
    found = loss(long, weight=1.0, **ONE_EACH | {"temperature": 0.5})
    assert found == pytest.approx(math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3)))


def test_several_positives_share_one_denominator() -> None:
    """Anchor at 0°, positives at 0° and 90°, negative at 180°: similarities 1, 0, -1; the other side has one positive each."""
    found = loss(angles(0, 0, 90, 180, 180), weight=1.0, **ONE_EACH | {"positives": 2})
    one = math.log(math.e + 1 + 1 / math.e) - 1 / 2
    other = (math.log(math.e + 1 / math.e) - 1 + math.log(1 + 1) - 0) / 2
    assert found == pytest.approx(one + other)


@pytest.mark.parametrize("contrast", ["all", "first"])
def test_all_anchors_and_positives_are_contrasted_or_the_first(contrast: str) -> None:
    """Two anchors at 0° and 90°, two positives at 0° and 180°, negatives at 90° and 0°: the first of each and all differ."""
    found = loss(angles(0, 90, 0, 180, 90, 0), weight=1.0, contrast=contrast, **ONE_EACH | {"anchors": 2, "positives": 2})

    def side(positives: list[float], negative: float) -> float:
        total = math.exp(negative) + sum(map(math.exp, positives))
        return sum(math.log(total) - one for one in positives) / len(positives)

    anchors, others = [side([1, -1], 0), side([0, 0], 1)], [side([1, 0], 1), side([-1, 0], -1)]
    expected = sum(anchors) / 2 + sum(others) / 2 if contrast == "all" else anchors[0] + others[0]
    assert found == pytest.approx(expected)


def test_the_cross_entropy_is_of_all_rows() -> None:
    """The first class has probability 1/2, 1/4, 1/8, 1/16."""
    p = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 16])
    found = loss(angles(0, 60, 90, 240), torch.stack([p.log(), (1 - p).log()], dim=1), weight=0.0, **ONE_EACH)
    assert found == pytest.approx((1 + 2 + 3 + 4) / 4 * math.log(2))


def falls(values: list[float]) -> bool:
    return all(later < earlier for earlier, later in pairwise(values))


def space(anchor: float, positive: float, negative: float, second: float) -> list[list[float]]:
    """Rows on the great circle through the anchors; the other side's negative in a third dimension, ``second`` from the positive's pole."""
    plane = [[*one, 0.0] for one in angles(anchor, positive, negative)]
    return [*plane, [0.0, math.sin(math.radians(second)), math.cos(math.radians(second))]]


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_loss_falls_as_positives_approach_and_rises_as_negatives_do(temperature: float) -> None:
    options = ONE_EACH | {"temperature": temperature}
    approaching = range(175, -5, -15)
    assert falls([loss(space(0, degrees, 90, 0), **options) for degrees in approaching]), "a positive comes to the anchor"
    assert falls([-loss(space(0, 270, degrees, 0), **options) for degrees in approaching]), "a negative comes to the anchor"
    assert falls([-loss(space(0, 90, 180, 90 - degrees), **options) for degrees in range(80, -5, -10)]), "a negative comes to the positive"


def test_gradients_reach_all_features_but_those_of_length_zero_break_nothing() -> None:
    features = torch.tensor(angles(0, 60, 90, 30)).requires_grad_()
    rows = torch.zeros(4, dtype=torch.int64)
    method(**ONE_EACH).loss(Batch(rows, rows, torch.zeros(4, 2), features)).backward()
    assert features.grad is not None and (features.grad.norm(dim=1) > 0.01).all()
    dead = torch.zeros(4, 2).requires_grad_()
    method(**ONE_EACH).loss(Batch(rows, rows, torch.zeros(4, 2), dead)).backward()
    assert dead.grad is not None and torch.isfinite(dead.grad).all()


def test_similarities_are_exact_in_mixed_precision() -> None:
    """Features come in bfloat16; at a small temperature, products in bfloat16 would be wrong by much more than this."""
    features = torch.randn(ROWS, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    rows = torch.zeros(ROWS, dtype=torch.int64)
    one = method(temperature=0.01)
    plain = one.loss(Batch(rows, rows, torch.zeros(ROWS, 2), features.float()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = one.loss(Batch(rows, rows, torch.zeros(ROWS, 2), features))
    assert mixed.dtype == torch.float32 and mixed.item() == pytest.approx(plain.item(), rel=1e-5)

"""Refinements: a logistic regression on features, against cases worked out by hand."""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sklearn.linear_model import LogisticRegression

from spurprune.dag import plugins
from spurprune.data.grouping import Attribute, Grouping
from spurprune.errors import ConfigError, DataError, SpurpruneError, TrainingError
from spurprune.refinements import last_layer
from spurprune.training.refinement import Head, Request, complete_options

LINE = Attribute.of("line", ("without", "with"))
TWO, THREE = Grouping(("cat", "dog")), Grouping(("cat", "dog", "newt"))
LINED = Grouping(("cat", "dog"), (LINE,))


def request(features: Any, label: Any, grouping: Grouping = TWO, group: Any = None, repeat: int = 0, **options: Any) -> Request:
    """A request with validation samples only; groups are classes unless given."""
    features, label = np.asarray(features, dtype=np.float32), np.asarray(label, dtype=np.int64)
    n = len(label)
    return Request(
        features=features,
        logits=np.zeros((n, len(grouping.classes)), dtype=np.float32),
        split=np.full(n, "validation", dtype=object),
        label=label,
        group=label if group is None else np.asarray(group, dtype=np.int64),
        weight=np.ones(n),
        grouping=grouping,
        options=complete_options(options, last_layer.OPTIONS, "options"),
        repeat=repeat,
        where="digits, repeat 0",
    )


def blobs(centres: Any, n: int, spread: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``n`` points around each centre, and the centres' numbers."""
    centres = np.asarray(centres, dtype=float)
    label = np.repeat(np.arange(len(centres)), n)
    return centres[label] + spread * np.random.default_rng(seed).normal(size=(len(label), centres.shape[1])), label


def spurious(counts: tuple[int, int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (a noisy one of the class, a sharp one of the attribute), labels and groups, of which each has its count."""
    group = np.repeat(np.arange(4), counts)
    label, attribute = np.divmod(group, 2)
    noise = np.random.default_rng(seed).normal(size=(len(group), 2))
    return np.stack([2.0 * label - 1, 2.0 * attribute - 1], axis=1) + noise * [0.8, 0.1], label, group


@pytest.mark.parametrize(
    ("penalty", "c", "coefficient"),
    [
        ("l1", 2.0, math.log(3)),  # |w| + 2·2·log(1 + exp(-w)) has its minimum where 4/(1 + exp(w)) = 1
        ("l1", 1.0, 0.0),  # where 2/(1 + exp(w)) = 1
        ("l2", 2.0, 1.0608),  # w²/2 + 4·log(1 + exp(-w)): where w·(1 + exp(w)) = 4, which is checked below
    ],
)
def test_two_points(penalty: str, c: float, coefficient: float) -> None:
    if penalty == "l2":
        coefficient = min(np.linspace(1.0, 1.2, 200_001), key=lambda w: abs(w * (1 + math.exp(w)) - 4))
    head = last_layer.refine(request([[10.0], [14.0]], [0, 1], penalty=penalty, C=c, balance="none"))
    # Mean 12, deviation 2: the regression sees -1 and 1, and by symmetry has no intercept.
    np.testing.assert_allclose(head.weight, [[0.0], [coefficient / 2]], atol=1e-3)
    np.testing.assert_allclose(head.bias, [0.0, -12 * coefficient / 2], atol=1e-2)


def test_weights_of_training_samples_weight_the_loss() -> None:
    one = request([[10.0], [14.0]], [0, 1], C=1.0, balance="none", fit_on="train")
    one = replace(one, split=np.full(2, "train", dtype=object), weight=np.full(2, 2.0))
    np.testing.assert_allclose(last_layer.refine(one).weight[1], math.log(3) / 2, atol=1e-3)  # as C = 2 above


def test_pruned_samples_and_the_other_split_are_not_fitted_on() -> None:
    x, y = blobs([[0, 0], [1, 1]], 30)
    only = request(x, y, fit_on="train", balance="none")
    only = replace(only, split=np.full(len(y), "train", dtype=object))
    strange = 50 * np.random.default_rng(1).normal(size=(20, 2)).astype(np.float32)
    more = replace(
        only,
        features=np.concatenate([only.features, strange]),
        logits=np.zeros((len(y) + 20, 2), dtype=np.float32),
        split=np.concatenate([only.split, np.repeat(np.array(["train", "validation"], dtype=object), 10)]),
        label=np.concatenate([only.label, np.tile([0, 1], 10)]),
        group=np.concatenate([only.group, np.tile([0, 1], 10)]),
        weight=np.concatenate([only.weight, np.repeat([0.0, 1.0], 10)]),
    )
    expected, found = last_layer.refine(only), last_layer.refine(more)
    np.testing.assert_array_equal(found.weight, expected.weight)
    np.testing.assert_array_equal(found.bias, expected.bias)


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_standardisation_is_folded_in(penalty: str) -> None:
    x, y = blobs([[5, 100, -3], [6, 140, -3]], 40)
    x = np.float32(x)
    x[:, 2] = 0.1  # a constant feature is not scaled
    one = request(x, y, balance="none", penalty=penalty, C=0.3)
    wide = x.astype(np.float64)
    standard = (wide - wide.mean(axis=0)) / np.array([*wide[:, :2].std(axis=0), 1.0])
    seed = int(one.generator(0).integers(1 << 31))
    by_hand = LogisticRegression(l1_ratio=float(penalty == "l1"), C=0.3, solver="liblinear", random_state=seed).fit(standard, y)
    logits = last_layer.refine(one).logits(x)
    np.testing.assert_allclose(logits[:, 1], by_hand.decision_function(standard), rtol=1e-4, atol=1e-5)
    assert not logits[:, 0].any()
    np.testing.assert_allclose(np.exp(logits[:, 1]) / np.exp(logits).sum(axis=1), by_hand.predict_proba(standard)[:, 1], rtol=1e-4)


def test_the_head_is_the_mean_of_the_redraws() -> None:
    x, y = blobs([[0, 0], [2, 1]], 10)
    x, y = x[:14], y[:14]  # 10 against 4
    one = request(x, y, redraws=3, penalty="l2")
    wide = one.features.astype(np.float64)
    mean, deviation = wide.mean(axis=0), wide.std(axis=0)
    coefficients, intercepts = [], []
    for draw in range(3):
        rng = one.generator(draw)
        rows = last_layer.balanced([np.arange(10), np.arange(10, 14)], rng)
        model = LogisticRegression(solver="liblinear", random_state=int(rng.integers(1 << 31)))
        model.fit((wide[rows] - mean) / deviation, y[rows])
        coefficients.append(model.coef_[0])
        intercepts.append(model.intercept_[0])
    assert not np.allclose(coefficients[0], coefficients[1])
    weight = np.mean(coefficients, axis=0) / deviation
    head = last_layer.refine(one)
    np.testing.assert_allclose(head.weight[1], weight)
    assert abs(np.mean(intercepts)) > 0.1
    np.testing.assert_allclose(head.bias, [0, np.mean(intercepts) - weight @ mean])


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5), seed=st.integers(0, 1000))
def test_a_redraw_takes_as_many_of_each_as_the_smallest_holds(sizes: list[int], seed: int) -> None:
    members = np.split(np.random.default_rng(seed).permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    rows = last_layer.balanced(members, np.random.default_rng(seed))
    assert len(np.unique(rows)) == len(rows)
    assert [int(np.isin(rows, group).sum()) for group in members] == [min(sizes)] * len(sizes)


@given(scale=st.lists(st.floats(0.01, 100), min_size=2, max_size=2), shift=st.lists(st.floats(-5, 5), min_size=2, max_size=2))
def test_the_scale_of_features_does_not_matter(scale: list[float], shift: list[float]) -> None:
    x, y = blobs([[0, 0], [1, 2]], 20)
    changed = np.float32(x * scale + shift)
    logits = last_layer.refine(request(x, y, C=0.1)).logits(np.float32(x))
    np.testing.assert_allclose(last_layer.refine(request(changed, y, C=0.1)).logits(changed), logits, atol=2e-3)


def test_several_classes_are_distinguished() -> None:
    centres = [[4, 0], [-4, 4], [-4, -4]]
    x, y = blobs(centres, 30)
    head = last_layer.refine(request(x, y, THREE, redraws=2))
    fresh, label = blobs(centres, 50, seed=1)
    assert head.weight.shape == (3, 2) and head.bias.shape == (3,)
    assert (head.logits(np.float32(fresh)).argmax(axis=1) == label).mean() > 0.99


def test_balanced_groups_weaken_a_spurious_feature() -> None:
    x, label, group = spurious((190, 10, 10, 190), seed=0)
    fitted = {
        balance: last_layer.refine(request(x, label, LINED, group, balance=balance, C=0.3)) for balance in ("none", "classes", "groups")
    }
    reliance = {balance: abs(head.weight[1, 1] / head.weight[1, 0]) for balance, head in fitted.items()}
    assert reliance["groups"] < 0.2 < 0.5 < reliance["none"]
    assert reliance["classes"] > 0.5
    fresh, truth, fresh_group = spurious((300, 300, 300, 300), seed=1)

    def worst(head: Head) -> float:
        correct = head.logits(np.float32(fresh)).argmax(axis=1) == truth
        return min(correct[fresh_group == number].mean() for number in range(4))

    assert worst(fitted["groups"]) > worst(fitted["none"]) + 0.2


def test_repeats_differ_but_are_reproducible() -> None:
    x, y = blobs([[0, 0], [1, 1]], 30)
    first, again, other = (last_layer.refine(request(x[:45], y[:45], repeat=repeat, redraws=2)) for repeat in (0, 0, 1))
    np.testing.assert_array_equal(first.weight, again.weight)
    np.testing.assert_array_equal(first.bias, again.bias)
    assert not np.array_equal(first.weight, other.weight)


def test_samples_of_unknown_group_count_unless_groups_are_balanced() -> None:
    x, label, group = spurious((30, 10, 10, 30), seed=0)
    strange = 50 * np.random.default_rng(1).normal(size=(20, 2))
    more = np.concatenate([x, strange]), np.concatenate([label, np.tile([0, 1], 10)]), np.concatenate([group, np.full(20, -1)])
    for balance, same in (("groups", True), ("classes", False)):
        expected = last_layer.refine(request(x, label, LINED, group, balance=balance))
        found = last_layer.refine(request(more[0], more[1], LINED, more[2], balance=balance))
        assert np.array_equal(found.weight, expected.weight) == same


def test_fits_that_do_not_converge_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    x, y = blobs([[0, 0], [0.3, 0.3]], 100)
    with caplog.at_level(logging.WARNING, "spurprune"):
        last_layer.refine(request(x, y, max_iter=1, C=100.0, redraws=4))
    assert [record.getMessage() for record in caplog.records] == [
        "digits, repeat 0: 4 fits of the last layer did not converge; raise options.max_iter or lower options.C"
    ]


def with_nan(one: Request) -> Request:
    features = one.features.copy()
    features[3, 1] = np.nan
    return replace(one, features=features)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda one: replace(one, label=np.zeros_like(one.label)), TrainingError, "'cat'"),
        (lambda one: replace(one, grouping=THREE), TrainingError, "'newt'"),
        (lambda one: replace(one, grouping=LINED, group=2 * one.label), TrainingError, "'cat with line'"),
        (lambda one: replace(one, options={**one.options, "fit_on": "train"}), TrainingError, "options.fit_on to validation"),
        (lambda one: replace(one, split=np.full(len(one.label), "train", dtype=object)), TrainingError, "options.fit_on to train"),
        (with_nan, DataError, "1 validation samples"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    change: Callable[[Request], Request], error: type[SpurpruneError], words: str, assert_one_sentence: Callable[[str], None]
) -> None:
    x, y = blobs([[0, 0], [1, 1]], 10)
    with pytest.raises(error) as caught:
        last_layer.refine(change(request(x, y)))
    assert_one_sentence(str(caught.value))
    assert words in str(caught.value) and "digits, repeat 0" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"redraw": 3}, "methods.dfr.options.redraw is not a known option"),
        ({"C": 0}, "methods.dfr.options.C is 0, but must be a number above 0"),
        ({"redraws": 1.5}, "methods.dfr.options.redraws is 1.5"),
        ({"balance": "group"}, "must be groups, classes or none"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], words: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as caught:
        complete_options(options, last_layer.OPTIONS, "methods.dfr.options")
    assert_one_sentence(str(caught.value))
    assert words in str(caught.value)


def test_options_that_are_not_given_have_their_defaults() -> None:
    options = complete_options({"C": 0.1}, last_layer.OPTIONS, "options")
    assert options == {"fit_on": "validation", "balance": "groups", "penalty": "l1", "C": 0.1, "redraws": 10, "max_iter": 100}


@pytest.mark.parametrize("name", plugins.names("refinements"))
def test_a_refinement_declares_its_options(name: str) -> None:
    module = plugins.load("refinements", name)
    assert callable(module.refine)
    for schema in module.OPTIONS.values():
        Draft202012Validator.check_schema(json.loads(json.dumps(schema)))
        assert Draft202012Validator(schema).is_valid(schema["default"])
        assert schema["description"] and schema["x-allowed"]


@pytest.mark.parametrize("fit_on", ["validation", "train"])
@pytest.mark.parametrize("balance", ["groups", "classes", "none"])
def test_the_best_value_of_c_on_held_out_samples_is_used(fit_on: str, balance: str) -> None:
    """With a C of next to nothing every sample is of the first class, so the second one's accuracy is 0."""
    x, y, group = spurious((40, 40, 40, 40), seed=3)
    one = request(np.concatenate([x, x]), np.tile(y, 2), LINED, np.tile(group, 2), fit_on=fit_on, balance=balance, C=[1e-9, 1.0])
    one = replace(one, split=np.repeat(np.array(["train", "validation"], dtype=object), len(y)))
    found = last_layer.refine(one)
    alone = last_layer.refine(replace(one, options={**one.options, "C": 1.0}))
    assert found.notes == {"C": 1.0} and not alone.notes
    np.testing.assert_array_equal(found.weight, alone.weight)
    np.testing.assert_array_equal(found.bias, alone.bias)


def test_the_largest_of_equally_good_values_is_used_whatever_their_order() -> None:
    x, y = blobs([[-9, 0], [9, 0]], 20)
    for values in ([0.5, 2.0, 1.0], [2.0, 1.0, 0.5]):
        assert last_layer.refine(request(x, y, C=values)).notes == {"C": 2.0}


def rows_of_each_fit(one: Request) -> list[np.ndarray]:
    """The rows of every averaged fit of a refinement, in order."""
    seen: list[np.ndarray] = []
    original = last_layer._averaged

    def watched(one: Request, rows: np.ndarray, *rest: Any) -> Head:
        seen.append(rows)
        return original(one, rows, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(last_layer, "_averaged", watched)
        last_layer.refine(one)
    return seen


def test_the_choice_fits_to_half_of_every_class() -> None:
    x, y = blobs([[0, 0], [1, 1]], 30)
    fitted, other, final = rows_of_each_fit(request(x, y, C=[1.0, 2.0]))
    assert len(fitted) == 30 and np.array_equal(fitted, other) and len(final) == 60
    assert np.bincount(y[fitted]).tolist() == [15, 15], "halves are stratified"


SMALL, LARGE = 0.1, 10.0
PATCHED = np.arange(32) % 8 == 0  # of 32 fitted samples


def two_features(label: np.ndarray, right: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """A feature that is the class where ``right`` and else the other one; another is the class times ``patch``: classes are -1 and 1."""
    sign = 2 * label - 1
    return np.stack([np.where(right, sign, -sign), patch * sign], axis=1).astype(np.float32)


def test_a_small_c_uses_one_feature_and_a_large_one_both() -> None:
    """The premise of the next tests: |w| balances C·(28·(1 - s) - 4·s) = 1, s = 1/(1 + exp(-w)) = 9/16; C·4·√8·s is below 1."""
    y = np.repeat([0, 1], 16)
    x = two_features(y, ~PATCHED, PATCHED)
    small, large = (last_layer.refine(request(x, y, C=value, redraws=1)) for value in (SMALL, LARGE))
    np.testing.assert_allclose(small.weight[1], [math.log(9 / 7), 0], atol=1e-3)
    assert np.array_equal(small.logits(x).argmax(axis=1) != y, PATCHED)
    assert np.array_equal(large.logits(x).argmax(axis=1), y)
    assert large.weight[1, 1] > large.weight[1, 0] > 0, "so it goes by the second feature where they differ"


@pytest.mark.parametrize("fit_on", ["validation", "train"])
def test_c_is_chosen_by_samples_that_were_not_fitted_to(fit_on: str) -> None:
    """The small C has 14 of a class's 16 fitted samples right and all of the others; the large one has 16 and 15, in all one more."""
    y = np.repeat([0, 1], 32)
    one = request(np.zeros((64, 2)), y, fit_on=fit_on, C=[SMALL, LARGE])
    if fit_on == "train":
        one = replace(one, split=np.tile(np.array(["train", "validation"], dtype=object), 32))
    fitted = rows_of_each_fit(one)[0]
    others = np.setdiff1d(np.arange(64), fitted)
    features = np.empty((64, 2), dtype=np.float32)
    features[fitted] = two_features(y[fitted], ~PATCHED, PATCHED)
    features[others] = two_features(y[others], np.ones(32, dtype=bool), np.where(np.arange(32) % 16 == 0, -1, 0))
    assert last_layer.refine(replace(one, features=features)).notes == {"C": SMALL}


@pytest.mark.parametrize(
    ("balance", "lost", "chosen"),
    [
        ("groups", 3, SMALL),  # 5/8
        ("classes", 3, LARGE),  # 13/16
        ("classes", 5, SMALL),  # 11/16
        ("none", 5, LARGE),  # 27/32
    ],
)
def test_c_is_chosen_by_the_worst_of_what_is_balanced(balance: str, lost: int, chosen: float) -> None:
    """The small C has 3/4 of every group right; the large one all but ``lost`` of the last group's 8."""
    group = np.repeat(np.arange(4), 8)
    y, place = group // 2, np.arange(32) % 8
    right, patch = place >= 2, np.where(place < 2, 1, 0)
    patch[(group == 3) & (place >= 8 - lost)] = -1
    x = np.concatenate([two_features(y, ~PATCHED, PATCHED), two_features(y, right, patch)])
    one = request(x, np.tile(y, 2), LINED, np.tile(group, 2), fit_on="train", balance=balance, C=[SMALL, LARGE])
    one = replace(one, split=np.repeat(np.array(["train", "validation"], dtype=object), 32))
    assert last_layer.refine(one).notes == {"C": chosen}


@pytest.mark.parametrize(("label", "group"), [([0, 0, 1], [0, 0, 1]), ([0, 1], [0, 1])])
def test_too_few_samples_to_choose_by_are_an_error(label: list[int], group: list[int], assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(TrainingError, match="too few validation samples to choose among values of C") as error:
        last_layer.refine(request(np.arange(len(label))[:, None], label, TWO, group, C=[1.0, 2.0]))
    assert_one_sentence(str(error.value))

"""Pruning strategies: exact counts, from the right end, among the right candidates."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spurprune.errors import PlanError
from spurprune.pruning.plan import Plan
from spurprune.pruning.strategies import _foremost, candidates_of, prune, pruned_count

SPARSITY = st.integers(0, 9999).map(lambda n: f"0.{n:04d}")
SOURCE = 0


@st.composite
def training_sets(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(label, attribute, aligned, rank): classes 0 to 2, the feature tied to class 0."""
    n = draw(st.integers(3, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    label = rng.integers(0, 3, n).astype(np.int16)
    attribute = rng.integers(0, 2, n).astype(np.int16)
    aligned = np.where(label == SOURCE, attribute, np.where(label == 1, 1 - attribute, -1)).astype(np.int8)
    return label, attribute, aligned, rng.permutation(n)


def pruned_by(plan: Plan, data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    label, attribute, aligned, rank = data
    candidates = candidates_of(plan.strategy, label, attribute, aligned, SOURCE)
    return prune(plan, label, label * 2 + attribute, candidates, rank)


def rounded(n: int, sparsity: str) -> int:
    """⌊s·n + ½⌋ in exact fractions."""
    return math.floor(Fraction(sparsity) * n + Fraction(1, 2))


@pytest.mark.parametrize(
    ("candidates", "sparsity", "expected"),
    [
        (100, "0.10", 10),
        (5, "0.10", 1),
        (4, "0.10", 0),
        (25, "0.50", 13),
        (35, "0.70", 25),
        (15, "0.10", 2),
        (50, "0.29", 15),
        (3, "0.00", 0),
        (0, "0.50", 0),
    ],
)
def test_half_a_sample_is_rounded_up(candidates: int, sparsity: str, expected: int) -> None:
    assert pruned_count(candidates, sparsity) == expected


@given(st.integers(0, 10**6), SPARSITY)
def test_counts_follow_the_rounding_rule_exactly(candidates: int, sparsity: str) -> None:
    assert pruned_count(candidates, sparsity) == rounded(candidates, sparsity)


def test_candidates_by_hand() -> None:
    label = np.array([0, 0, 1, 1, 2])
    attribute = np.array([1, 0, 1, 0, 1])
    aligned = np.array([1, 0, 0, 1, -1])
    expected = {
        "none": [0, 0, 0, 0, 0],
        "carriers": [1, 0, 0, 0, 0],
        "per_group": [1, 0, 0, 1, 0],
        "per_group_equal": [1, 0, 0, 1, 0],
        "per_class": [1, 1, 1, 1, 1],
        "global": [1, 1, 1, 1, 1],
        "random": [1, 1, 1, 1, 1],
    }
    found = {name: candidates_of(name, label, attribute, aligned, SOURCE).astype(int).tolist() for name in expected}
    assert found == expected


def test_pruning_by_hand() -> None:
    label = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    attribute = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    aligned = np.where(label == 0, attribute, -1)
    rank = np.array([0, 3, 5, 7, 1, 2, 4, 6])
    data = (label, attribute, aligned, rank)
    expected = {
        Plan("none"): [],
        Plan("global", "el2n", "hardest", "0.50"): [2, 3, 6, 7],
        Plan("global", "el2n", "easiest", "0.25"): [0, 4],
        Plan("per_class", "el2n", "hardest", "0.25"): [3, 7],
        Plan("per_class", "el2n", "easiest", "0.50"): [0, 1, 4, 5],
        Plan("carriers", "el2n", "hardest", "0.50"): [1],
        Plan("carriers", "el2n", "easiest", "0.50"): [0],
        Plan("per_group", "el2n", "hardest", "0.50"): [1],
        Plan("random", sparsity="0.25"): [3, 7],
    }
    assert {plan: np.flatnonzero(pruned_by(plan, data)).tolist() for plan in expected} == expected


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 30))
def test_the_foremost_are_those_that_a_stable_sort_puts_first(order: list[int], count: int) -> None:
    value, members = np.array(order), np.arange(0, 2 * len(order), 2)
    spread = np.full(2 * len(order), -1)
    spread[members] = value
    expected = np.sort(members[np.argsort(value, kind="stable")[:count]])
    np.testing.assert_array_equal(_foremost(members, spread, min(count, len(members))), expected)


@given(training_sets(), st.sampled_from(["per_class", "random"]), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_every_class_loses_its_exact_share(data: tuple[np.ndarray, ...], strategy: str, order: str, sparsity: str) -> None:
    pruned = pruned_by(Plan(strategy, "el2n", order, sparsity), data)
    for value in np.unique(data[0]):
        members = data[0] == value
        assert int(pruned[members].sum()) == rounded(int(members.sum()), sparsity)


@given(training_sets(), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_global_prunes_its_exact_share_of_all(data: tuple[np.ndarray, ...], order: str, sparsity: str) -> None:
    assert int(pruned_by(Plan("global", "el2n", order, sparsity), data).sum()) == rounded(len(data[0]), sparsity)


@given(training_sets(), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_carriers_loses_carriers_of_the_source_class_only(data: tuple[np.ndarray, ...], order: str, sparsity: str) -> None:
    label, attribute, _, _ = data
    carriers = (label == SOURCE) & (attribute == 1)
    pruned = pruned_by(Plan("carriers", "el2n", order, sparsity), data)
    assert not (pruned & ~carriers).any()
    assert int(pruned.sum()) == rounded(int(carriers.sum()), sparsity)


@given(training_sets(), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_per_group_takes_its_share_of_each_aligned_group_only(data: tuple[np.ndarray, ...], order: str, sparsity: str) -> None:
    label, attribute, aligned, _ = data
    pruned = pruned_by(Plan("per_group", "el2n", order, sparsity), data)
    assert not pruned[aligned != 1].any()
    for group in np.unique((label * 2 + attribute)[aligned == 1]):
        members = (label * 2 + attribute == group) & (aligned == 1)
        assert int(pruned[members].sum()) == rounded(int(members.sum()), sparsity)


@given(training_sets(), st.sampled_from(["global", "per_class", "carriers", "per_group", "random"]), SPARSITY)
def test_what_goes_first_is_hardest_or_easiest(data: tuple[np.ndarray, ...], strategy: str, sparsity: str) -> None:
    label, attribute, aligned, rank = data
    stratum = {"global": np.zeros_like(label), "carriers": np.zeros_like(label), "per_group": label * 2 + attribute}.get(strategy, label)
    candidates = candidates_of(strategy, label, attribute, aligned, SOURCE)
    for order in ("hardest", "easiest"):
        pruned = pruned_by(Plan(strategy, "el2n", order, sparsity), data)
        for value in np.unique(stratum):
            gone, stayed = (rank[candidates & (stratum == value) & chosen] for chosen in (pruned, ~pruned))
            if len(gone) and len(stayed):
                assert gone.min() > stayed.max() if order == "hardest" else gone.max() < stayed.min()


@given(training_sets(), st.sampled_from(["global", "per_class", "carriers", "per_group", "per_group_equal", "random"]), SPARSITY, SPARSITY)
def test_a_larger_sparsity_prunes_a_superset(data: tuple[np.ndarray, ...], strategy: str, one: str, other: str) -> None:
    less, more = sorted((one, other))
    for order in ("hardest", "easiest"):
        try:
            small, large = (pruned_by(Plan(strategy, "el2n", order, sparsity), data) for sparsity in (less, more))
        except PlanError:
            assert strategy == "per_group_equal"
            assume(False)
        assert not (small & ~large).any()


@given(training_sets(), st.sampled_from(["global", "per_class", "carriers", "per_group"]), st.integers(0, 4999))
def test_hardest_and_easiest_are_disjoint_below_one_half(data: tuple[np.ndarray, ...], strategy: str, sparsity: int) -> None:
    hardest, easiest = (pruned_by(Plan(strategy, "el2n", order, f"0.{sparsity:04d}"), data) for order in ("hardest", "easiest"))
    assert not (hardest & easiest).any()


def _can_end_equal(label: np.ndarray, candidates: np.ndarray, sparsity: str) -> bool:
    """Try every common size for one that the candidates allow and that prunes just enough."""
    wanted = rounded(int(candidates.sum()), sparsity)
    classes = [(int((label == c).sum()), int((candidates & (label == c)).sum())) for c in np.unique(label[candidates])]
    if not classes:
        return True
    possible = [size for size in range(len(label) + 1) if all(n - available <= size <= n for n, available in classes)]
    enough = [size for size in possible if sum(n - size for n, _ in classes) >= wanted]
    least = sum(n - min(n for n, _ in classes) for n, _ in classes)
    return bool(enough) and wanted >= least


@given(training_sets(), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_per_group_equal_ends_with_classes_of_equal_size_or_says_why_not(data: tuple[np.ndarray, ...], order: str, sparsity: str) -> None:
    label, _, aligned, rank = data
    candidates = aligned == 1
    classes = np.unique(label[candidates])
    plan = Plan("per_group_equal", "el2n", order, sparsity)
    if not _can_end_equal(label, candidates, sparsity):
        with pytest.raises(PlanError, match="classes cannot end equal"):
            pruned_by(plan, data)
        return
    pruned = pruned_by(plan, data)
    left = {int((label == c).sum() - pruned[label == c].sum()) for c in classes}
    assert len(left) <= 1, "classes differ in size"
    assert not pruned[~candidates].any()
    wanted = rounded(int(candidates.sum()), sparsity)
    assert wanted <= int(pruned.sum()) < wanted + max(len(classes), 1)
    for c in classes:
        gone, stayed = rank[candidates & (label == c) & pruned], rank[candidates & (label == c) & ~pruned]
        if len(gone) and len(stayed):
            assert gone.min() > stayed.max() if order == "hardest" else gone.max() < stayed.min()


def test_per_group_equal_by_hand(assert_one_sentence: Callable[[str], None]) -> None:
    label = np.repeat([0, 1], [10, 6])
    aligned = np.concatenate([np.repeat([1, 0], [8, 2]), np.repeat([1, 0], [4, 2])])
    data = (label, aligned, aligned, np.arange(16))

    def pruned_per_class(sparsity: str) -> list[int]:
        pruned = pruned_by(Plan("per_group_equal", "el2n", "hardest", sparsity), data)
        return [int(pruned[label == c].sum()) for c in (0, 1)]

    assert pruned_per_class("0.34") == [4, 0]  # 4 of 12 candidates: both classes end at 6
    assert pruned_per_class("0.42") == [5, 1]  # 5 wanted, but equal classes take 6
    assert pruned_per_class("0.50") == [5, 1]
    assert pruned_per_class("0.80") == [7, 3]
    for sparsity, reason in (
        ("0.25", "classes cannot end equal at sparsity 0.25: that takes at least 4 of 12 candidates, a sparsity of 0.3334 or more."),
        ("0.99", None),
    ):
        if reason is None:
            assert pruned_per_class(sparsity) == [8, 4]
            continue
        with pytest.raises(PlanError) as error:
            pruned_per_class(sparsity)
        assert str(error.value) == reason
        assert_one_sentence(reason)


@pytest.mark.parametrize("sparsity", ["0.10", "0.90"])  # no sparsity helps, so none is advised
def test_per_group_equal_names_the_class_with_too_few_candidates(sparsity: str, assert_one_sentence: Callable[[str], None]) -> None:
    label = np.repeat([0, 1], [10, 4])
    aligned = np.concatenate([np.repeat([1, 0], [3, 7]), np.repeat([1, 0], [4, 0])])
    with pytest.raises(PlanError, match="class 0 would lose") as error:
        prune(Plan("per_group_equal", "el2n", "hardest", sparsity), label, label * 2 + 1, aligned == 1, np.arange(14))
    assert_one_sentence(str(error.value))

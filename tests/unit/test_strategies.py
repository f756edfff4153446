"""Strategies: exact counts from the right end of the right candidates, balanced parts, and refusals."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spurprune import seeds
from spurprune.dag import plugins
from spurprune.errors import PlanError
from spurprune.pruning import plan as plans
from spurprune.pruning.thinning import foremost, pruned_count
from spurprune.pruning.weights import DRAWN, EXACT, Request, Weights


def written(sparsity: int) -> str:
    """A sparsity in ten thousandths as plans are named: no zero after the second decimal."""
    return f"0.{f'{sparsity:04d}'[:2]}{f'{sparsity:04d}'[2:].rstrip('0')}"


SPARSITY = st.integers(0, 9999).map(written)
SOURCE = 0
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@st.composite
def training_sets(draw: st.DrawFn) -> Data:
    """(label, carrier, aligned, rank): classes 0 to 2, the feature tied to class 0, its absence to class 1; some sample is aligned."""
    n = draw(st.integers(3, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    label = rng.integers(0, 3, n).astype(np.int16)
    carrier = rng.integers(0, 2, n).astype(np.int8)
    aligned = np.where(label == SOURCE, carrier, np.where(label == 1, 1 - carrier, -1)).astype(np.int8)
    assume((aligned == 1).any())
    return label, carrier, aligned, rng.permutation(n)


def request(plan: str, data: Data, **changes: Any) -> Request:
    """The request for a plan in a setting with two groups per class."""
    label, carrier, aligned, rank = data
    values: dict[str, Any] = {"group": label * 2 + carrier, "rank": rank, "source": SOURCE} | changes
    return Request(plan=plans.parse(plan), repeat=0, label=label, carrier=carrier, aligned=aligned, **values)


def weigh(asked: Request) -> Weights:
    weights: Weights = plugins.load("strategies", asked.plan.strategy).weigh(asked)
    assert weights.weight.dtype == np.float64 and weights.candidates.dtype == bool
    assert weights.weight.shape == weights.candidates.shape == asked.label.shape
    return weights


def pruned_by(plan: str, data: Data) -> np.ndarray:
    weights = weigh(request(plan, data))
    assert weights.visits == EXACT and set(weights.weight) <= {0.0, 1.0}
    pruned = np.asarray(weights.weight == 0)
    assert not (pruned & ~weights.candidates).any()
    return pruned


def balanced(plan: str, part: np.ndarray, parts: int, repeat: int = 0) -> Weights:
    """The weights by a partition, when nothing else is known about the samples."""
    unknown = np.full(len(part), -1)
    names = tuple(f"part {k}" for k in range(parts))
    asked = Request(plans.parse(plan), repeat, np.zeros(len(part), np.int16), unknown, unknown, unknown, part=part, parts=names)
    return weigh(asked)


def named(strategy: str, order: str, sparsity: str) -> str:
    return f"random-{sparsity}" if strategy == "random" else f"{strategy}-el2n-{order}-{sparsity}"


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
    data = (np.array([0, 0, 1, 1, 2]), np.array([1, 0, 1, 0, 1]), np.array([1, 0, 0, 1, -1]), np.arange(5))
    expected = {
        "none": [0, 0, 0, 0, 0],
        "carriers-el2n-hardest-0.00": [1, 0, 0, 0, 0],
        "per_group-el2n-hardest-0.00": [1, 0, 0, 1, 0],
        "per_group_equal-el2n-hardest-0.00": [1, 0, 0, 1, 0],
        "per_class-el2n-hardest-0.00": [1, 1, 1, 1, 1],
        "global-el2n-hardest-0.00": [1, 1, 1, 1, 1],
        "random-0.00": [1, 1, 1, 1, 1],
    }
    assert {plan: weigh(request(plan, data)).candidates.astype(int).tolist() for plan in expected} == expected


def test_pruning_by_hand() -> None:
    label = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    carrier = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    aligned = np.where(label == 0, carrier, -1)
    rank = np.array([0, 3, 5, 7, 1, 2, 4, 6])
    data = (label, carrier, aligned, rank)
    expected = {
        "none": [],
        "global-el2n-hardest-0.50": [2, 3, 6, 7],
        "global-el2n-easiest-0.25": [0, 4],
        "per_class-el2n-hardest-0.25": [3, 7],
        "per_class-el2n-easiest-0.50": [0, 1, 4, 5],
        "carriers-el2n-hardest-0.50": [1],
        "carriers-el2n-easiest-0.50": [0],
        "per_group-el2n-hardest-0.50": [1],
    }
    assert {plan: np.flatnonzero(pruned_by(plan, data)).tolist() for plan in expected} == expected


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 30))
def test_the_foremost_are_those_that_a_stable_sort_puts_first(order: list[int], count: int) -> None:
    value, members = np.array(order), np.arange(0, 2 * len(order), 2)
    spread = np.full(2 * len(order), -1)
    spread[members] = value
    expected = np.sort(members[np.argsort(value, kind="stable")[:count]])
    np.testing.assert_array_equal(foremost(members, spread, min(count, len(members))), expected)


@given(training_sets(), st.sampled_from(["per_class", "random"]), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_every_class_loses_its_exact_share(data: Data, strategy: str, order: str, sparsity: str) -> None:
    pruned = pruned_by(named(strategy, order, sparsity), data)
    for value in np.unique(data[0]):
        members = data[0] == value
        assert int(pruned[members].sum()) == rounded(int(members.sum()), sparsity)


@given(training_sets(), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_global_prunes_its_exact_share_of_all(data: Data, order: str, sparsity: str) -> None:
    assert int(pruned_by(f"global-el2n-{order}-{sparsity}", data).sum()) == rounded(len(data[0]), sparsity)


@given(training_sets(), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_carriers_loses_carriers_of_the_source_class_only(data: Data, order: str, sparsity: str) -> None:
    label, carrier, _, _ = data
    carriers = (label == SOURCE) & (carrier == 1)
    pruned = pruned_by(f"carriers-el2n-{order}-{sparsity}", data)
    assert not (pruned & ~carriers).any()
    assert int(pruned.sum()) == rounded(int(carriers.sum()), sparsity)


@given(training_sets(), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_per_group_takes_its_share_of_each_aligned_group_only(data: Data, order: str, sparsity: str) -> None:
    label, carrier, aligned, _ = data
    pruned = pruned_by(f"per_group-el2n-{order}-{sparsity}", data)
    assert not pruned[aligned != 1].any()
    for group in np.unique((label * 2 + carrier)[aligned == 1]):
        members = (label * 2 + carrier == group) & (aligned == 1)
        assert int(pruned[members].sum()) == rounded(int(members.sum()), sparsity)


@given(training_sets(), st.sampled_from(["global", "per_class", "carriers", "per_group"]), SPARSITY)
def test_what_goes_first_is_hardest_or_easiest(data: Data, strategy: str, sparsity: str) -> None:
    label, carrier, _, rank = data
    stratum = {"global": np.zeros_like(label), "carriers": np.zeros_like(label), "per_group": label * 2 + carrier}.get(strategy, label)
    for order in ("hardest", "easiest"):
        weights = weigh(request(named(strategy, order, sparsity), data))
        pruned = weights.weight == 0
        for value in np.unique(stratum):
            gone, stayed = (rank[weights.candidates & (stratum == value) & chosen] for chosen in (pruned, ~pruned))
            if len(gone) and len(stayed):
                assert gone.min() > stayed.max() if order == "hardest" else gone.max() < stayed.min()


@given(training_sets(), SPARSITY)
def test_random_pruning_uses_only_the_repeats_random_order(data: Data, sparsity: str) -> None:
    label = data[0]
    asked = request(f"random-{sparsity}", data, rank=None, source=None)
    order = seeds.generator(seeds.PRUNING, 0).permutation(len(label))
    pruned = weigh(asked).weight == 0
    for value in np.unique(label):
        gone, stayed = (order[(label == value) & chosen] for chosen in (pruned, ~pruned))
        assert not len(gone) or not len(stayed) or gone.min() > stayed.max()


@given(training_sets(), st.sampled_from(["global", "per_class", "carriers", "per_group", "per_group_equal", "random"]), SPARSITY, SPARSITY)
def test_a_larger_sparsity_prunes_a_superset(data: Data, strategy: str, one: str, other: str) -> None:
    less, more = sorted((one, other))
    for order in ("hardest", "easiest"):
        try:
            small, large = (pruned_by(named(strategy, order, sparsity), data) for sparsity in (less, more))
        except PlanError:
            assert strategy == "per_group_equal"
            assume(False)
        assert not (small & ~large).any()


@given(training_sets(), st.sampled_from(["global", "per_class", "carriers", "per_group"]), st.integers(0, 4999))
def test_hardest_and_easiest_are_disjoint_below_one_half(data: Data, strategy: str, sparsity: int) -> None:
    hardest, easiest = (pruned_by(named(strategy, order, written(sparsity)), data) for order in ("hardest", "easiest"))
    assert not (hardest & easiest).any()


def _can_end_equal(label: np.ndarray, candidates: np.ndarray, sparsity: str) -> bool:
    """Try every common size for one that the candidates allow and that prunes just enough."""
    wanted = rounded(int(candidates.sum()), sparsity)
    classes = [(int((label == c).sum()), int((candidates & (label == c)).sum())) for c in np.unique(label[candidates])]
    possible = [size for size in range(len(label) + 1) if all(n - available <= size <= n for n, available in classes)]
    enough = [size for size in possible if sum(n - size for n, _ in classes) >= wanted]
    least = sum(n - min(n for n, _ in classes) for n, _ in classes)
    return bool(enough) and wanted >= least


@given(training_sets(), st.sampled_from(["hardest", "easiest"]), SPARSITY)
def test_per_group_equal_makes_classes_equal_or_says_why_not(data: Data, order: str, sparsity: str) -> None:
    label, _, aligned, rank = data
    candidates = aligned == 1
    classes = np.unique(label[candidates])
    plan = f"per_group_equal-el2n-{order}-{sparsity}"
    if not _can_end_equal(label, candidates, sparsity):
        with pytest.raises(PlanError, match="classes cannot become equal"):
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
        pruned = pruned_by(f"per_group_equal-el2n-hardest-{sparsity}", data)
        return [int(pruned[label == c].sum()) for c in (0, 1)]

    assert pruned_per_class("0.34") == [4, 0]  # 4 of 12 candidates: both classes end at 6
    assert pruned_per_class("0.42") == [5, 1]  # 5 wanted, but equal classes take 6
    assert pruned_per_class("0.50") == [5, 1]
    assert pruned_per_class("0.80") == [7, 3]
    for sparsity, reason in (
        ("0.25", "classes cannot become equal at sparsity 0.25: that takes at least 4 of 12 candidates, a sparsity of 0.3334 or more."),
        ("0.99", None),
    ):
        if reason is None:
            assert pruned_per_class(sparsity) == [8, 4]
            continue
        with pytest.raises(PlanError) as error:
            pruned_per_class(sparsity)
        assert str(error.value) == reason
        assert_one_sentence(reason)


@pytest.mark.parametrize("sparsity", ["0.10", "0.90"])  # no sparsity helps, so none is suggested
def test_per_group_equal_names_the_class_with_too_few_candidates(sparsity: str, assert_one_sentence: Callable[[str], None]) -> None:
    label = np.repeat([0, 1], [10, 4])
    aligned = np.concatenate([np.repeat([1, 0], [3, 7]), np.repeat([1, 0], [4, 0])])
    with pytest.raises(PlanError, match="class 0 would lose") as error:
        pruned_by(f"per_group_equal-el2n-hardest-{sparsity}", (label, np.ones(14, int), aligned, np.arange(14)))
    assert_one_sentence(str(error.value))


def test_samples_of_unknown_group_are_not_pruned_by_group() -> None:
    label, aligned = np.zeros(6, int), np.ones(6, int)
    asked = request("per_group-el2n-hardest-0.50", (label, aligned, aligned, np.arange(6)), group=np.array([1, 1, 1, 1, -1, -1]))
    weights = weigh(asked)
    assert weights.weight.tolist() == [1, 1, 0, 0, 1, 1] and weights.candidates.tolist() == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("plan", "changes", "reason"),
    [
        ("carriers-el2n-hardest-0.10", {"carrier": np.full(4, -1)}, "it is not known which training samples are carriers"),
        ("per_group-el2n-hardest-0.10", {"aligned": np.zeros(4, int)}, "no training sample is aligned"),
        ("per_group_equal-el2n-hardest-0.10", {"aligned": np.full(4, -1)}, "no training sample is aligned"),
    ],
)
def test_plans_need_what_the_setting_must_have(
    plan: str, changes: dict[str, Any], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    label, unknown = np.array([0, 0, 1, 1]), np.full(4, -1)
    values = {"group": unknown, "carrier": np.array([1, 0, 0, 0]), "aligned": np.array([1, 0, 0, 0]), "source": 0} | changes
    with pytest.raises(PlanError, match=reason) as error:
        weigh(Request(plans.parse(plan), 0, label, rank=np.arange(4), **values))
    assert_one_sentence(str(error.value))


def test_balancing_by_hand() -> None:
    part = np.array([0, 0, 0, 0, 0, 2, 2, 2, 3, 3])  # part 1 is empty
    subsampled = balanced("balance_subsample-groups", part, 4)
    assert np.bincount(part, subsampled.weight).tolist() == [2, 0, 2, 2] and set(subsampled.weight) == {0.0, 1.0}
    assert subsampled.visits == EXACT and subsampled.candidates.all()
    reweighted = balanced("balance_reweight-groups", part, 4)
    np.testing.assert_allclose(reweighted.weight, 10 / 3 / np.array([5, 5, 5, 5, 5, 3, 3, 3, 2, 2]), rtol=1e-15)
    assert reweighted.visits == DRAWN and reweighted.candidates.all()


PARTITIONS = (
    st.lists(st.integers(0, 5), min_size=2, max_size=80)
    .filter(lambda values: len(set(values)) > 1)
    .map(lambda values: np.array(values, dtype=np.int32))
)


@given(PARTITIONS, st.integers(0, 3))
def test_subsampling_leaves_every_part_at_the_size_of_the_smallest(part: np.ndarray, repeat: int) -> None:
    weights = balanced("balance_subsample-groups", part, 6, repeat)
    size = np.bincount(part)
    left = np.bincount(part, weights.weight)
    assert (left[size > 0] == size[size > 0].min()).all()
    assert np.array_equal(weights.weight, balanced("balance_subsample-groups", part, 6, repeat).weight)


@pytest.mark.parametrize("strategy", ["balance_subsample", "balance_reweight"])
def test_balancing_says_if_it_changes_nothing(strategy: str, assert_one_sentence: Callable[[str], None]) -> None:
    equal = balanced(f"{strategy}-groups", np.array([0, 0, 2, 2]), 3)
    assert equal.weight.tolist() == [1] * 4
    assert equal.notice == "all parts of 'groups' have 2 training samples, so balancing changes nothing"
    assert balanced(f"{strategy}-groups", np.array([0, 2, 2]), 3).notice is None
    with pytest.raises(PlanError) as error:
        balanced(f"{strategy}-groups", np.array([2, 2]), 3)
    assert str(error.value) == (
        "all training samples are in part 'part 2' of 'groups', so there is nothing to balance; choose another partition."
    )
    assert_one_sentence(str(error.value))


def test_subsampling_is_random_and_even() -> None:
    part = np.array([0] * 8 + [1] * 2)
    kept = np.array([balanced("balance_subsample-groups", part, 2, repeat).weight for repeat in range(400)])
    assert np.abs(kept[:, :8].mean(axis=0) - 0.25).max() < 0.08, "each of eight samples fills one of two places in a quarter of the repeats"
    assert (kept[:, 8:] == 1).all()


@given(PARTITIONS)
def test_reweighting_draws_parts_equally_and_as_often_as_there_are_samples(part: np.ndarray) -> None:
    weight = balanced("balance_reweight-groups", part, 6).weight
    assert weight.sum() == pytest.approx(len(part), rel=1e-12)
    expected = np.bincount(part, weight)[np.bincount(part) > 0]
    np.testing.assert_allclose(expected, len(part) / len(expected), rtol=1e-12)
    assert all(len(set(weight[part == value])) == 1 for value in np.unique(part))


@pytest.mark.parametrize(("factor", "visits"), [("1", EXACT), ("50", EXACT), ("0.5", DRAWN), ("1.25", DRAWN)])
def test_an_upweighted_sample_counts_once_and_the_factor_more(factor: str, visits: str) -> None:
    weights = balanced(f"upweight-errors-{factor}", np.array([0, 1, 0, 1]), 2)
    assert weights.weight.tolist() == [1, 1 + float(factor), 1, 1 + float(factor)]
    assert weights.candidates.tolist() == [False, True, False, True]
    assert weights.visits == visits and weights.notice is None


@pytest.mark.parametrize(
    ("value", "weight", "notice"),
    [
        (0, 1, "no training sample is in part 'part 1' of 'errors', so the factor λ = 50 changes nothing, and training is ERM"),
        (
            1,
            51,
            "every training sample is in part 'part 1' of 'errors', so the factor λ = 50 gives all of them the weight 51, and training is "
            "ERM with more visits",
        ),
    ],
)
def test_upweighting_none_or_all_is_erm_and_noticed(value: int, weight: float, notice: str) -> None:
    weights = balanced("upweight-errors-50", np.full(3, value), 2)
    assert weights.weight.tolist() == [weight] * 3 and weights.visits == EXACT
    assert weights.candidates.tolist() == [bool(value)] * 3
    assert weights.notice == notice


def test_upweighting_takes_two_parts(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(PlanError, match="'groups' has 3 parts, but 'upweight' needs a partition of two") as error:
        balanced("upweight-groups-2", np.array([0, 1, 2]), 3)
    assert_one_sentence(str(error.value))


def test_all_carriers_of_all_classes_are_deleted() -> None:
    label, carrier = np.array([0, 0, 1, 1, 2], dtype=np.int16), np.array([1, 0, 1, 0, 0], dtype=np.int8)
    found = weigh(request("without_carriers", (label, carrier, carrier, np.arange(5))))
    assert found.weight.tolist() == [0, 1, 0, 1, 1] and found.candidates.tolist() == [True, False, True, False, False]
    assert found.visits == EXACT


@pytest.mark.parametrize(("carrier", "said"), [(0, "no training sample is a carrier"), (-1, "it is not known which training samples")])
def test_without_known_carriers_nothing_is_deleted(carrier: int, said: str, assert_one_sentence: Callable[[str], None]) -> None:
    nobody = np.full(3, carrier, dtype=np.int8)
    with pytest.raises(PlanError, match=said) as error:
        weigh(request("without_carriers", (np.zeros(3, np.int16), nobody, nobody, np.arange(3))))
    assert_one_sentence(str(error.value))

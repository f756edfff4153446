"""Advice: choices, inferred groups, tallies, evidence, the rule of the recommendation, lists, the diagnosis; values by hand."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.advice import diagnosis, inference, lists, recommendation, tallies
from spurprune.advice.choices import Choice, choices, percent, plans_of
from spurprune.advice.evidence import ACCURACY, RELIANCE, Evidence, Measure, rows
from spurprune.advice.tallies import Division
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.samples import Samples

SECTION = {"score": "el2n", "sparsities": ["0.20", "0.05"], "suspected": ["0.50"]}
HARDEST, RANDOM = Choice("per_class-el2n-hardest-0.05", "random-0.05", "0.05"), Choice("per_class-el2n-hardest-0.20", "random-0.20", "0.20")
OF_SUSPECTS = Choice("within-suspects-el2n-hardest-0.50", "within-suspects-random-hardest-0.50", "0.50", "suspects")
REGION = ("cat", "left")


def test_choices_prune_ever_more_of_every_class_and_of_suspects() -> None:
    found = choices(SECTION, ["suspects"])
    assert found == [HARDEST, RANDOM, OF_SUSPECTS]
    assert plans_of(found) == ["none", HARDEST.plan, "random-0.05", RANDOM.plan, "random-0.20", OF_SUSPECTS.plan, OF_SUSPECTS.control]
    assert choices(SECTION, []) == [HARDEST, RANDOM]
    assert [one.words for one in found] == [
        "the hardest 5% of every class",
        "the hardest 20% of every class",
        "the hardest 50% of the suspects of every region",
    ]


@pytest.mark.parametrize(
    ("sparsity", "shown"), [("0.05", "5%"), ("0.10", "10%"), ("0.125", "12.5%"), ("0.2501", "25.01%"), ("0.29", "29%")]
)
def test_a_sparsity_as_a_percentage(sparsity: str, shown: str) -> None:
    assert percent(sparsity) == shown


def test_a_sample_is_of_the_part_of_its_class_whose_mean_is_nearest() -> None:
    features = np.array([[0.0, 0], [0, 2], [10, 0], [100, 0]])
    label, part = np.array([0, 0, 0, 1]), np.array([3, 3, 5, 7])
    of, of_label = np.array([[1.0, 1], [9, 0], [9, 0], [0, 0]]), np.array([0, 0, 1, 2])
    assert inference.nearest_parts(features, label, part, of, of_label).tolist() == [3, 5, 7, inference.UNKNOWN]


@given(st.integers(0, 2**32 - 1))
def test_training_samples_of_separate_clusters_are_of_their_own(seed: int) -> None:
    rng = np.random.default_rng(seed)
    label, cluster = rng.integers(0, 2, 40), rng.integers(0, 3, 40)
    features = 100.0 * cluster[:, None] + rng.normal(size=(40, 4))
    part = label * 3 + cluster
    assert (inference.nearest_parts(features, label, part, features, label) == part).all()


def samples(label: list[int], group: list[int], mark: list[int]) -> Samples:
    n = len(label)
    none = np.full(n, -1, dtype=np.int8)
    split = np.full(n, "validation", dtype=object)
    attributes = {"mark": np.array(mark, dtype=np.int16)}
    ids = np.arange(n)
    return Samples(0, ids, split, np.array(label, dtype=np.int16), attributes, none, none, np.array(group, dtype=np.int32))


def test_known_divisions_leave_out_what_is_unknown() -> None:
    mark = Attribute.of("mark", ("no", "yes"))
    one = samples([0, 0, 1, 1], [0, 1, 3, -1], [0, 1, 1, -1])
    found = tallies.known(one, np.arange(4), Grouping(("cat", "dog"), (mark,)), [mark])
    assert [(division.kind, division.name, division.part.tolist()) for division in found] == [
        ("whole", "whole", [0, 0, 0, 0]),
        ("classes", "classes", [0, 0, 1, 1]),
        ("groups", "groups", [0, 1, 3, -1]),
        ("attribute", "mark", [0, 1, 3, -1]),
    ]
    assert found[3].names == ("cat, mark no", "cat, mark yes", "dog, mark no", "dog, mark yes")
    assert [division.kind for division in tallies.known(one, np.arange(4), Grouping(("cat", "dog")), ())] == ["whole", "classes"]


def test_a_tally_counts_samples_and_those_that_are_right() -> None:
    division = Division("inferred", "clusters", np.array([0, 2, 2, -1, 2]), ("a", "b", "c"))
    assert tallies.tally(division, np.array([True, True, False, True, True])) == {"a": (1, 1), "c": (3, 2)}


def evidence(
    values: Mapping[tuple[str, str, str, str], list[tuple[int, int]]], shares: Mapping[tuple[str, str], Any] | None = None
) -> Evidence:
    """Evidence by (plan, kind, division, part): each repeat's numbers of samples and of right ones on validation."""
    found = [
        (plan, repeat, "validation", kind, division, part, n, right)
        for (plan, kind, division, part), counts in values.items()
        for repeat, (n, right) in enumerate(counts)
    ]
    return Evidence(pd.DataFrame(found, columns=["plan", "repeat", "split", "kind", "division", "part", "n", "n_correct"]), shares or {})


def of_accuracy(plan: str, values: list[int]) -> dict[tuple[str, str, str, str], list[tuple[int, int]]]:
    return {(plan, "whole", "whole", "all samples"): [(1000, value) for value in values]}


def of_groups(plan: str, kind: str, values: list[int]) -> dict[tuple[str, str, str, str], list[tuple[int, int]]]:
    """The worst of three parts, of which one is too small to count."""
    return {
        (plan, kind, kind, "worst"): [(100, value) for value in values],
        (plan, kind, kind, "best"): [(100, 99) for _ in values],
        (plan, kind, kind, "tiny"): [(9, 0) for _ in values],
    }


def test_the_worst_part_has_enough_samples() -> None:
    found = evidence(of_groups("none", "inferred", [50, 70]) | of_accuracy("none", [900, 800]))
    assert found.values(Measure("inferred", "inferred"), "none") == {0: 0.5, 1: 0.7}
    assert found.values(ACCURACY, "none") == {0: 0.9, 1: 0.8}
    assert found.values(ACCURACY, "none", "test") == found.values(ACCURACY, "random-0.05") == {}
    assert found.measures == [ACCURACY, Measure("inferred", "inferred")] and found.repeats == [0, 1]


def test_reliance_is_that_on_the_region_on_which_most_depends() -> None:
    shares = {("suspects", "none"): {REGION: {0: 0.3, 1: 0.1}, ("dog", "right"): {0: 0.4}}}
    found = evidence(of_accuracy("none", [900, 900]), shares)
    assert found.values(Measure(RELIANCE, "suspects"), "none") == {0: 0.4, 1: 0.1}
    assert found.values(Measure(RELIANCE, "suspects"), "none", "test") == {}


def test_rows_pair_differences_by_repeat() -> None:
    values = of_accuracy("none", [900, 800]) | of_accuracy(HARDEST.plan, [930, 810]) | of_accuracy(HARDEST.control, [890, 790])
    nothing, hardest, random = rows(evidence(values), [HARDEST])
    assert (nothing.pruned, nothing.value.mean, nothing.from_none.n) == ("nothing", pytest.approx(0.85), 0)
    assert (hardest.from_none.mean, hardest.from_random.mean) == (pytest.approx(0.02), pytest.approx(0.03))
    assert (random.pruned, random.from_random.n) == ("random 5% of every class", 0)


def judged(worst: list[int], random: list[int], accuracy: list[int], kind: str = "inferred") -> recommendation.Trial:
    """A choice judged, beside no pruning whose worst group has 50 to 52 of 100, and accuracy 900 of 1,000."""
    without = [50 + repeat % 3 for repeat in range(5)]
    values = of_groups("none", kind, without) | of_accuracy("none", [900] * 5)
    values |= of_groups(HARDEST.plan, kind, worst) | of_accuracy(HARDEST.plan, accuracy)
    values |= of_groups(HARDEST.control, kind, random) | of_accuracy(HARDEST.control, [900] * 5)
    (found,) = recommendation.judge(evidence(values), [HARDEST])
    return found


SAME, BETTER, KEPT = [50, 52, 50, 51, 50], [70, 71, 75, 70, 74], [901, 899, 900, 902, 898]


def test_a_choice_helps_if_it_beats_both_and_accuracy_stays() -> None:
    found = judged(BETTER, SAME, KEPT)
    assert found.helps and found.gain.mean == pytest.approx((72 - 50.8) / 100) and found.p < 0.001
    assert recommendation.best([found]) == found


@pytest.mark.parametrize(
    ("worst", "random", "accuracy", "failed", "words"),
    [
        (SAME, SAME, KEPT, 1, "worst inferred group (inferred) is not better than without pruning"),
        (BETTER, BETTER, KEPT, 2, "worst inferred group (inferred) is not better than with random samples pruned"),
        (BETTER, SAME, [860, 870, 880, 890, 900], 3, "accuracy may fall by 3.5 percentage points"),
    ],
)
def test_each_condition_may_fail(worst: list[int], random: list[int], accuracy: list[int], failed: int, words: str) -> None:
    found = judged(worst, random, accuracy)
    assert (found.failed, found.words) == (failed, words)
    assert recommendation.best([found]) is None


def test_known_groups_alone_are_the_target_where_they_are_named() -> None:
    without = of_groups("none", "groups", [50] * 5) | of_groups("none", "inferred", [50] * 5)
    shares = {("suspects", "none"): {REGION: {0: 0.5}}}
    found = evidence(without, shares)
    assert recommendation.targets(found, HARDEST) == recommendation.targets(found, OF_SUSPECTS) == [Measure("groups", "groups")]
    inferred = evidence(of_groups("none", "inferred", [50] * 5), shares)
    assert recommendation.targets(inferred, HARDEST) == [Measure("inferred", "inferred")]
    assert recommendation.targets(inferred, OF_SUSPECTS) == [Measure(RELIANCE, "suspects")]


def test_test_samples_decide_nothing() -> None:
    values = of_groups("none", "inferred", [50 + repeat % 3 for repeat in range(5)]) | of_accuracy("none", [900] * 5)
    values |= of_groups(HARDEST.plan, "inferred", BETTER) | of_accuracy(HARDEST.plan, KEPT)
    values |= of_groups(HARDEST.control, "inferred", SAME) | of_accuracy(HARDEST.control, KEPT)
    found = evidence(values)
    tested = found.counts.assign(split="test", n_correct=np.random.default_rng(0).permutation(found.counts["n_correct"]))
    with_test = Evidence(pd.concat([tested, found.counts], ignore_index=True), {})
    assert with_test.values(ACCURACY, "none", "test") != found.values(ACCURACY, "none")
    assert recommendation.judge(with_test, [HARDEST]) == recommendation.judge(found, [HARDEST])


def test_tests_are_corrected_for_their_number() -> None:
    many = [Choice(f"per_class-el2n-hardest-0.{number}0", "random-0.05", f"0.{number}0") for number in range(1, 10)]
    values = of_groups("none", "inferred", [50 + repeat % 3 for repeat in range(5)]) | of_accuracy("none", [900] * 5)
    for one in many:
        values |= of_groups(one.plan, "inferred", BETTER) | of_accuracy(one.plan, KEPT)
    values |= of_groups("random-0.05", "inferred", SAME) | of_accuracy("random-0.05", KEPT)
    alone, *_ = recommendation.judge(evidence(values), many[:1])
    together = recommendation.judge(evidence(values), many)
    assert [one.p for one in together] == [pytest.approx(9 * alone.p)] * 9
    assert recommendation.best(together) == together[0], "of equals, the one that prunes least"


def cured(after: list[float], random: list[float]) -> recommendation.Trial:
    shares = {
        ("suspects", plan): {REGION: dict(enumerate(values))}
        for plan, values in (("none", [0.5, 0.6, 0.55, 0.52, 0.58]), (OF_SUSPECTS.plan, after), (OF_SUSPECTS.control, random))
    }
    values = of_accuracy("none", [900] * 5) | of_accuracy(OF_SUSPECTS.plan, KEPT)
    (found,) = recommendation.judge(evidence(values, shares), [OF_SUSPECTS])
    return found


def test_a_region_that_is_cured_is_recommended_by_its_name() -> None:
    found = cured([0.1, 0.12, 0.08, 0.1, 0.1], [0.4, 0.5, 0.45, 0.4, 0.5])
    assert found.helps and found.region == REGION and found.cured == (REGION,)
    assert found.gain.mean == pytest.approx(-0.45 + 2 * 0.45)
    assert found.target_words == "reliance on left for class cat"


def test_a_region_that_is_not_cured_is_none() -> None:
    found = cured([0.5, 0.61, 0.54, 0.52, 0.58], [0.5, 0.6, 0.55, 0.52, 0.58])
    assert (found.failed, found.cured) == (1, ())


def test_without_suspects_there_is_nothing_to_cure() -> None:
    values = of_accuracy("none", [900] * 5) | of_accuracy(OF_SUSPECTS.plan, KEPT)
    (found,) = recommendation.judge(evidence(values, {("suspects", "none"): {}}), [OF_SUSPECTS])
    assert (found.failed, found.gain.n, found.region) == (1, 0, None)


def listed() -> lists.Listed:
    """Six samples, two of them suspected in at least two of three repeats."""
    scores = [(np.array([5, 1, 2, 3, 4, 9]), np.array([0.5, 0.1, 0.2, 0.3, 0.4, 0.9])) for _ in range(2)]
    scores.append((np.array([5, 1, 2, 3, 4]), np.array([0.8, 0.1, 0.2, 0.3, 0.4])))
    suspected = [{1: REGION, 5: ("dog", "right")}, {1: REGION, 5: ("dog", "right"), 9: REGION}, {1: ("cat", "right"), 3: REGION}]
    return lists.listed(scores, {1: 0, 2: 0, 3: 0, 4: 1, 5: 1, 9: 1}, suspected)


def test_the_list_goes_by_the_mean_over_the_repeats_of_a_sample() -> None:
    found = listed()
    assert found.sample_id.tolist() == [1, 2, 3, 4, 5, 9]
    assert found.difficulty.tolist() == [pytest.approx(value) for value in (0.1, 0.2, 0.3, 0.4, 0.6, 0.9)]
    assert found.rank.tolist() == [0, 1, 2, 0, 1, 2]
    assert found.region == [REGION, None, None, None, ("dog", "right"), None]


def test_a_choice_drops_the_hardest_of_every_class_or_of_every_region() -> None:
    found = listed()
    third = Choice("per_class-el2n-hardest-0.33", "random-0.33", "0.33")
    assert lists.dropped(found, third).tolist() == [False, False, True, False, False, True]
    assert lists.dropped(found, OF_SUSPECTS).tolist() == [True, False, False, False, True, False], "half of one, rounded up"
    assert lists.dropped(found, OF_SUSPECTS, [REGION]).tolist() == [True, False, False, False, False, False]
    assert not lists.dropped(found, OF_SUSPECTS, []).any()


@given(st.lists(st.integers(0, 3), min_size=4, max_size=40), st.integers(0, 2**32 - 1))
def test_larger_choices_drop_all_that_smaller_ones_do(label: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).random(len(label)).round(1)  # with ties
    found = lists.listed([(np.arange(len(label)), values)], dict(enumerate(label)), [])
    before = np.zeros(len(label), dtype=bool)
    for sparsity in ("0.05", "0.10", "0.25", "0.50"):
        after = lists.dropped(found, Choice("", "", sparsity))
        assert (after | ~before).all()
        before = after


def test_reasons_say_why() -> None:
    found = listed()
    drop = lists.dropped(found, OF_SUSPECTS, [REGION])
    why = lists.reasons(found, OF_SUSPECTS, drop, ["cat", "dog"])
    assert (
        why[0] == "among the hardest 50% of those suspected of left for class cat; number 1 of 3 in its class, the last being the hardest"
    )
    assert why[1] == "kept; number 2 of 3 in its class, the last being the hardest"
    assert why[4] == "kept; one of those suspected of right for class dog; number 2 of 3 in its class, the last being the hardest"
    of_class = lists.reasons(found, HARDEST, np.array([True] + [False] * 5), ["cat", "dog"])
    assert of_class[0] == "among the hardest 5% of class cat; number 1 of 3 in its class, the last being the hardest"


def test_agreement_of_rankings() -> None:
    ascending = np.arange(20.0)
    assert diagnosis.agreement([ascending, ascending**2, ascending * 3]) == diagnosis.Agreement(3, pytest.approx(1), pytest.approx(1))
    found = diagnosis.agreement([ascending, -ascending])
    assert (found.correlation, found.overlap) == (pytest.approx(-1), 0)
    assert diagnosis.agreement([ascending]).pairs == 0
    both = [diagnosis.Agreement(3, 0.5, 0.1), diagnosis.Agreement(1, 0.9, 0.5), diagnosis.Agreement(0, math.nan, math.nan)]
    assert diagnosis.pooled(both) == diagnosis.Agreement(4, pytest.approx(0.6), pytest.approx(0.2))


def test_carriers_that_are_all_easy_are_identifiable() -> None:
    rank = np.arange(80)
    easy = diagnosis.spread("carriers", "cat", rank < 20, rank)
    assert easy.counts == (20, 0, 0, 0) and easy.p == pytest.approx(6.94e-13, rel=0.01) and easy.is_identifiable  # chi-square 60, 3 degrees
    everywhere = diagnosis.spread("carriers", "cat", rank % 4 == 0, rank)
    assert everywhere.counts == (5, 5, 5, 5) and everywhere.p == pytest.approx(1) and not everywhere.is_identifiable


@pytest.mark.parametrize("members", [np.zeros(80, dtype=bool), np.ones(80, dtype=bool), np.arange(80) < 19])
def test_too_few_or_all_samples_are_not_tested(members: np.ndarray) -> None:
    found = diagnosis.spread("carriers", "cat", members, np.arange(80))
    assert math.isnan(found.p) and not found.is_identifiable


def test_a_label_may_be_wrong_if_all_networks_see_one_other_class_in_a_hard_sample() -> None:
    label, rank, size = np.array([0, 0, 0, 0]), np.array([19, 18, 5, 19]), np.full(4, 20)
    predicted = np.array([[1, 1, 1, 1], [1, 2, 1, 1]])
    assert diagnosis.mislabelled(rank, size, predicted, label).tolist() == [True, False, False, True]
    assert diagnosis.mislabelled(rank, size, np.zeros((2, 4), dtype=int), label).tolist() == [False] * 4


def test_the_diagnosis_as_plain_values_has_no_nan() -> None:
    found = diagnosis.Diagnosis(
        diagnosis.Agreement(0, math.nan, math.nan),
        diagnosis.Agreement(1, 0.5, 0.25),
        [diagnosis.Spread("Suspects of left", "cat", (1, 0, 0, 0), math.nan)],
        [diagnosis.Balance("classes", {"cat": 30, "dog": 10})],
        4,
        1,
        7,
    )
    plain: Any = found.to_plain()
    assert plain["stability"]["between_seeds"] == {"pairs": 0, "spearman": None, "overlap_of_hardest_0.1": None}
    assert plain["identifiability"][0]["p"] is None and plain["identifiability"][0]["identifiable"] is None
    assert plain["balance"] == [{"what": "classes", "sizes": {"cat": 30, "dog": 10}, "ratio": 3.0}]
    words = diagnosis.sentences(found)
    assert any("too few for a test" in one for one in words) and any("3.0 times as large" in one for one in words)
    assert words[-1].startswith("4 of the hardest samples may have a wrong label") and "of the 7 suspects, 1 are among them" in words[-1]

"""Quotas by class recall: counts worked out by hand, what holds for all of them, and the stage that reads a run's predictions."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data import samples as sampling
from spurprune.data.embedding import predictions_table
from spurprune.data.grouping import Grouping
from spurprune.data.inputs import Manifest, write_manifest
from spurprune.data.samples import Samples
from spurprune.errors import DataError, PlanError
from spurprune.pruning import plan as plans
from spurprune.pruning.strategies import class_quota
from spurprune.pruning.strategies.class_quota import quotas
from spurprune.pruning.thinning import pruned_count
from spurprune.pruning.weights import EXACT, Request, Weights
from spurprune.stages import prune_metadata
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance
from spurprune.storage.words import VIEWS


def kept(recall: list[float], size: list[int], total: int) -> list[int]:
    found: list[int] = quotas(np.array(recall), np.array(size), total).tolist()
    return found


@pytest.mark.parametrize(
    ("recall", "size", "total", "expected"),
    [
        ([0.5, 0.75], [10, 10], 6, [4, 2]),  # two thirds and one third
        ([0.5, 0.75], [10, 20], 10, [5, 5]),  # the second has half the rate, and twice the samples
        ([0.5, 0.75], [10, 10], 7, [5, 2]),  # 4.67 and 2.33
        ([0.5, 0.75], [10, 10], 18, [10, 8]),  # of 12 and 6, the first can take 10; its excess goes to the second
        ([0.25, 0.5, 0.75], [8, 8, 8], 12, [6, 4, 2]),
        ([0.2, 0.6, 0.9], [10, 10, 20], 28, [10, 10, 8]),  # 16, 8, 4; then 12, 6 of the other 18; then 8 of 8
        ([0.2, 0.6, 0.9], [10, 10, 20], 7, [4, 2, 1]),
        ([0.5, 0.5, 0.5], [4, 4, 4], 4, [2, 1, 1]),  # claims are equal, and the lower label's comes first
    ],
)
def test_quotas_by_hand(recall: list[float], size: list[int], total: int, expected: list[int]) -> None:
    assert kept(recall, size, total) == expected


def test_classes_of_recall_1_share_what_the_others_leave() -> None:
    assert kept([1.0, 0.5, 1.0], [10, 10, 20], 8) == [0, 8, 0]
    assert kept([1.0, 0.5, 1.0], [10, 10, 20], 25) == [5, 10, 10]


def test_without_any_mistake_all_classes_keep_the_same_share() -> None:
    assert kept([1.0, 1.0], [10, 20], 15) == [5, 10]


def test_absent_classes_have_no_quota() -> None:
    assert kept([0.5, np.nan, 0.75], [10, 0, 10], 6) == [4, 0, 2]


Data = tuple[np.ndarray, np.ndarray, int]


@st.composite
def classes(draw: st.DrawFn) -> Data:
    """(recall, size, total): recalls are shares of some validation samples, and not all classes need have training samples."""
    count = draw(st.integers(1, 5))
    size = np.array([draw(st.integers(0, 30)) for _ in range(count)])
    size[0] += 1
    recall = np.array([draw(st.integers(0, one)) / one for one in (draw(st.integers(1, 12)) for _ in range(count))])
    return recall, size, draw(st.integers(0, int(size.sum())))


@given(classes())
def test_counts_add_up_and_none_exceeds_its_class(data: Data) -> None:
    recall, size, total = data
    found = quotas(recall, size, total)
    assert found.sum() == total and (found >= 0).all() and (found <= size).all()


@given(classes())
def test_a_larger_total_takes_none_from_any_class(data: Data) -> None:
    recall, size, total = data
    before = np.zeros(len(size), dtype=np.int64)
    for one in range(total + 1):
        found = quotas(recall, size, one)
        assert (found >= before).all()
        before = found


@given(classes())
def test_one_rate_rounded_half_up_gives_all_counts_below_the_cap(data: Data) -> None:
    """Some c has kept = ⌊c·(1 − r)·N + ½⌋ for every class that is not whole, and at least N for those that are."""
    recall, size, total = data
    missed = [1 - Fraction(float(one)).limit_denominator(12) for one in recall]
    rates = [(Fraction(n), one * int(of), int(of)) for n, one, of in zip(quotas(recall, size, total).tolist(), missed, size, strict=True)]
    lowest = max(((n - Fraction(1, 2)) / claim for n, claim, _ in rates if claim and n), default=Fraction(0))
    highest = [(n + Fraction(1, 2)) / claim for n, claim, of in rates if claim and n < of]
    assert all(lowest <= one for one in highest)
    if any(n for n, claim, _ in rates if not claim):
        assert not highest, "classes of recall 1 have samples only once the others are whole"


def shares(recall: np.ndarray, size: np.ndarray, total: int) -> list[Fraction]:
    """The shares in exact fractions, by capping at 1 and giving the excess to the others until none exceeds; some class has mistakes."""
    missed = [1 - Fraction(float(one)).limit_denominator(12) for one in recall]
    whole: set[int] = set()
    while True:
        rest = [k for k in range(len(size)) if k not in whole and missed[k] and size[k]]
        left = total - sum(int(size[k]) for k in whole)
        rate = Fraction(left) / sum((missed[k] * int(size[k]) for k in rest), Fraction(0)) if rest else Fraction(0)
        exceeding = {k for k in rest if rate * missed[k] > 1}
        if not exceeding:
            return [Fraction(1) if k in whole else rate * missed[k] if k in rest else Fraction(0) for k in range(len(size))]
        whole |= exceeding


@given(classes())
def test_counts_are_the_capped_shares_to_within_the_rounding(data: Data) -> None:
    recall, size, total = data
    total = min(total, int(size[recall < 1].sum()))  # with more, classes of recall 1 have samples
    wanted, found = shares(recall, size, total), quotas(recall, size, total).tolist()
    for share, n, count in zip(wanted, size.tolist(), found, strict=True):
        assert abs(share * n - count) <= len(size) / 2


@given(classes())
def test_shares_follow_the_share_of_mistakes(data: Data) -> None:
    recall, size, total = data
    found = quotas(recall, np.where(size > 0, 12, 0), min(total, 12 * int((size > 0).sum())))
    present = np.flatnonzero(size)
    order = present[np.argsort(-recall[present], kind="stable")]  # fewer mistakes first
    higher = recall[order][:-1] > recall[order][1:]
    assert (np.diff(found[order])[higher] >= 0).all()


LABEL = np.repeat([0, 1], [10, 20]).astype(np.int16)


def weigh(sparsity: str, recall: list[float], label: np.ndarray = LABEL, repeat: int = 0) -> Weights:
    unknown = np.full(len(label), -1)
    plan = plans.parse(f"class_quota-erm-{sparsity}")
    return class_quota.weigh(Request(plan, repeat, label, unknown, unknown, unknown, recall=np.array(recall)))


def test_samples_are_drawn_within_their_class() -> None:
    weights = weigh("0.50", [0.2, 0.8])  # rates of 4 to 1: 10 of 10, of which it could take 10, and 5 of 20
    assert np.bincount(LABEL, weights.weight).tolist() == [10, 5]
    assert weights.visits == EXACT and weights.candidates.all() and weights.notice is None
    assert not np.array_equal(weights.weight, weigh("0.50", [0.2, 0.8], repeat=1).weight), "repeats draw others"


@given(st.lists(st.integers(0, 20), min_size=3, max_size=3), st.integers(0, 98), st.integers(1, 99))
def test_a_larger_sparsity_prunes_a_superset(mistakes: list[int], lower: int, higher: int) -> None:
    lower, higher = sorted((lower, higher))
    label = np.random.default_rng(0).integers(0, 3, 60).astype(np.int16)
    recall = [one / 20 for one in mistakes]
    one, other = (weigh(f"0.{sparsity:02d}", recall, label) for sparsity in (lower, higher))
    assert (one.weight >= other.weight).all()
    assert one.weight.sum() == 60 - pruned_count(60, f"0.{lower:02d}")


def test_perfect_recall_is_noticed() -> None:
    weights = weigh("0.50", [1.0, 1.0])
    assert weights.notice == "every class has a recall of 1, so all classes keep the same share"
    assert np.bincount(LABEL, weights.weight).tolist() == [5, 10]
    assert weigh("0.50", [1.0, 0.5]).notice is None


def test_a_plan_names_its_method_and_its_sparsity() -> None:
    parsed = plans.parse("class_quota-erm_tuned-0.25")
    assert (parsed.strategy, parsed.predictor, parsed.sparsity, parsed.method) == ("class_quota", "erm_tuned", "0.25", None)
    assert plans.parse("tuned-erm").predictor is None


@pytest.mark.parametrize(
    "name", ["class_quota-erm", "class_quota-0.25", "class_quota-Erm-0.25", "class_quota-erm-0.2", "class_quota-erm-1.00"]
)
def test_other_names_are_no_plans(name: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(PlanError, match="is not a plan; plans of this strategy are written class_quota-METHOD-SPARSITY") as error:
        plans.parse(name)
    assert_one_sentence(str(error.value))


# The stage

CLASSES = ("cat", "dog", "eel")
REPEATS = [0, 1]
TRAIN = np.repeat([0, 1, 2], [10, 10, 20])
HELD_OUT = np.repeat([0, 1, 2], [5, 5, 10])
RIGHT = {0: [1, 3, 9], 1: [4, 0, 9]}  # of each class's validation samples, in each repeat
PLACE = {"setting": "pets", "block": "000-001"}
PROVENANCE = Provenance({**PLACE, "plan": "class_quota-erm-0.30"}, "0+code", "config", REPEATS)
OF_RUN = Provenance({**PLACE, "method": "erm", "plan": "none", "candidate": ""}, "0+code", "config", REPEATS)


class Folder:
    """Samples and a run's predictions: training samples first, then validation, then test samples, all of which are taken for cats."""

    def __init__(self, path: Path) -> None:
        self.path, self.samples, self.predictions = path, path / "samples.parquet", path / "predictions.parquet"
        self.sample()
        self.predict(RIGHT)
        channels, counts = (0.5,) * 3, {"train": 40, "validation": 20, "test": 3}
        manifest = Manifest("pets", 8, 63, (3, 8, 8), "uint8", CLASSES, (), counts, channels, channels, "", "", "")
        write_manifest(path / "manifest.json", manifest)

    def sample(self, held_out: np.ndarray = HELD_OUT) -> None:
        split = np.repeat(np.array(["train", "validation", "test"], dtype=object), [40, len(held_out), 3])
        label = np.concatenate([TRAIN, held_out, [0, 1, 2]]).astype(np.int16)
        ids, unknown = np.arange(len(label)), np.full(len(label), -1)
        every = [Samples(repeat, ids, split, label, {}, unknown, unknown, label.astype(np.int32)) for repeat in REPEATS]
        sampling.write(self.samples, every, Grouping(CLASSES), Provenance(PLACE, "0+code", "config", REPEATS))

    def predict(self, right: Mapping[int, list[int]], provenance: Provenance = OF_RUN, leave_out: int = 0, value: float = 1.0) -> None:
        """Write predictions of which so many of each class's validation samples are right, in reverse; featured samples are wrong."""
        parts = []
        for repeat, numbers in right.items():
            nth = np.concatenate([np.arange(n) for n in np.bincount(HELD_OUT)])
            taken_for = np.where(nth < np.array(numbers)[HELD_OUT], HELD_OUT, (HELD_OUT + 1) % 3)
            logits = np.eye(3, dtype=np.float32)[taken_for] * value
            ids = np.arange(40, 60)
            parts += [
                predictions_table(repeat, "validation", "natural", ids[::-1][leave_out:], logits[::-1][leave_out:]),
                predictions_table(repeat, "validation", "featured", ids, np.eye(3, dtype=np.float32)[(HELD_OUT + 1) % 3]),
                *(predictions_table(repeat, "test", view, np.arange(60, 63), np.eye(3, dtype=np.float32)[[0, 0, 0]]) for view in VIEWS),
            ]
        table = pa.concat_tables([part.unify_dictionaries() for part in parts])
        tables.write(self.predictions, table, schemas.PREDICTIONS, provenance)

    def prune(self, plan: str = "class_quota-erm-0.30", provenance: Provenance = PROVENANCE) -> dict[int, list[int]]:
        """Run prune_metadata; return how many samples of each class are kept in each repeat."""
        prune_metadata.run(
            samples=self.samples,
            difficulty=None,
            partition=None,
            predictions=self.predictions,
            manifest=self.path / "manifest.json",
            plan=plan,
            setting={"probe": None, "featured_classes": "all"},
            repeats=REPEATS,
            output=self.path / "plan.parquet",
            provenance=provenance,
        )
        table = tables.read(self.path / "plan.parquet", schemas.PLAN)
        repeat, weight = (to_numpy(table.column(name)) for name in ("repeat", "weight"))
        return {one: np.bincount(TRAIN, weight[repeat == one]).astype(int).tolist() for one in REPEATS}

    def metadata(self) -> dict[str, Any]:
        return tables.read_metadata(self.path / "plan.parquet", schemas.PLAN)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def refused(kind: type[Exception], action: Callable[[], object], assert_one_sentence: Callable[[str], None]) -> str:
    with pytest.raises(kind) as error:
        action()
    assert_one_sentence(str(error.value))
    return str(error.value)


def test_recalls_of_validation_samples_in_the_natural_view_decide(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spurprune"):
        # 28 of 40; repeat 0 as by hand above. In repeat 1, 0.2 of 10, 1 of 10 and 0.1 of 20 are as 2 to 10 to 2: 4, 20, 4; then 9 and 9.
        assert folder.prune() == {0: [10, 10, 8], 1: [9, 10, 9]}
    assert not caplog.records
    found = folder.metadata()
    assert found["notes"]["by_repeat"] == {
        "0": {"recall": {"cat": 0.2, "dog": 0.6, "eel": 0.9}},
        "1": {"recall": {"cat": 0.8, "dog": 0.0, "eel": 0.9}},
    }
    assert (found["counts"]["0"]["candidates"], found["counts"]["0"]["pruned"]) == (40, 12)


def test_a_plan_is_traced_to_the_predictions(folder: Folder) -> None:
    folder.prune(provenance=replace(PROVENANCE, made_by={"predictions": "code", "samples": "code"}))
    assert "predictions block=000-001 method=erm plan=none setting=pets" in folder.metadata()["sources"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "other"}, "of the method 'other', not of 'erm'"),
        ({"plan": "random-0.10"}, "of the plan 'random-0.10', not of 'none'"),
        ({"candidate": "options.C-1"}, "of the candidate 'options.C-1', not of 'none'"),
    ],
)
def test_predictions_of_other_runs_are_refused(
    folder: Folder, changes: dict[str, str], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    folder.predict(RIGHT, replace(OF_RUN, place={**OF_RUN.place, **changes}))
    assert reason in refused(DataError, folder.prune, assert_one_sentence)


def test_predictions_by_other_code_are_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    newer = replace(PROVENANCE, made_by={"predictions": "newer"})
    text = refused(DataError, lambda: folder.prune(provenance=newer), assert_one_sentence)
    assert "was made by another version of the code (code, not newer)" in text


def test_predictions_of_other_samples_are_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    folder.predict(RIGHT, leave_out=1)
    assert "does not hold exactly the predictions of repeat 0's validation split" in refused(DataError, folder.prune, assert_one_sentence)


def test_logits_that_are_not_finite_are_refused(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    folder.predict(RIGHT, value=np.nan)
    assert "the logits of sample 59 in repeat 0 are not finite" in refused(DataError, folder.prune, assert_one_sentence)


def test_a_class_without_validation_samples_is_named(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    folder.sample(np.where(HELD_OUT == 1, 0, HELD_OUT))
    assert refused(PlanError, folder.prune, assert_one_sentence) == (
        "pets, plan 'class_quota-erm-0.30', repeat 0: class 'dog' has no validation samples, so its recall is unknown; set the setting's "
        "validation to a share of the training split, or choose another plan."
    )


def test_a_class_of_recall_1_would_lose_all_its_samples(folder: Folder, assert_one_sentence: Callable[[str], None]) -> None:
    folder.predict({0: [5, 3, 9], 1: [5, 3, 9]})
    text = refused(PlanError, lambda: folder.prune("class_quota-erm-0.50", replace(PROVENANCE, place=PLACE)), assert_one_sentence)
    assert text.endswith(
        "class 'cat' would lose all its 10 training samples; its recall is 1.000, so lower the sparsity, hold out more samples or name a "
        "method trained less."
    )


def test_perfect_recall_is_logged(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.predict({0: [1, 3, 9], 1: [5, 5, 10]})
    with caplog.at_level(logging.WARNING, "spurprune"):
        assert folder.prune()[1] == [7, 7, 14]
    assert [one.getMessage() for one in caplog.records] == [
        "pets, plan 'class_quota-erm-0.30', repeat 1: every class has a recall of 1, so all classes keep the same share"
    ]

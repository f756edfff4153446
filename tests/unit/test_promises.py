"""What a setting promises and its samples lack: groups without test samples, plans without candidates, values that no sample has."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spurprune.data import samples as sampling
from spurprune.data.embedding import predictions_table
from spurprune.data.grouping import WITHOUT_WITH, Attribute, Grouping
from spurprune.data.inputs import Manifest, write_manifest
from spurprune.data.samples import SPLITS, Samples
from spurprune.difficulty.ranks import ranks_within
from spurprune.errors import DataError, PlanError
from spurprune.evaluation.frame import read_metrics
from spurprune.evaluation.missing import Missing, Ungrouped, joined, reason_in
from spurprune.stages import evaluate, prepare_splits, prune_metadata
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels
from spurprune.storage.provenance import Provenance

PROVENANCE = Provenance({"setting": "birds", "block": "000-000"}, "0+code", "config")
CLASSES = ("landbird", "waterbird")
BACKGROUND = Attribute("background", ("land", "water"), "on {value}")
GROUPING = Grouping(CLASSES, (BACKGROUND,))
LAND, WATER = 0, 1
Bird = tuple[str, int, int]  # split, class and background, -1 unknown


def manifest_of(counts: dict[str, int], attributes: Sequence[Attribute]) -> Manifest:
    channels = (0.5,) * 3
    size = sum(counts.values())
    return Manifest("birds", 8, size, (3, 8, 8), "uint8", CLASSES, tuple(attributes), counts, channels, channels, "", "", "")


def birds(repeat: int, rows: Sequence[Bird]) -> Samples:
    """The samples of one repeat; carriers are on water, and landbirds on land and waterbirds on water are aligned."""
    split, label, background = (np.array(column) for column in zip(*rows, strict=True))
    values, n = {"background": background.astype(np.int16)}, len(rows)
    carrier = sampling.has(values, {"background": WATER}, n)
    aligned = sampling.alignment(label, values, {0: {"background": LAND}, 1: {"background": WATER}})
    number = GROUPING.numbers(label.astype(np.int16), values)
    return Samples(repeat, np.arange(n), split.astype(object), label.astype(np.int16), values, carrier, aligned, number)


# evaluate

TRAIN: list[Bird] = [("train", 0, LAND)] * 6 + [("train", 0, WATER)] * 2 + [("train", 1, WATER)] * 4


def measure(folder: Path, tested: Mapping[int, Sequence[tuple[Bird, int]]], train: Sequence[Bird] = TRAIN) -> pa.Table:
    """Evaluate a run from each repeat's validation and test samples and their predicted classes; waterbirds are the probe's source."""
    samples = [birds(repeat, [*train, *(bird for bird, _ in rows)]) for repeat, rows in tested.items()]
    paths = {name: folder / f"{name}.parquet" for name in ("samples", "predictions", "plan", "metrics")}
    sampling.write(paths["samples"], samples, GROUPING, PROVENANCE)
    parts = []
    for repeat, rows in tested.items():
        for split in ("validation", "test"):
            places = [place for place, (bird, _) in enumerate(rows) if bird[0] == split]
            logits = np.eye(2, dtype=np.float32)[[rows[place][1] for place in places]]
            parts.append(predictions_table(repeat, split, "natural", np.array(places, np.int64) + len(train), logits.reshape(-1, 2)))
    tables.write(paths["predictions"], pa.concat_tables(parts), schemas.PREDICTIONS, PROVENANCE)
    counts = {str(repeat): {"candidates": 0, "pruned": 0, "train": len(train)} for repeat in tested}
    nothing = pa.table({name: pa.array([], kind) for name, kind in schemas.PLAN.columns.items()})
    tables.write(paths["plan"], nothing, schemas.PLAN, replace(PROVENANCE, counts=counts))
    write_manifest(folder / "manifest.json", manifest_of({}, [BACKGROUND]))
    evaluate.run(
        predictions=paths["predictions"],
        samples=paths["samples"],
        plan=paths["plan"],
        manifest=folder / "manifest.json",
        setting={"probe": {"source": "waterbird", "target": "landbird"}, "overlay_attribute": None, "featured_classes": None},
        names={"setting": "birds", "method": "erm", "plan": "none", "block": "000-000"},
        repeats=list(tested),
        output=paths["metrics"],
        provenance=PROVENANCE,
    )
    return tables.read(paths["metrics"], schemas.METRICS)


def values_of(table: pa.Table, repeat: int, split: str = "test") -> dict[str, tuple[int, float | None]]:
    """(n, value) by metric, or by group for group accuracies."""
    rows = [row for row in table.to_pylist() if (row["repeat"], row["split"]) == (repeat, split)]
    return {row["group"] or row["metric"]: (row["n"], row["value"]) for row in rows}


COMPLETE = [(("test", 0, LAND), 0), (("test", 0, LAND), 0), (("test", 0, WATER), 1), (("test", 0, WATER), 0), (("test", 1, WATER), 1)]
RIGHT = [(("test", 0, LAND), 0), (("test", 1, WATER), 1)]


def test_the_worst_group_is_missing_without_a_test_sample_of_a_group_in_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spurprune"):
        table = measure(tmp_path, {0: COMPLETE, 1: RIGHT})
    whole, lacking = values_of(table, 0), values_of(table, 1)
    assert whole["worst_group_accuracy"] == (5, 0.5)  # landbird on land 1, on water 1/2, waterbird on water 1
    assert whole["accuracy_weighted"] == (5, pytest.approx(6 / 12 + 2 / 12 * 0.5 + 4 / 12))
    assert whole["aligned_accuracy"] == (3, 1.0) and whole["conflict_accuracy"] == (2, 0.5)  # landbirds on land, waterbirds on water
    assert lacking["aligned_accuracy"] == (2, 1.0) and lacking["conflict_accuracy"] == (0, None)
    assert lacking["accuracy"] == (2, 1.0) and lacking["landbird on land"] == (1, 1.0)
    assert lacking["worst_group_accuracy"] == (0, None), "not 100%"
    assert lacking["accuracy_weighted"] == (0, None) and lacking["landbird on water"] == (0, None)
    assert lacking["worst_class_accuracy"] == (2, 1.0)
    assert "waterbird on land" not in lacking, "a group that exists nowhere is not counted"
    assert {row["n"] == 0 for row in table.to_pylist() if row["value"] is None and row["split"] != "train"} == {True}
    reason = "no sample is of 'landbird on water', which training has"
    assert [record.getMessage() for record in caplog.records] == [
        f"birds: accuracy_weighted of the test split is missing in repeat 1: {reason}",
        f"birds: worst_group_accuracy of the test split is missing in repeat 1: {reason}",
        f"birds: conflict_accuracy of the test split is missing in repeat 1: {reason}",
        "birds: spurious_misclassification of the test split is missing in repeat 1: no sample of the probe's target is known to have the "
        "feature",
        "birds: spurious_accuracy of the test split is missing in repeat 1: no sample of the probe's target is known to have the feature",
    ]
    notes = tables.read_metadata(tmp_path / "metrics.parquet", schemas.METRICS)["notes"]
    assert reason_in(notes, "test", "worst_group_accuracy", 1) == reason
    assert reason_in(notes, "test", "worst_group_accuracy", 0) is None
    assert reason_in(notes, "validation", "worst_group_accuracy", 1) is None


def test_a_group_that_is_only_tested_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train = [bird for bird in TRAIN if bird != ("train", 0, WATER)]
    with caplog.at_level(logging.WARNING, "spurprune"):
        found = values_of(measure(tmp_path, {0: COMPLETE}, train), 0)
    assert found["worst_group_accuracy"] == (5, 0.5) and found["accuracy_weighted"] == (5, 1.0)
    assert not caplog.records and tables.read_metadata(tmp_path / "metrics.parquet", schemas.METRICS)["notes"] == {}


def test_a_class_without_test_samples_makes_what_needs_it_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spurprune"):
        found = values_of(measure(tmp_path, {0: COMPLETE[:4]}), 0)
    assert found["accuracy"] == (4, 0.75)
    for name in ("worst_class_accuracy", "worst_group_accuracy", "accuracy_weighted", "reverse_misclassification", "waterbird on water"):
        assert found[name] == (0, None), name
    assert found["spurious_misclassification"] == (2, 0.5) and found["baseline_misclassification"] == (2, 0.0)
    said = [record.getMessage() for record in caplog.records]
    assert "birds: worst_class_accuracy of the test split is missing in repeat 0: no sample is of 'waterbird', which training has" in said
    assert "birds: reverse_misclassification of the test split is missing in repeat 0: no sample is of the probe's source" in said


def test_validation_and_test_are_judged_apart(tmp_path: Path) -> None:
    validation = [(("validation", 0, LAND), 0), (("validation", 1, WATER), 1)]
    table = measure(tmp_path, {0: [*COMPLETE, *validation]})
    assert values_of(table, 0)["worst_group_accuracy"] == (5, 0.5)
    assert values_of(table, 0, "validation")["worst_group_accuracy"] == (0, None)


@pytest.mark.parametrize(("known", "reason"), [(True, "'landbird on land' or 'landbird on water' or"), (False, "no sample is known to")])
def test_unknown_groups_have_no_worst(tmp_path: Path, known: bool, reason: str) -> None:
    train = TRAIN if known else [(split, label, -1) for split, label, _ in TRAIN]
    found = values_of(measure(tmp_path, {0: [((split, label, -1), predicted) for (split, label, _), predicted in COMPLETE]}, train), 0)
    assert found["worst_group_accuracy"] == (0, None) and found["worst_class_accuracy"] == (5, 0.75)
    notes = tables.read_metadata(tmp_path / "metrics.parquet", schemas.METRICS)["notes"]
    assert reason in str(reason_in(notes, "test", "worst_group_accuracy", 0))


def test_samples_of_unknown_group_are_not_behind_what_is_measured_by_group(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    unknown = [(("test", 0, -1), 1), (("test", 1, -1), 0), (("test", 1, -1), 1)]
    validation = [(("validation", 0, LAND), 0), (("validation", 0, WATER), 0), (("validation", 1, WATER), 1), (("validation", 1, -1), 0)]
    with caplog.at_level(logging.WARNING, "spurprune"):
        table = measure(
            tmp_path, {0: [*COMPLETE, *unknown, *validation], 1: [*COMPLETE, *unknown], 2: [*COMPLETE, unknown[0]], 3: COMPLETE}
        )
    test, validated = values_of(table, 0), values_of(table, 0, "validation")
    assert test["accuracy"] == (8, 5 / 8) and test["worst_class_accuracy"] == (8, 3 / 5)  # three of five landbirds, two of three waterbirds
    assert test["worst_group_accuracy"] == (5, 0.5)  # as without them: landbirds on water
    assert test["accuracy_weighted"] == (5, pytest.approx(6 / 12 + 2 / 12 * 0.5 + 4 / 12))
    assert validated["accuracy"] == (4, 0.75) and validated["worst_group_accuracy"] == (3, 1.0) == validated["accuracy_weighted"]
    assert values_of(table, 2)["worst_group_accuracy"] == (5, 0.5)
    left_out = "so group_accuracy, worst_group_accuracy and accuracy_weighted leave them out"
    assert [record.getMessage() for record in caplog.records] == [
        f"birds: the group of 1 of 4 validation samples is unknown in repeat 0, {left_out}",
        f"birds: the group of 3 of 8 test samples is unknown in repeats 0, 1, {left_out}",
        f"birds: the group of 1 of 6 test samples is unknown in repeat 2, {left_out}",
    ]
    notes = tables.read_metadata(tmp_path / "metrics.parquet", schemas.METRICS)["notes"]
    assert notes == {
        "unknown_groups": [
            {"split": "validation", "unknown": 1, "samples": 4, "repeats": [0]},
            {"split": "test", "unknown": 3, "samples": 8, "repeats": [0, 1]},
            {"split": "test", "unknown": 1, "samples": 6, "repeats": [2]},
        ]
    }
    assert read_metrics([tmp_path / "metrics.parquet"]).ungrouped == {("birds", "validation"): (1, 4), ("birds", "test"): (3, 8)}


@pytest.mark.parametrize(
    ("unknown", "reason"),
    [
        ({1}, "no training sample of 'waterbird' is known to belong to a group"),
        ({0, 1}, "no training sample is known to belong to a group"),
    ],
)
def test_a_class_without_known_groups_in_training_has_no_weight(
    tmp_path: Path, unknown: set[int], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    train = [(split, label, -1 if label in unknown else background) for split, label, background in TRAIN]
    with caplog.at_level(logging.WARNING, "spurprune"):
        found = values_of(measure(tmp_path, {0: COMPLETE}, train), 0)
    assert found["accuracy_weighted"] == (0, None), "not that of landbirds alone"
    assert found["worst_group_accuracy"] == (5, 0.5) and found["accuracy"] == (5, 0.8)
    notes = tables.read_metadata(tmp_path / "metrics.parquet", schemas.METRICS)["notes"]
    assert reason_in(notes, "test", "accuracy_weighted", 0) == reason
    assert [record.getMessage() for record in caplog.records] == [
        f"birds: accuracy_weighted of the test split is missing in repeat 0: {reason}"
    ]


def test_a_class_with_some_known_groups_in_training_has_the_weight_of_these(tmp_path: Path) -> None:
    train: list[Bird] = [*TRAIN[:-2], *[("train", 1, -1)] * 2]  # groups of 6, 2 and 2
    assert values_of(measure(tmp_path, {0: COMPLETE}, train), 0)["accuracy_weighted"] == (5, pytest.approx(6 / 10 + 2 / 10 * 0.5 + 2 / 10))


def test_without_test_samples_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spurprune"):
        table = measure(tmp_path, {0: [(("validation", 0, LAND), 0)], 1: COMPLETE})
    assert values_of(table, 0) == {} and values_of(table, 1)["accuracy"] == (5, 0.8)
    assert "birds, repeat 0: there is no test sample, so the run has no test metrics" in [record.getMessage() for record in caplog.records]


def test_reasons_are_joined_over_repeats() -> None:
    found = [Missing("test", "m", "why", (0,)), Missing("test", "m", "why", (2,)), Missing("test", "m", "other", (1,))]
    assert joined(found) == [Missing("test", "m", "why", (0, 2)), Missing("test", "m", "other", (1,))]
    assert joined(found)[0].sentence == "m of the test split is missing in repeats 0, 2: why"
    unknown = [Ungrouped("test", 1, 4, (0,)), Ungrouped("test", 2, 4, (1,)), Ungrouped("test", 1, 4, (3,))]
    assert joined(unknown) == [Ungrouped("test", 1, 4, (0, 3)), Ungrouped("test", 2, 4, (1,))]


# prune_metadata


def prune(folder: Path, plan: str, *by_repeat: Sequence[Bird]) -> dict[str, Any]:
    """Prune each repeat's birds and return the counts; difficulty is the place in the file."""
    samples = [birds(repeat, rows) for repeat, rows in enumerate(by_repeat)]
    sampling.write(folder / "samples.parquet", samples, GROUPING, PROVENANCE)
    ranks = [
        pa.table(
            {
                "repeat": np.full(len(one.label), one.repeat, np.int16),
                "sample_id": one.sample_id,
                "label": one.label,
                "score": one.sample_id / 100.0,
                "rank": one.sample_id.astype(np.int32),
                "rank_in_class": ranks_within(one.sample_id, one.label),
            }
        )
        for one in samples
    ]
    tables.write(folder / "difficulty.parquet", pa.concat_tables(ranks), schemas.DIFFICULTY, PROVENANCE)
    write_manifest(folder / "manifest.json", manifest_of({}, [BACKGROUND]))
    prune_metadata.run(
        samples=folder / "samples.parquet",
        difficulty=folder / "difficulty.parquet",
        partition=None,
        manifest=folder / "manifest.json",
        plan=plan,
        setting={"probe": {"source": "waterbird", "target": "landbird"}},
        repeats=list(range(len(by_repeat))),
        output=folder / "plan.parquet",
        provenance=PROVENANCE,
    )
    counts: dict[str, Any] = tables.read_metadata(folder / "plan.parquet", schemas.PLAN)["counts"]
    return counts


DRY: list[Bird] = [("train", 0, LAND)] * 6 + [("train", 1, LAND)] * 4
LAND_OF_WATERBIRDS: list[Bird] = [*TRAIN, ("train", 1, LAND)]
FEW = "raise the sparsity or remove the plan."
NONE = "remove the plan or change the setting so that it has some."


@pytest.mark.parametrize(
    ("plan", "rows", "reason"),
    [
        (
            "carriers-el2n-hardest-0.50",
            DRY,
            f"the candidates are the carriers of the probe's source class, of which there are none, so nothing could be pruned; {NONE}",
        ),
        (
            "carriers-el2n-hardest-0.00",
            DRY,
            f"the candidates are the carriers of the probe's source class, of which there are none, so nothing could be pruned; {NONE}",
        ),
        (
            "carriers-el2n-hardest-0.10",
            TRAIN,
            "the candidates are the carriers of the probe's source class, 4 samples, of which a sparsity of 0.10 rounds to none, so "
            f"nothing would be pruned; {FEW}",
        ),
        (
            "per_class-el2n-easiest-0.05",
            TRAIN,
            "the candidates are all training samples, 12 samples, of which a sparsity of 0.05 rounds to none, so nothing would be pruned; "
            f"{FEW}",
        ),
        ("random-0.05", TRAIN, "the candidates are all training samples, 12 samples, of which a sparsity of 0.05 rounds to none"),
        ("global-el2n-hardest-0.04", TRAIN, "the candidates are all training samples, 12 samples, of which a sparsity of 0.04 rounds to"),
        (
            "per_group-el2n-hardest-0.50",
            DRY,
            "the candidates are the aligned samples of known group, of which class 'waterbird' has none although 'aligned' names it; "
            "remove the class from 'aligned' or change the setting so that it has some.",
        ),
        ("per_group-el2n-hardest-0.50", [("train", 0, WATER), ("train", 1, LAND)], "no training sample is aligned"),
    ],
)
def test_a_plan_that_would_prune_nothing_is_refused(
    tmp_path: Path, plan: str, rows: list[Bird], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(PlanError) as error:
        prune(tmp_path, plan, [("train", 0, LAND)] * 20 + [("train", 1, WATER)] * 20, rows)
    assert str(error.value).startswith(f"birds, plan '{plan}', repeat 1: {reason}")
    assert_one_sentence(str(error.value))
    assert not (tmp_path / "plan.parquet").exists()


def test_a_sparsity_of_zero_and_plans_that_prune_one_are_allowed(tmp_path: Path) -> None:
    pruned = {plan: prune(tmp_path, plan, TRAIN)["0"]["pruned"] for plan in ("carriers-el2n-hardest-0.00", "random-0.00", "none")}
    assert pruned == dict.fromkeys(pruned, 0)
    assert prune(tmp_path, "carriers-el2n-hardest-0.13", TRAIN)["0"]["pruned"] == 1  # 0.52 of four
    assert prune(tmp_path, "per_class-el2n-hardest-0.10", TRAIN)["0"]["pruned"] == 1  # of eight landbirds, none of four waterbirds


# prepare_splits

SAMPLING: dict[str, Any] = {
    "validation": "official",
    "subset": {"draw": "per_repeat", "parts": {}},
    "groups": ["background"],
    "aligned": {"landbird": {"background": "land"}, "waterbird": {"background": "water"}},
    "carriers": {"choose": "natural", "where": {"background": "water"}, "class": "waterbird"},
    "overlay_attribute": None,
}
BASE: list[Bird] = [*TRAIN, ("validation", 0, LAND), ("test", 0, LAND), ("test", 1, WATER)]


def prepare(folder: Path, rows: Sequence[Bird] = BASE, attributes: Sequence[Attribute] = (BACKGROUND,), **changes: Any) -> Samples:
    """Prepare the samples of one repeat of a dataset with these rows; every attribute has the same codes."""
    split, label, code = (list(column) for column in zip(*rows, strict=True))
    columns = {
        "sample_id": np.arange(len(rows)),
        "split": labels(np.array(split), SPLITS),
        "label": np.array(label, np.int16),
        **{f"attribute_{one.name}": pa.array([None if c < 0 else c for c in code], pa.int16()) for one in attributes},
        "key": [str(place) for place in range(len(rows))],
    }
    tables.write(folder / "base.parquet", pa.table(columns), schemas.BASE, PROVENANCE)
    described = manifest_of({name: split.count(name) for name in SPLITS}, attributes)
    base = tables.origin_of(folder / "base.parquet", schemas.BASE, {})
    write_manifest(folder / "manifest.json", replace(described, base=base.identity))
    prepare_splits.run(
        base=folder / "base.parquet",
        manifest=folder / "manifest.json",
        difficulty=None,
        setting=SAMPLING | changes,
        repeats=[0],
        output=folder / "samples.parquet",
        provenance=PROVENANCE,
    )
    return sampling.read(folder / "samples.parquet").by_repeat[0]


def test_what_the_samples_have_is_accepted(tmp_path: Path) -> None:
    one = prepare(tmp_path)
    assert one.aligned[:12].tolist() == [1] * 6 + [0] * 2 + [1] * 4 and one.carrier[:12].tolist() == [0] * 6 + [1] * 6


NO_LINE = {"overlay_attribute": "line", "carriers": {"choose": "random", "count": 0, "draw": "fixed", "class": "waterbird"}}


@pytest.mark.parametrize(
    ("rows", "changes", "reason"),
    [
        (
            DRY,
            {"aligned": {}},
            "birds.carriers.where: no training sample of class 'waterbird' of 'birds' has these values; correct them.",
        ),
        (
            [("train", 0, LAND), ("train", 1, LAND)],
            {"aligned": {}, "carriers": {"choose": "natural", "where": {"background": "water"}}},
            "birds.carriers.where: no training sample of 'birds' has these values",
        ),
        (
            [bird for bird in BASE if bird != ("train", 0, LAND)],
            {},
            "birds.aligned.landbird: no training sample of class 'landbird' of 'birds' has these values",
        ),
        (BASE, {"aligned": {"seabird": {"background": "water"}}}, "birds.aligned: the dataset 'birds' has no class 'seabird'"),
        (BASE, {"aligned": {"landbird": {"background": "sea"}}}, "birds.aligned.landbird: the attribute 'background' has no value 'sea'"),
        (BASE, {"aligned": {"landbird": {"place": "sea"}}}, "birds.aligned.landbird: the dataset 'birds' has no attribute 'place'"),
        (
            BASE,
            {"carriers": {"choose": "natural", "where": {"background": "sea"}, "class": "waterbird"}},
            "birds.carriers.where: the attribute 'background' has no value 'sea'",
        ),
        (
            BASE,
            {"carriers": {"choose": "natural", "where": {"background": "water"}, "class": "seabird"}},
            "birds, probe.source or carriers.class: the dataset 'birds' has no class 'seabird'",
        ),
        (
            [(split, label, -1 if (split, label) == ("train", 1) else background) for split, label, background in BASE],
            {},
            "birds.aligned.waterbird: no training sample of class 'waterbird' of 'birds' is known to have these values; correct them.",
        ),
        (
            [*BASE, ("train", 1, -1)],
            {"subset": {"draw": "fixed", "parts": {"dry": {"class": "waterbird", "where": {"background": "water"}, "count": 0}}}},
            "birds.aligned.waterbird: these values are unknown for all 1 training samples of the class in repeat 0; remove the class from "
            "'aligned', or change the setting's subset or validation.",
        ),
        (
            BASE,
            {"subset": {"draw": "per_repeat", "parts": {"none": {"class": "waterbird", "count": 0}}}},
            "birds: repeat 0 has no train sample of class 'waterbird', with which the feature goes",
        ),
        (
            BASE,
            {"subset": {"draw": "per_repeat", "parts": {"none": {"class": "seabird", "count": 0}}}},
            "subset.parts.none.class: the dataset 'birds' has no class 'seabird'",
        ),
        (BASE, {"validation": 0.01}, "birds.validation is 0.01, which rounds to no sample of any class; raise it or set it to none."),
    ],
)
def test_what_no_sample_has_is_refused(
    tmp_path: Path, rows: list[Bird], changes: dict[str, Any], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(DataError) as error:
        prepare(tmp_path, rows, **changes)
    assert str(error.value).startswith(reason)
    assert_one_sentence(str(error.value))
    assert not (tmp_path / "samples.parquet").exists()


@pytest.mark.parametrize(("values", "found"), [(("A",), "only the value 'A'"), ((), "no known value")])
def test_an_attribute_of_one_value_divides_nothing(
    tmp_path: Path, values: tuple[str, ...], found: str, assert_one_sentence: Callable[[str], None]
) -> None:
    rows: list[Bird] = [(split, label, 0 if values else -1) for split, label, _ in BASE]
    alone = {"groups": ["site"], "aligned": {}, "carriers": {"choose": "none"}}
    with pytest.raises(DataError) as error:
        prepare(tmp_path, rows, [Attribute("site", values, ", site {value}")], **alone)
    assert str(error.value) == f"birds.groups names 'site', which has {found} in the data, so it divides nothing; remove it."
    assert_one_sentence(str(error.value))


def test_groups_of_one_name_are_refused_before_anything_is_trained(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    attributes = [Attribute.of("background", ("a", "a, paper c")), Attribute.of("paper", ("b", "c, paper b"))]
    changes = {"groups": ["background", "paper"], "aligned": {}, "carriers": {"choose": "none"}}
    with pytest.raises(DataError, match="Two groups have the name 'landbird, background a, paper c, paper b': class 'landbird'") as error:
        prepare(tmp_path, BASE, attributes, **changes)
    assert_one_sentence(str(error.value))


def test_the_source_needs_no_test_samples(tmp_path: Path) -> None:
    one = prepare(tmp_path, BASE[:-1])
    assert one.split.tolist().count("test") == 1 and not (one.label[one.rows("test")] == 1).any()


def test_unknown_values_and_carriers_that_are_none_on_purpose_are_accepted(tmp_path: Path) -> None:
    unknown: list[Bird] = [(split, label, -1 if split == "train" else WATER) for split, label, _ in BASE]
    assert set(prepare(tmp_path, unknown, aligned={}).carrier[:12]) == {-1}
    partly = [*BASE, ("train", 1, -1)]
    assert prepare(tmp_path, partly).aligned.tolist() == [1] * 6 + [0] * 2 + [1] * 4 + [1, 1, 1, -1]
    clean = prepare(tmp_path, **NO_LINE, groups=["line"], aligned={"waterbird": {"line": WITHOUT_WITH[1]}})
    assert not (clean.carrier == 1).any() and not (clean.aligned == 1).any()
    left_out = {"draw": "per_repeat", "parts": {"none": {"class": "landbird", "where": {"background": "land"}, "count": 0}}}
    one = prepare(tmp_path, subset=left_out)
    assert one.aligned[(one.split == "train") & (one.label == 0)].tolist() == [0, 0], "the dataset has them, the setting leaves them out"

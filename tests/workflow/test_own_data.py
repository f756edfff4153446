"""A user's own data, from tables to metrics: classes alone, and groups of two attributes with two and three values."""

import csv
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from spurprune.dag import planning
from spurprune.storage import schemas, tables
from tests.workflow import own
from tests.workflow.project import OWN, Project

EVERYTHING = {
    "prepare_inputs": 2,
    "prepare_splits": 2,
    "train_reference": 1,
    "score_difficulty": 1,
    "partition": 1,
    "prune_metadata": 4,
    "retrain": 4,
    "evaluate": 4,
    "tabulate_summary": 2,
    "collect_metrics": 1,
    "all": 1,
}
GROUPS = {f"{digit}, pen {pen}, paper {paper}" for digit, pen, paper in itertools.product(own.DIGITS, own.PENS, own.PAPERS)}


@pytest.fixture
def project(on_own_data: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, to be changed."""
    return on_own_data.copy(tmp_path / "project")


def metrics(project: Project, setting: str, plan: str) -> list[dict[str, Any]]:
    path = project.path / "results/settings" / setting / "runs/erm" / plan / "000-001/metrics.parquet"
    rows: list[dict[str, Any]] = tables.read(path, schemas.METRICS).to_pylist()
    return rows


def test_the_jobs_are_those_of_the_plan(on_own_data: Project, root: Path) -> None:
    assert on_own_data.jobs_run() == EVERYTHING
    assert Counter(job.rule for job in planning.jobs(planning.load([root / OWN]))) == EVERYTHING
    assert on_own_data.plan() == {}


def test_without_a_probe_no_metric_of_one_is_there(on_own_data: Project) -> None:
    rows = metrics(on_own_data, "plain", "per_class-el2n-hardest-0.10")
    tested = {row["metric"] for row in rows if row["split"] == "test"}
    assert tested == {"accuracy", "accuracy_weighted", "worst_group_accuracy", "worst_class_accuracy", "group_accuracy"}
    of_repeat: dict[str, Any] = {r["metric"]: r["value"] for r in rows if (r["split"], r["repeat"]) == ("test", 0)}
    assert of_repeat["worst_class_accuracy"] == of_repeat["worst_group_accuracy"] > 0.8
    assert {row["group"] for row in rows if row["metric"] == "group_accuracy"} == {"0", "1", "2"}
    pruned = {r["repeat"]: (r["n"], r["value"]) for r in rows if r["metric"] == "pruned_samples"}
    assert all(count > 0 and value == pytest.approx(count / 10, abs=2) for count, value in pruned.values())


def test_the_summary_says_what_is_not_known(on_own_data: Project) -> None:
    folder = on_own_data.path / "results/tables/plain"
    with open(folder / "summary.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    taken = [row for row in rows if row["metric"] == "spurious_misclassification"]
    assert len(taken) == 2 and {(row["value_repeats"], row["value"]) for row in taken} == {("0", "")}
    (line,) = [line for line in (folder / "summary.md").read_text().splitlines() if line.startswith("| per_class")]
    header = next(line for line in (folder / "summary.md").read_text().splitlines() if line.startswith("| Plan"))
    cells = dict(zip(header.split(" | "), line.split(" | "), strict=True))
    assert cells["Spurious misclassification"] == cells["Carriers pruned"] == "–" != cells["Accuracy"]


def test_groups_are_the_cells_of_class_and_both_attributes(on_own_data: Project) -> None:
    for plan in ("none", "balance_subsample-groups"):
        rows = metrics(on_own_data, "tagged", plan)
        for split in ("validation", "test"):
            found = [r for r in rows if (r["split"], r["metric"], r["repeat"]) == (split, "group_accuracy", 1)]
            assert {row["group"] for row in found} == GROUPS and len(found) == 18
            (worst,) = [r["value"] for r in rows if (r["split"], r["metric"], r["repeat"]) == (split, "worst_group_accuracy", 1)]
            assert worst == min(row["value"] for row in found)


def test_every_group_is_balanced(on_own_data: Project) -> None:
    folder = on_own_data.path / "results/settings/tagged"
    samples = tables.read(folder / "samples/000-001.parquet", schemas.SAMPLES).to_pylist()
    group = {(r["repeat"], r["sample_id"]): r["group"] for r in samples if r["split"] == "train"}
    sizes = Counter(group.values())
    plan = tables.read(folder / "plans/balance_subsample-groups/000-001.parquet", schemas.PLAN).to_pylist()
    kept = Counter(group[r["repeat"], r["sample_id"]] for r in plan if r["weight"] == 1)
    assert len(sizes) == 18 and set(kept.values()) == {min(sizes.values())} and kept.keys() == sizes.keys()


def test_an_edit_of_a_table_reruns_its_own_dataset_from_the_start(project: Project) -> None:
    path = project.path / "own/plain.csv"
    path.write_text(path.read_text().replace("\n0\n", "\n1\n", 1))
    runs = {"prune_metadata": 2, "retrain": 2, "evaluate": 2, "tabulate_summary": 1, "collect_metrics": 1, "all": 1}
    assert project.plan() == {"prepare_inputs": 1, "prepare_splits": 1, "train_reference": 1, "score_difficulty": 1} | runs


def test_an_edit_of_the_reader_reruns_everything(project: Project) -> None:
    project.append("spurprune/data/readers/table.py", "\nUNUSED = 1\n")
    assert project.plan() == EVERYTHING


def test_another_option_of_a_dataset_reruns_that_one(project: Project) -> None:
    project.configure(OWN, "datasets/tagged/attributes", ["paper", "pen"])
    runs = {"prune_metadata": 2, "retrain": 2, "evaluate": 2, "tabulate_summary": 1, "collect_metrics": 1, "all": 1}
    assert project.plan() == {"prepare_inputs": 1, "prepare_splits": 1, "partition": 1} | runs

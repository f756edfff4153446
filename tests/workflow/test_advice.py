"""Advice on a user's own data: with a planted cue its carriers are to be dropped, without one nothing is; what makes advice stale."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from spurprune.advice.report import NOTHING_HELPS
from spurprune.dag import advice, planning
from spurprune.storage import schemas, tables
from tests.workflow.project import ADVICE, Project

PER_SETTING = {
    "prepare_inputs": 1,
    "prepare_splits": 1,
    "train_reference": 1,  # for the difficulty
    "train_reference_keeping_models": 1,  # for the transplant test
    "score_difficulty": 2,
    "analyse": 6,
    "partition": 2,
    "prune_metadata": 3,
    "prune_metadata_by_run": 2,
    "retrain_keeping_models": 5,
    "embed": 1,
    "evaluate_groups": 1,
    "advise": 1,
}


@pytest.fixture
def project(on_advice: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, to be changed."""
    return on_advice.copy(tmp_path / "project")


def found(project: Project, setting: str) -> dict[str, Any]:
    text = (project.path / f"results/advice/{setting}/diagnosis.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def dropped(project: Project, setting: str) -> list[dict[str, str]]:
    with open(project.path / f"results/advice/{setting}/drop.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_jobs_are_those_of_the_plan(on_advice: Project, root: Path) -> None:
    expected = {rule: 2 * count for rule, count in PER_SETTING.items()} | {"all": 1}
    assert on_advice.jobs_run() == expected
    assert Counter(job.rule for job in planning.jobs(planning.load([root / ADVICE]))) == expected
    assert on_advice.plan() == on_advice.plan("advice") == {}


def test_the_target_advice_makes_the_same(fresh: Project) -> None:
    fresh.configuration = ADVICE
    assert fresh.plan("advice") == {rule: 2 * count for rule, count in PER_SETTING.items()} | {"advice": 1}


def test_every_file_is_there(on_advice: Project) -> None:
    for setting in ("planted", "clean"):
        folder = on_advice.path / "results/advice" / setting
        assert sorted(path.name for path in folder.iterdir()) == sorted(advice.FILES)


def test_the_carriers_of_a_planted_cue_are_dropped(on_advice: Project) -> None:
    carrier = np.load(on_advice.path / "own/carriers.npy")
    rows, region = dropped(on_advice, "planted"), "coordinates 0–7 for class high"
    assert found(on_advice, "planted")["recommendation"].startswith(f"Drop the hardest 50% of the suspects of {region}: {len(rows)} of ")
    assert len(rows) > 40 and {row["region"] for row in rows} == {region}
    assert carrier[[int(row["sample_id"]) for row in rows]].mean() >= 0.95
    assert carrier.mean() < 0.15, "so few by chance"


def test_nothing_is_dropped_where_nothing_is_planted(on_advice: Project) -> None:
    content = found(on_advice, "clean")
    assert content["plan"] is None and content["recommendation"].startswith(NOTHING_HELPS)
    assert dropped(on_advice, "clean") == []
    assert not any(one["helps"] for one in content["trials"])


def test_the_lists_and_the_table_hold_the_same_samples_once(on_advice: Project) -> None:
    folder = on_advice.path / "results/advice/planted"
    table = tables.read(folder / "samples.parquet", schemas.ADVICE).to_pandas()
    base = pd.read_parquet(on_advice.path / "results/datasets/planted-full/base.parquet")
    assert table["sample_id"].tolist() == base["sample_id"].tolist() and table["key"].tolist() == base["key"].tolist()
    train = table[table["split"] == "train"]
    keep, drop = (pd.read_csv(folder / f"{name}.csv") for name in ("keep", "drop"))
    assert sorted([*keep["sample_id"], *drop["sample_id"]]) == sorted(train["sample_id"])
    assert sorted(drop["sample_id"]) == sorted(train.loc[train["drop"], "sample_id"])
    assert table[table["split"] != "train"]["difficulty"].isna().all() and train["difficulty"].notna().all()
    for _, of_class in train.groupby("label"):
        by_rank = of_class.sort_values("rank")
        assert by_rank["rank"].tolist() == list(range(len(of_class)))
        assert by_rank["difficulty"].is_monotonic_increasing


def test_difficulty_is_the_mean_over_repeats(on_advice: Project) -> None:
    folder = on_advice.path / "results"
    scores = tables.read(folder / "settings/planted/difficulty/el2n/000-002.parquet", schemas.DIFFICULTY).to_pandas()
    table = tables.read(folder / "advice/planted/samples.parquet", schemas.ADVICE).to_pandas().set_index("sample_id")
    mean = scores.groupby("sample_id")["score"].mean()
    assert len(mean) > 1000 and np.allclose(table.loc[mean.index, "difficulty"], mean)


def test_the_diagnosis_tells_carriers_apart_that_are_easy(on_advice: Project) -> None:
    content = found(on_advice, "planted")
    (spread,) = [one for one in content["identifiability"] if one["what"] == "Suspects of coordinates 0–7"]
    assert spread["identifiable"] and spread["by_quartile"][0] > sum(spread["by_quartile"][1:])
    stability = content["stability"]
    assert stability["between_seeds"]["pairs"] == 9 and stability["between_repeats"]["pairs"] == 3
    assert 0.5 < stability["between_seeds"]["spearman"] < stability["between_repeats"]["spearman"] < 1


def test_a_change_of_the_page_remakes_the_advice_alone(project: Project) -> None:
    project.append("spurprune/advice/page.py", "\nUNUSED = 1\n")
    assert project.plan() == {"advise": 2, "all": 1}


def test_a_change_of_the_evidence_remakes_it_and_the_advice(project: Project) -> None:
    """The embedding is temporary; once it is made again, so are the clusters."""
    project.append("spurprune/advice/inference.py", "\nUNUSED = 1\n")
    assert project.plan() == {"embed": 2, "partition": 2, "evaluate_groups": 2, "advise": 2, "all": 1}


def test_one_more_sparsity_makes_its_runs_alone(project: Project) -> None:
    project.configure(ADVICE, "settings/clean/advice", {"blocks": ["000-002"], "sparsities": ["0.10", "0.20"], "suspected": ["0.50"]})
    runs = {"prune_metadata": 2, "retrain_keeping_models": 2, "analyse": 2}
    assert project.plan() == runs | {"embed": 1, "partition": 1, "evaluate_groups": 1, "advise": 1, "all": 1}

"""Shortcuts in a user's own data, found without labels of groups: a planted cue is found and its carriers are named.

Two settings on the same vectors, with and without the cue, each with three repeats: two scouts a repeat, whose networks the transplant test
looks at, runs on all samples and on two plans by the suspects, and an analysis of the reliance of each.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.workflow.project import Project

BLOCK = "000-002"
PLANS = ("within-suspects-el2n-hardest-0.25", "within-suspects-random-hardest-0.25")
PER_SETTING = {
    "prepare_inputs": 1,
    "prepare_splits": 1,
    "train_reference": 1,  # for the difficulty
    "train_reference_keeping_models": 1,  # for the transplant test
    "score_difficulty": 2,
    "analyse": 4,
    "partition": 1,
    "prune_metadata": 1,
    "prune_metadata_by_run": 2,
    "retrain_keeping_models": 3,
    "evaluate": 3,
    "plot_reliance_map": 1,
}


def parts(project: Project, setting: str) -> tuple[dict[int, np.ndarray], dict[str, list[dict[str, object]]]]:
    """The suspects of each repeat, as sample ids by repeat, and what the partition notes of its regions."""
    path = project.path / f"results/settings/{setting}/partitions/suspects/{BLOCK}.parquet"
    frame = pq.read_table(path).to_pandas()
    notes = json.loads(pq.read_metadata(path).metadata[b"spurprune"])["notes"]["by_repeat"]
    chosen = {repeat: rows.loc[rows["part"] > 0, "sample_id"].to_numpy() for repeat, rows in frame.groupby("repeat")}
    return chosen, {repeat: one["regions"] for repeat, one in notes.items()}


def findings(project: Project, study: str) -> str:
    return (project.path / f"results/figures/{study}/map.txt").read_text(encoding="utf-8")


def test_every_file_is_made_once(on_shortcuts: Project) -> None:
    assert on_shortcuts.jobs_run() == {rule: 2 * count for rule, count in PER_SETTING.items()} | {"collect_metrics": 1, "all": 1}
    assert on_shortcuts.plan() == {}


def test_the_strongest_region_holds_the_cue_and_its_suspects_are_the_carriers(on_shortcuts: Project) -> None:
    carrier = np.load(on_shortcuts.path / "own/carriers.npy")
    path = on_shortcuts.path / f"results/settings/planted/partitions/suspects/{BLOCK}.parquet"
    frame = pq.read_table(path).to_pandas()
    _, regions = parts(on_shortcuts, "planted")
    for repeat, rows in frame.groupby("repeat"):
        first = regions[str(repeat)][0]
        assert (first["source"], first["region"]) == ("high", "coordinates 0–7")
        suspected = np.isin(np.arange(len(carrier)), rows.loc[rows["part"] == 1, "sample_id"])
        trained = np.isin(np.arange(len(carrier)), rows["sample_id"])
        assert carrier[suspected].mean() >= 0.95, "precision"
        assert suspected[carrier & trained].mean() >= 0.95, "recall"


def test_the_cure_test_judges_the_cue_and_reports_no_other_region(on_shortcuts: Project) -> None:
    """This network relies on the cue so much that pruning a quarter of its carriers does not cure it."""
    verdicts = findings(on_shortcuts, "planted").splitlines()[1:]
    assert any(" shortcut: coordinates 0–7 of class high; " in verdict for verdict in verdicts)
    assert not [verdict for verdict in verdicts if verdict.startswith("- A shortcut: ") and "coordinates 0–7 of class high" not in verdict]


def test_nothing_is_reported_where_nothing_is_planted(on_shortcuts: Project) -> None:
    assert "A shortcut: " not in findings(on_shortcuts, "clean")


def test_the_plans_prune_a_quarter_of_the_suspects(on_shortcuts: Project) -> None:
    chosen, _ = parts(on_shortcuts, "planted")
    for plan in PLANS:
        path = on_shortcuts.path / f"results/settings/planted/plans/{plan}/{BLOCK}.parquet"
        frame = pq.read_table(path).to_pandas()
        for repeat, rows in frame.groupby("repeat"):
            pruned = rows.loc[rows["weight"] == 0, "sample_id"]
            assert np.isin(pruned, chosen[repeat]).all()
            assert abs(len(pruned) - len(chosen[repeat]) / 4) <= 3, "rounded in each part"


def test_a_change_of_the_analysis_makes_only_what_follows_stale(on_shortcuts: Project, tmp_path: Path) -> None:
    project = on_shortcuts.copy(tmp_path / "project")
    project.configure("tests/workflow/shortcuts-settings.yaml", "planted/analyses/cues/recipients", 20)
    follows = {"analyse": 4, "partition": 1, "prune_metadata_by_run": 2, "retrain_keeping_models": 2, "evaluate": 2}
    end = {"plot_reliance_map": 1, "collect_metrics": 1, "all": 1}
    both = {rule: 2 * count for rule, count in (follows | {"plot_reliance_map": 1}).items()}  # clean extends planted
    assert project.plan() == end | both

"""PruSC on the digits in two colours: what is made, what each change makes stale, and what it gains over ERM, with its control beside it.

The study is config/prusc.yaml itself: five repeats of two settings, the second with two attributes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from spurprune.dag import planning
from spurprune.data import samples as sampling
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.storage import schemas, tables
from tests.workflow.project import Project

CONFIGURATION = "config/prusc.yaml"
ONE, TWO = "results/settings/digits-colours", "results/settings/digits-colours-sides"
PLAN = "task_set-clusters/000-004"
EVERYTHING = {
    "prepare_inputs": 2,
    "prepare_splits": 2,
    "retrain_keeping_models": 4,  # ERM of both settings; PruSC and its control, whose features a figure shows
    "embed": 2,
    "partition": 2,
    "prune_metadata": 2,
    "prune_metadata_by_run": 2,
    "train_masks": 2,
    "retrain": 2,
    "embed_test": 3,
    "evaluate": 8,
    "plot_methods_compared": 1,
    "plot_features": 1,
    "plot_survival": 1,
    "tabulate_comparison": 1,
    "tabulate_sparsity": 1,
    "tabulate_summary": 1,
    "collect_metrics": 1,
    "all": 1,
}
SHOWN = {"plot_methods_compared": 1, "plot_features": 1, "tabulate_comparison": 1, "tabulate_summary": 1, "collect_metrics": 1, "all": 1}
OF_MASKS = {"plot_survival": 1, "tabulate_sparsity": 1}
# What follows PruSC's fine-tuning, its masks, and the clusters.
TUNED = {"retrain_keeping_models": 1, "retrain": 1, "embed_test": 1, "evaluate": 2} | SHOWN
MASKED = TUNED | {"train_masks": 2, "evaluate": 4} | OF_MASKS
CLUSTERED = {
    "embed": 1,
    "partition": 1,
    "prune_metadata_by_run": 1,
    "train_masks": 1,
    "retrain_keeping_models": 2,
    "embed_test": 2,
    "evaluate": 3,
}


@pytest.fixture(scope="session")
def pruned(run_once: Any) -> Project:
    """The project after a whole run of the study; not to be changed."""
    project: Project = run_once("prusc", CONFIGURATION)
    return project


def worst(project: Project, setting: str, method: str, plan: str) -> "pd.Series[float]":
    rows = tables.read(project.path / setting / "runs" / method / plan / "metrics.parquet", schemas.METRICS).to_pandas()
    mine = rows[(rows.split == "test") & (rows.metric == "worst_group_accuracy")]
    return pd.Series(mine.value.to_numpy(), index=mine.repeat.to_numpy())


def gain(project: Project, setting: str, method: str) -> Estimate:
    return estimate((worst(project, setting, method, PLAN) - worst(project, setting, "erm", "none/000-004")).to_numpy())


def test_the_jobs_are_those_of_the_plan(pruned: Project, root: Path) -> None:
    assert pruned.jobs_run() == EVERYTHING
    assert pruned.plan() == {}
    assert sum(EVERYTHING.values()) == len(planning.jobs(planning.load([root / CONFIGURATION])))


def test_the_gain_over_erm_and_what_the_control_explains(pruned: Project) -> None:
    with_mask, without = gain(pruned, ONE, "prusc"), gain(pruned, ONE, "no_mask")
    for name, found in (("with the mask", with_mask), ("the ablation, without", without)):
        low, mean, high = (f"{100 * value:+.1f}" for value in (found.low, found.mean, found.high))
        print(f"worst group over ERM, {name}: {mean} [{low}, {high}] points, n = {found.n}")
    assert with_mask.n == without.n == 5
    assert with_mask.mean >= 0.3 and with_mask.low > 0
    assert without.mean > 0.5 * with_mask.mean, "most of the gain is that of fine-tuning on the task set"


def test_the_task_set_is_balanced_and_its_colours_are_nearly(pruned: Project) -> None:
    plan = tables.read(pruned.path / ONE / "plans/task_set-clusters/000-004.parquet", schemas.PLAN).to_pandas()
    parts = tables.read(pruned.path / ONE / "partitions/clusters/000-004.parquet", schemas.PARTITION).to_pandas()
    samples = sampling.read(pruned.path / ONE / "samples/000-004.parquet").by_repeat
    for repeat, one in samples.items():
        train = one.rows("train")
        weight, part = (
            frame[frame.repeat == repeat].set_index("sample_id")[column].loc[one.sample_id[train]].to_numpy()
            for frame, column in ((plan, "weight"), (parts, "part"))
        )
        kept, label = weight > 0, one.label[train]
        aligned = one.attributes["colour"][train] == label
        assert aligned.mean() == pytest.approx(0.9, abs=0.001) and aligned[kept].mean() <= 0.55
        for cluster in np.unique(part[kept]):
            assert np.unique(np.bincount(label[kept & (part == cluster)], minlength=2)).size == 1
        assert 60 <= kept.sum() <= 400


def test_masks_leave_all_other_weights_as_they_were(pruned: Project) -> None:
    before = load_file(pruned.path / ONE / "runs/erm/none/000-004/models.safetensors")
    masks, after, tuned = (
        load_file(pruned.path / ONE / "runs" / f"{name}.safetensors")
        for name in (f"mask/{PLAN}/masks", f"mask/{PLAN}/models", f"prusc/{PLAN}/models")
    )
    assert masks.keys() < before.keys() == after.keys() == tuned.keys() and len(masks) == 5 * 4
    assert any(not kept.all() for kept in masks.values())
    for name, value in before.items():
        kept = masks.get(name, np.ones(value.shape, dtype=bool))
        assert np.array_equal(after[name], np.where(kept, value, 0)), name
        assert (tuned[name][~kept] == 0).all(), name
    assert any((tuned[name] != value).any() for name, value in after.items())


def test_two_attributes_give_eight_groups(pruned: Project) -> None:
    for method, plan in (("erm", "none/000-004"), ("prusc", PLAN)):
        rows = tables.read(pruned.path / TWO / "runs" / method / plan / "metrics.parquet", schemas.METRICS).to_pandas()
        groups = rows[(rows.split == "test") & (rows.metric == "group_accuracy") & (rows.repeat == 0)]
        assert len(groups) == 8 and groups.value.notna().all() and groups.group.nunique() == 8
        assert "5-9 in red, column on the left" in set(groups.group)
    assert gain(pruned, TWO, "prusc").low > 0


@pytest.mark.parametrize(
    ("keys", "value", "stale"),
    [
        ("methods/prusc/training", {"epochs": 41, "optimizer": {"name": "adam", "lr": 0.01, "weight_decay": 0.0}}, TUNED),
        ("methods/mask/options/penalty", 1.0e-7, MASKED),
        ("methods/mask/options/contrast", 0.2, MASKED),
        ("methods/mask/options/gate", "repo", MASKED),
        ("methods/mask/training/epochs", 61, MASKED),
    ],
)
def test_a_change_reruns_only_what_follows(pruned: Project, tmp_path: Path, keys: str, value: Any, stale: dict[str, int]) -> None:
    project = pruned.copy(tmp_path / "project")
    project.configure(CONFIGURATION, keys, value)
    assert project.plan() == stale


def test_another_number_of_clusters_reruns_what_follows_them(pruned: Project, tmp_path: Path) -> None:
    project = pruned.copy(tmp_path / "project")
    project.configure("config/settings/digits-colours.yaml", "digits-colours/partitions/clusters/k", 5)
    assert project.plan() == CLUSTERED | SHOWN | OF_MASKS

"""Rare patterns: what undoes them and looks at them is made once, and a change makes only what follows stale."""

import pytest

from spurprune.storage import schemas, tables
from tests.workflow.project import Project

SMALL, MEMBERS = "results/settings/small", "results/settings/small-members.count-3"
EVERYTHING = {
    "prepare_inputs": 1,
    "prepare_splits": 2,
    "retrain_keeping_optimizer": 1,  # from which the others start
    "prune_metadata": 4,  # none and without carriers; the quarters of target and shadow
    "refine_network": 1,
    "retrain": 3,  # going on with the optimiser, with another, from scratch
    "partition": 1,
    "retrain_keeping_models": 2,  # target and shadow
    "analyse": 3,
    "evaluate": 5,
    "plot_forgetting": 1,
    "plot_membership_by_count": 1,
    "plot_sensitivity": 1,
    "plot_weight_maps": 1,
    "collect_metrics": 1,
    "all": 1,
}


def test_every_file_is_made_once(on_rare: Project) -> None:
    assert on_rare.jobs_run() == EVERYTHING
    assert on_rare.plan() == {}


@pytest.mark.parametrize("figure", ["removal", "membership", "sensitivity", "maps"])
def test_every_figure_is_drawn(on_rare: Project, figure: str) -> None:
    folder = on_rare.path / "results/figures/rare"
    assert (folder / f"{figure}.png").stat().st_size > 1000 and (folder / f"{figure}.txt").read_text().startswith("- ")


def test_methods_that_delete_the_carriers_train_on_the_others(on_rare: Project) -> None:
    for method in ("influence", "incremental", "reset", "scratch"):
        path = on_rare.path / f"{SMALL}/runs/{method}/without_carriers/000-000/metrics.parquet"
        rows = tables.read(path, schemas.METRICS).to_pylist()
        found = {row["metric"]: row["value"] for row in rows if row["split"] == "train" and row["group"] is None}
        assert found["pruned_carriers_samples"] == found["pruned_samples"] == 3, method


def test_options_of_the_removal_make_only_the_removal_stale(on_rare: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    project = on_rare.copy(tmp_path_factory.mktemp("changed") / "project")
    project.configure("tests/workflow/rare.yaml", "methods/influence/options/depth", 6)
    assert project.plan() == {"refine_network": 1, "evaluate": 1, "plot_forgetting": 1, "collect_metrics": 1, "all": 1}


def test_the_recipe_of_the_first_training_makes_all_that_starts_from_it_stale(
    on_rare: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = on_rare.copy(tmp_path_factory.mktemp("changed") / "project")
    project.configure("tests/workflow/rare-settings.yaml", "small/training/epochs", 3)
    unchanged = {"prepare_inputs", "prepare_splits", "prune_metadata", "partition"}
    assert project.plan() == {rule: count for rule, count in EVERYTHING.items() if rule not in unchanged}

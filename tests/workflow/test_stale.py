"""Stale stages only: after each change, exactly the jobs that depend on it are planned.

The reduced configuration has two repeats in one block; five settings with samples (small, small-fives, small-ones, two of small-window);
three reference runs (small, small-fives, small-ones) and four difficulties (el2n of these three, random of small); twelve runs: six of
small-fives (none; carriers hardest, easiest; per_class hardest, easiest; random), four of small-ones (none; per_class hardest, easiest;
random), one of each window; three figures, two tables.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workflow.project import REDUCED, SETTINGS, Project

FIGURES = "studies/small/figures"
END = {"tabulate_summary": 1, "collect_metrics": 1, "all": 1}  # what follows any change of any run's metrics
EVERYTHING = {
    "prepare_inputs": 1,
    "prepare_splits": 5,
    "train_reference": 3,
    "score_difficulty": 4,
    "prune_metadata": 12,
    "retrain": 12,
    "evaluate": 12,
    "plot_difficulty_range": 1,
    "plot_carrier_pruning": 1,
    "plot_general_pruning": 1,
    "tabulate_stability": 1,
} | END
FIGURES_OF_RUNS = {"plot_difficulty_range": 1, "plot_carrier_pruning": 1, "plot_general_pruning": 1}
ONES_RETRAINED = {  # small-ones' training changed: its reference, and all its runs
    "train_reference": 1,
    "score_difficulty": 1,
    "prune_metadata": 2,
    "retrain": 4,
    "evaluate": 4,
    "plot_general_pruning": 1,
} | END


def runs(count: int) -> dict[str, int]:
    """The jobs of some new runs."""
    return {"prune_metadata": count, "retrain": count, "evaluate": count}


def test_a_fresh_copy_needs_everything(fresh: Project) -> None:
    assert fresh.plan() == EVERYTHING


def test_nothing_is_left_after_success(finished: Project) -> None:
    status, text = finished.snakemake("--dry-run")
    assert status == 0 and "Nothing to be done" in text
    assert "Using workflow specific profile profiles/default" in text, "the default profile is not loaded by itself"
    assert finished.plan("figures") == {}


# Changes of the configuration


def test_a_new_sparsity_of_one_figure(project: Project) -> None:
    project.configure(REDUCED, f"{FIGURES}/fig4/sparsities", ["0.50", "0.75"])
    assert project.plan() == runs(2) | {"plot_carrier_pruning": 1} | END


def test_a_sparsity_taken_away_redraws_its_figure_only(project: Project) -> None:
    project.configure(REDUCED, f"{FIGURES}/fig6/sparsities", ["0.20"])
    assert project.plan("figures") == runs(6) | {"plot_general_pruning": 1, "figures": 1}


def test_a_new_block_adds_its_own_jobs_and_keeps_the_old_ones(project: Project) -> None:
    project.configure(REDUCED, "studies/small/blocks", ["000-001", "002-002"])
    assert project.plan() == {name: count for name, count in EVERYTHING.items() if name != "prepare_inputs"}


def test_a_new_score_is_computed_once_it_is_used(project: Project) -> None:
    project.configure(SETTINGS, "small/difficulty/margin", {"reference": "early", "epochs": [1]})
    assert project.plan() == {}
    project.configure(REDUCED, "studies/small/tables/stability/scores", ["el2n", "random", "margin"])
    assert project.plan() == {"score_difficulty": 1, "tabulate_stability": 1, "all": 1}
    project.configure(REDUCED, f"{FIGURES}/fig4/score", "margin")
    assert project.plan() == runs(2) | {"score_difficulty": 2, "tabulate_stability": 1, "plot_carrier_pruning": 1} | END


def test_one_settings_learning_rate(project: Project) -> None:
    project.configure(SETTINGS, "small-ones/training/optimizer/lr", 0.09)
    assert project.plan() == ONES_RETRAINED


def test_swapped_parameter_values(project: Project) -> None:
    project.replace(SETTINGS, "{lr: 0.08, weight_decay: 2.0e-4}", "{lr: 2.0e-4, weight_decay: 0.08}")
    assert project.plan() == ONES_RETRAINED


def test_when_a_run_is_evaluated_does_not_touch_its_reference(project: Project) -> None:
    project.configure(SETTINGS, "small-ones/training/evaluate_epochs", [1])
    assert project.plan() == {"retrain": 4, "evaluate": 4, "plot_general_pruning": 1} | END


def test_a_reference_that_the_repeats_share_is_trained_once(project: Project) -> None:
    project.configure(SETTINGS, "small/reference/early/shared", True)
    for other in ("small-fives", "small-ones", "small-window"):
        project.configure(SETTINGS, f"{other}/reference", {"early": {"shared": False}})
    windows = {"prepare_splits": 1 + 2} | runs(2)  # the shared samples, and the windows that lie elsewhere now
    one = {"train_reference": 1, "score_difficulty": 1, "plot_difficulty_range": 1, "tabulate_stability": 1}
    assert project.plan() == windows | one | END
    project.configure(REDUCED, "studies/small/blocks", ["000-001", "002-002"])
    assert project.plan()["train_reference"] == 1 + 2, "another block trains the other settings' references only"


def test_models_are_kept_where_they_are_asked_for(project: Project) -> None:
    project.configure(SETTINGS, "small-ones/keep_models", True)
    assert project.plan("results/settings/small-ones/runs/erm/none/000-001/models.safetensors") == {"retrain_keeping_models": 1}


def test_what_nobody_reads_reruns_nothing(project: Project) -> None:
    project.configure(SETTINGS, "small/description", "Clean")
    project.configure(SETTINGS, "small/estimate/epoch_seconds", 2.0)
    project.configure("config/config.yaml", "threads", 2)
    assert project.plan() == {}


def _reversed(value: Any) -> Any:
    """The value with the keys of all its mappings in reverse order."""
    return {key: _reversed(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


def test_reordered_keys(project: Project) -> None:
    for name in (REDUCED, SETTINGS, "config/config.yaml"):
        path = project.path / name
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        path.write_text(yaml.safe_dump(_reversed(content), sort_keys=False), encoding="utf-8")
    assert project.plan() == {}


# Changes of the code


def test_an_edit_of_what_all_plans_share(project: Project) -> None:
    project.append("spurprune/pruning/weights.py", "\nUNUSED = 1\n")
    assert project.plan() == runs(12) | FIGURES_OF_RUNS | END


def test_an_edit_of_what_most_strategies_share_keeps_runs_without_pruning(project: Project) -> None:
    project.append("spurprune/pruning/thinning.py", "\nUNUSED = 1\n")
    assert project.plan() == runs(8) | {"plot_carrier_pruning": 1, "plot_general_pruning": 1} | END


def test_an_edit_of_one_strategy_reaches_its_own_plans(project: Project) -> None:
    project.append("spurprune/pruning/strategies/random.py", "\nUNUSED = 1\n")
    assert project.plan() == runs(2) | {"plot_general_pruning": 1} | END


def test_an_edit_of_what_all_figures_share(project: Project) -> None:
    project.append("spurprune/figures/style.py", "\nUNUSED = 1\n")
    assert project.plan() == FIGURES_OF_RUNS | {"all": 1}


def test_an_edit_of_one_figure(project: Project) -> None:
    project.append("spurprune/figures/kinds/carrier_pruning.py", "\nUNUSED = 1\n")
    assert project.plan() == {"plot_carrier_pruning": 1, "all": 1}


def test_an_edit_of_one_table(project: Project) -> None:
    project.append("spurprune/tables/kinds/stability.py", "\nUNUSED = 1\n")
    assert project.plan() == {"tabulate_stability": 1, "all": 1}


def test_an_edit_of_one_score_reaches_its_users_only(project: Project) -> None:
    project.append("spurprune/difficulty/scores/random.py", "\nUNUSED = 1\n")
    assert project.plan() == {"score_difficulty": 1, "tabulate_stability": 1, "all": 1}


def test_an_edit_of_the_score_that_everything_goes_by(project: Project) -> None:
    project.append("spurprune/difficulty/scores/el2n.py", "\nUNUSED = 1\n")
    # The windows' carriers are chosen by it, so their splits and their two runs change; and six plans prune by it.
    jobs = {"prepare_splits": 2, "score_difficulty": 3, "tabulate_stability": 1} | runs(2 + 6)
    assert project.plan() == jobs | FIGURES_OF_RUNS | END


def test_an_edit_of_retraining_keeps_references_and_plans(project: Project) -> None:
    project.append("spurprune/stages/retrain.py", "\nUNUSED = 1\n")
    assert project.plan() == {"retrain": 12, "evaluate": 12} | FIGURES_OF_RUNS | END


@pytest.mark.parametrize(
    "name", ["machine/devices", "machine/scratch", "machine/logs", "errors", "dag/plugins", "dag/codehash", "dag/planning"]
)
def test_an_edit_of_what_cannot_change_a_result(project: Project, name: str) -> None:
    project.append(f"spurprune/{name}.py", "\nUNUSED = 1\n")
    assert project.plan() == {}


@pytest.mark.parametrize(
    "names",
    [
        ["models/networks/resnet_cifar", "data/datasets/cifar10", "data/readers/table", "overlays/phrase"],
        ["refinements/last_layer", "partitions/errors", "pruning/strategies/upweight", "difficulty/scores/aum"],
    ],
)
def test_an_edit_of_plugins_that_are_not_used(project: Project, names: list[str]) -> None:
    for name in names:
        project.append(f"spurprune/{name}.py", "\nUNUSED = 1\n")
    assert project.plan() == {}


def test_comments_docstrings_and_layout(project: Project) -> None:
    comment = "\n\n# A comment.\n"
    for path in (project.path / "spurprune").rglob("*.py"):
        project.append(path.relative_to(project.path).as_posix(), comment)
    for path in (project.path / "workflow/scripts").glob("*.py"):
        project.append(path.relative_to(project.path).as_posix(), comment)
    for path in [project.path / "Snakefile", *(project.path / "workflow/rules").glob("*.smk")]:
        project.append(path.relative_to(project.path).as_posix(), comment)
    project.replace("spurprune/pruning/thinning.py", '"""Pruning a share of the candidates', '"""Removing a share of all candidates')
    project.replace("spurprune/training/loop.py", '"""The training loop."""', '"""The loop that trains."""\n\n')
    project.replace("workflow/scripts/retrain.py", '"""The rule retrain', '"""What the rule retrain does')
    assert project.plan() == {}


# Copies and times


def test_a_clone_with_copied_results_and_metadata(finished: Project, tmp_path: Path) -> None:
    clone = finished.copy(tmp_path / "another place" / "clone", keep_times=False)
    assert clone.plan() == {}


def test_touched_files(project: Project) -> None:
    """Times in the wrong order: what is made from a file is older than that file."""
    paths = sorted(path for path in project.path.rglob("*") if path.is_file() and ".snakemake" not in path.parts)
    assert len(paths) > 100
    for path in paths:
        os.utime(path)
    assert project.plan() == {}
    os.utime(project.path / "results/datasets/digits-8/inputs.npy")
    os.utime(project.path / "results/settings/small/samples/000-001.parquet")
    assert project.plan() == {}


def test_a_changed_file_is_noticed_without_its_time(project: Project) -> None:
    """The check of the checks above: another content under results/ is a change."""
    path = project.path / "results/settings/small-ones/plans/none/000-001.parquet"
    other = project.path / "results/settings/small-ones/plans/random-0.10/000-001.parquet"
    path.write_bytes(other.read_bytes())
    assert project.plan() == {"retrain": 1, "evaluate": 1, "plot_general_pruning": 1} | END


def test_a_removed_result_is_made_again_alone(project: Project) -> None:
    (project.path / "results/tables/small/summary.csv").unlink()
    assert project.plan() == {"tabulate_summary": 1, "all": 1}

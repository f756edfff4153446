"""Methods side by side: tuned, refined, overridden; plans by partitions. What is made, and what each change makes stale.

One setting on the digits. The study "methods" compares five methods without pruning, two of them in a figure on a pruned plan, too; its
three runs by training share everything before them. The study "plans" compares four plans, no pruning among them. The study "comparison"
has a method that chooses its plan by two rules, one that chooses among plans by another's predictions, and one that chooses its epoch, on a
partition.
"""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from spurprune.dag import planning
from spurprune.evaluation.choices import Choice, write_selection
from spurprune.storage import schemas, tables, timings
from tests.workflow.project import METHODS, Project

SETTING = "results/settings/rivals"
SETTINGS = "tests/workflow/methods-settings.yaml"
PLANS = ("upweight-errors-3", "balance_subsample-class", "balance_reweight-class")
CARRIERS = "carriers-el2n-hardest-0.50"
END = {"tabulate_summary": 1, "collect_metrics": 1, "all": 1}  # after a change of any run of one study
FIGURE = {"plot_carrier_pruning": 1}
COMPARISON = {"plot_methods_compared": 1, "tabulate_comparison": 1, "collect_metrics": 1, "all": 1}  # after a change of its runs
OF_ERRORS = (
    {  # after a change of the partition: a plan, one to choose among, and the partition of dro
        "partition": 2,
        "prune_metadata": 2,
        "retrain_candidate": 3,
        "evaluate_candidate": 3,
        "select_candidate": 3,
        "take_plan": 2,
        "retrain": 4,
        "evaluate": 4,
    }
    | END
    | COMPARISON
)
EVERYTHING = {
    "prepare_inputs": 1,
    "prepare_splits": 2,  # the reported block and the tuning block
    "train_reference": 2,
    "score_difficulty": 1,
    "partition": 2,
    "prune_metadata": 8,  # five plans, and in the tuning block no pruning and the two to choose among
    "prune_metadata_by_run": 4,  # the quotas to choose among, in each block
    "take_plan": 3,  # of choosing by each rule, of quotas
    "retrain_candidate": 10,
    "refine_candidate": 2,
    "evaluate_candidate": 12,
    "select_candidate": 6,
    "retrain": 11,  # erm on four plans, slow on two, tuned, choosing by two rules, quotas, dro
    "retrain_keeping_models": 2,  # erm without pruning, in the reported block and, for the candidates of tuned_layer, in the tuning block
    "embed": 2,
    "refine": 2,
    "evaluate": 14,
    "plot_carrier_pruning": 1,
    "plot_methods_compared": 1,
    "tabulate_summary": 2,
    "tabulate_comparison": 1,
    "collect_metrics": 1,
    "all": 1,
}


@pytest.fixture
def project(on_methods: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, to be changed."""
    return on_methods.copy(tmp_path / "project")


def selection(project: Project, method: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.path / SETTING / f"selection/{method}.json").read_text())
    return found


def logits(project: Project, method: str, plan: str = "none") -> np.ndarray:
    path = project.path / SETTING / "runs" / method / plan / "000-001/predictions.parquet"
    return np.array(tables.read(path, schemas.PREDICTIONS, ["logits"]).column("logits").to_pylist())


def notes(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[tables.METADATA_KEY])["notes"]
    return found


def test_the_jobs_are_those_of_the_plan(on_methods: Project, root: Path) -> None:
    assert on_methods.jobs_run() == EVERYTHING
    assert Counter(job.rule for job in planning.jobs(planning.load([root / METHODS]))) == EVERYTHING


def test_nothing_is_left_to_do(on_methods: Project) -> None:
    assert on_methods.plan() == {}


# Tuning


@pytest.mark.parametrize(("method", "count"), [("tuned", 4), ("tuned_layer", 2)])
def test_the_candidate_of_the_best_validation_metric_is_chosen(on_methods: Project, method: str, count: int) -> None:
    chosen = selection(on_methods, method)
    reached = {}
    for path in (on_methods.path / SETTING / "candidates" / method).glob("*/none/900-900/metrics.parquet"):
        rows = tables.read(path, schemas.METRICS).to_pylist()
        (reached[path.parts[-4]],) = [r["value"] for r in rows if (r["split"], r["metric"]) == ("validation", "accuracy")]
    assert len(reached) == chosen["budget"] == count
    assert {one["name"]: one["mean"] for one in chosen["candidates"]} == reached
    assert reached[chosen["chosen"]] == max(reached.values())


def test_the_final_run_trains_with_the_choice(on_methods: Project) -> None:
    assert selection(on_methods, "tuned")["coordinates"] == {"training.optimizer.lr": 0.1}
    found = notes(on_methods.path / SETTING / "runs/tuned/none/000-001/predictions.parquet")
    assert found["method"]["training"] == {"optimizer": {"lr": 0.1}}
    assert np.array_equal(logits(on_methods, "tuned"), logits(on_methods, "erm")), "the setting's own rate is that of the choice"


def test_another_choice_reruns_the_final_run(project: Project) -> None:
    path = project.path / SETTING / "selection/tuned.choice.json"
    write_selection(path, Choice("rivals", "tuned", "training.optimizer.lr-0.0001", {"training.optimizer.lr": 0.0001}))
    assert project.plan() == {"retrain": 1, "evaluate": 1} | END
    project.run(f"{SETTING}/runs/tuned/none/000-001/predictions.parquet")
    assert not np.array_equal(logits(project, "tuned"), logits(project, "erm"))


def test_the_final_run_trains_on_the_quotas_chosen(on_methods: Project) -> None:
    chosen = selection(on_methods, "quotas")
    assert [one["name"] for one in chosen["candidates"]] == ["plan-class_quota-erm-0.02", "plan-class_quota-erm-0.05"]
    folder = on_methods.path / SETTING / "plans"
    kept = [tables.read(folder / plan / "000-001.parquet", schemas.PLAN) for plan in (chosen["plan"], "tuned-quotas")]
    assert kept[0].equals(kept[1])


def test_one_more_candidate_is_tried_alone(project: Project) -> None:
    project.configure(METHODS, "methods/tuned/grid/training.optimizer.lr", [0.1, 1.0e-4, 1.0e-5, 1.0e-6, 1.0e-7])
    tried = {"retrain_candidate": 1, "evaluate_candidate": 1, "select_candidate": 1}
    assert project.plan() == tried | {"retrain": 1, "evaluate": 1} | END, "before it is tried, nobody knows that it is not chosen"
    assert project.plan("selections") == tried | {"selections": 1}
    project.run("selections")
    assert project.plan() == {}, "the choice is the same"
    assert selection(project, "tuned")["budget"] == 5


def test_a_candidate_taken_away_is_not_made_again(project: Project) -> None:
    project.configure(METHODS, "methods/tuned/grid/training.optimizer.lr", [0.1, 1.0e-4])
    assert project.plan() == {"select_candidate": 1, "retrain": 1, "evaluate": 1} | END


def test_another_rule_of_choice_trains_no_candidate_again(project: Project) -> None:
    project.configure(METHODS, "methods/tuned/by", "worst_group_accuracy")
    assert project.plan() == {"select_candidate": 1, "retrain": 1, "evaluate": 1} | END


# Refinement


def test_networks_are_kept_for_refinements_alone_and_embeddings_for_a_while(on_methods: Project) -> None:
    made = on_methods.files()
    assert [name for name in made if name.endswith("models.safetensors")] == [
        f"settings/rivals/runs/erm/none/{block}/models.safetensors" for block in ("000-001", "900-900")
    ]
    assert not [name for name in made if "embedding" in name]
    assert len([name for name in made if name.endswith("head.safetensors")]) == 4


def test_a_refinement_is_another_classifier_of_the_same_network(on_methods: Project) -> None:
    refined, trained = logits(on_methods, "last_layer"), logits(on_methods, "erm")
    assert refined.shape == trained.shape and not np.array_equal(refined, trained)
    for method in ("last_layer", "tuned_layer"):
        rows = tables.read(on_methods.path / SETTING / f"runs/{method}/none/000-001/metrics.parquet", schemas.METRICS).to_pylist()
        accuracy = [r["value"] for r in rows if (r["split"], r["metric"]) == ("test", "accuracy")]
        assert len(accuracy) == 2 and min(accuracy) > 0.5


def test_a_further_refinement_reruns_what_it_starts_from_since_no_network_was_kept(project: Project) -> None:
    project.configure(METHODS, "methods/further", {"kind": "last_layer", "from": "slow", "options": {"balance": "classes"}})
    assert project.plan() == {}
    project.configure(METHODS, "studies/methods/methods", ["erm", "slow", "tuned", "last_layer", "tuned_layer", "further"])
    assert project.plan() == {"retrain_keeping_models": 1, "embed": 1, "refine": 1, "evaluate": 2} | FIGURE | END


def test_a_further_refinement_of_a_kept_network_trains_nothing(project: Project) -> None:
    project.configure(METHODS, "methods/further", {"kind": "last_layer", "from": "erm", "options": {"balance": "none"}})
    project.configure(METHODS, "studies/methods/methods", ["erm", "slow", "tuned", "last_layer", "tuned_layer", "further"])
    refined = {"embed": 1, "refine": 3, "evaluate": 3}  # the embedding is made again, and with it all that is made of it
    assert project.plan() == refined | END


def test_another_option_of_a_refinement_needs_the_embedding_again(project: Project) -> None:
    project.configure(METHODS, "methods/last_layer/options/redraws", 3)
    refined = {"embed": 1, "refine": 2, "evaluate": 2}  # the other refinement of the same networks, too
    assert project.plan() == refined | END


def test_an_edit_of_a_refinement_trains_nothing(project: Project) -> None:
    project.append("spurprune/refinements/last_layer.py", "\nUNUSED = 1\n")
    refined = {"embed": 2, "refine": 2, "evaluate": 2}  # both refinements, and both blocks' embeddings, which were temporary
    tuned = {"refine_candidate": 2, "evaluate_candidate": 2, "select_candidate": 1}
    assert project.plan() == refined | tuned | END


def test_an_edit_of_embedding_reruns_what_is_made_of_embeddings_once_one_is_needed(project: Project) -> None:
    project.append("spurprune/stages/embed.py", "\nUNUSED = 1\n")
    refined = {"embed": 2, "refine": 2, "evaluate": 2}
    assert project.plan() == refined | {"refine_candidate": 2, "evaluate_candidate": 2, "select_candidate": 1} | END


def test_a_tuned_refinement_of_a_tuned_method_fits_the_groups_of_a_cluster(project: Project) -> None:
    """Its selection needs that of the other method, so the two must not share a submission."""
    project.configure(METHODS, "methods/tuned_layer/from", "tuned")
    profile = yaml.safe_load((project.path / "profiles/slurm/profile.yaml").read_text(encoding="utf-8"))
    groups = ("--groups", *profile["groups"], "--group-components", *profile["group-components"])
    assert project.plan(*groups)["retrain_keeping_models"] == 2, "of the tuned method, in the reported block and the tuning block"


# Two methods in one figure and one table


def test_an_overridden_recipe_reruns_its_own_method_only(project: Project) -> None:
    project.configure(METHODS, "methods/slow/training/optimizer/lr", 0.02)
    assert project.plan() == {"retrain": 2, "evaluate": 2} | FIGURE | END


def test_a_figure_shows_each_method(on_methods: Project) -> None:
    with open(on_methods.path / "results/figures/methods/fig4.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    means = {(row["method"], row["plan"], row["metric"]): row["value"] for row in rows}
    assert {key[:2] for key in means} == {(method, plan) for method in ("erm", "slow") for plan in ("none", CARRIERS)}
    assert means["erm", "none", "accuracy"] != means["slow", "none", "accuracy"]


def test_a_summary_has_each_method(on_methods: Project) -> None:
    with open(on_methods.path / "results/tables/methods/summary.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    accuracy = {row["method"]: row["value"] for row in rows if (row["plan"], row["metric"]) == ("none", "accuracy")}
    assert set(accuracy) == {"erm", "slow", "tuned", "last_layer", "tuned_layer"}
    assert accuracy["erm"] == accuracy["tuned"] and len(set(accuracy.values())) > 2
    assert {(row["method"], row["plan"]) for row in rows if row["plan"] != "none"} == {("erm", CARRIERS), ("slow", CARRIERS)}


# Partitions


def test_plans_weigh_by_their_partitions(on_methods: Project) -> None:
    path = on_methods.path / SETTING / "partitions/errors/000-001.parquet"
    wrong = {(r["repeat"], r["sample_id"]): r["part"] for r in tables.read(path, schemas.PARTITION).to_pylist()}
    assert notes(path)["parts"] == ["right", "wrong"] and 0 < sum(wrong.values()) < len(wrong)
    plans = {plan: on_methods.path / SETTING / "plans" / plan / "000-001.parquet" for plan in PLANS}
    weights = {plan: tables.read(file, schemas.PLAN).to_pylist() for plan, file in plans.items()}
    assert {(r["repeat"], r["sample_id"]): r["weight"] for r in weights["upweight-errors-3"]} == {
        key: 1 + 3 * p for key, p in wrong.items()
    }
    assert {r["weight"] for r in weights["balance_subsample-class"]} == {0, 1}
    assert len({r["weight"] for r in weights["balance_reweight-class"]}) > 1
    assert [notes(file)["visits"] for file in plans.values()] == ["exact", "exact", "drawn"]


def test_another_epoch_of_a_partition_reruns_it_and_its_plans_only(project: Project) -> None:
    project.configure(SETTINGS, "rivals/partitions/errors/epoch", 2)
    assert project.plan() == OF_ERRORS


@pytest.mark.parametrize("name", ["partitions/errors", "pruning/partitioning"])
def test_an_edit_of_partitions_reruns_them_and_their_plans_only(project: Project, name: str) -> None:
    project.append(f"spurprune/{name}.py", "\nUNUSED = 1\n")
    assert project.plan() == OF_ERRORS


def test_an_edit_of_a_balancing_strategy_reaches_its_own_plan(project: Project) -> None:
    project.append("spurprune/pruning/strategies/balance_reweight.py", "\nUNUSED = 1\n")
    chosen = {"retrain_candidate": 1, "evaluate_candidate": 1, "select_candidate": 2, "take_plan": 2}  # it is one to choose among
    assert project.plan() == chosen | {"prune_metadata": 2, "retrain": 3, "evaluate": 3} | END | COMPARISON


# A comparison under equal budgets


def compared(project: Project) -> dict[str, dict[str, str]]:
    with open(project.path / "results/tables/comparison/methods.csv", newline="") as stream:
        return {row["method"]: row for row in csv.DictReader(stream)}


def test_a_comparison_shows_every_rule_with_its_choice(on_methods: Project) -> None:
    rows = compared(on_methods)
    assert set(rows) == {"choosing", "choosing_by_worst_class_accuracy", "quotas", "dro"}
    for name, row in rows.items():
        assert row["chosen"] == selection(on_methods, name)["chosen"] and row["budget"] == "2" and row["labels_train"] == "False"
    with open(on_methods.path / "results/figures/comparison/methods.csv", newline="") as stream:
        drawn = {row["method"]: row for row in csv.DictReader(stream)}
    assert drawn == {name: {key: value for key, value in row.items() if key != "seconds"} for name, row in rows.items()}


def test_its_seconds_are_those_of_the_run_and_of_the_reference_behind_it(on_methods: Project) -> None:
    """Of dro, the run and the reference of its partition, each of two repeats."""
    rows = compared(on_methods)
    folders = [f"{SETTING}/runs/dro/none/000-001", f"{SETTING}/reference/early/000-001"]
    times = [timings.read(on_methods.path / folder / "timing.json") for folder in folders]
    assert all(one.repeats == 2 and one.seconds is not None and one.seconds > 0 for one in times)
    assert float(rows["dro"]["seconds"]) == pytest.approx(sum(one.seconds or 0 for one in times))
    markdown = (on_methods.path / "results/tables/comparison/methods.md").read_text(encoding="utf-8")
    assert f"| {float(rows['dro']['cost']):.1f} | {float(rows['dro']['seconds']):.1f} | " in markdown
    assert "Seconds: wall time" in markdown and "A dash" not in markdown


def test_seconds_reach_the_table_alone_and_are_unknown_of_a_resumed_job(project: Project) -> None:
    before, path = project.reproducible(), project.path / SETTING / "runs/dro/none/000-001/timing.json"
    timings.write(path, timings.read(path).origin.provenance, seconds=1.0, repeats=2, resumed=True)
    assert project.plan() == {"tabulate_comparison": 1, "all": 1}
    project.run()
    after = project.reproducible()
    assert sorted(name for name in after if after[name] != before[name]) == [f"tables/comparison/methods.{end}" for end in ("csv", "md")]
    rows = compared(project)
    assert rows["dro"]["seconds"] == "" and float(rows["choosing"]["seconds"]) > 0
    markdown = after["tables/comparison/methods.md"].decode()
    assert f"| {float(rows['dro']['cost']):.1f} | – | " in markdown and "A dash under Seconds" in markdown


def test_lost_seconds_train_nothing_and_damaged_ones_end_in_one_sentence(project: Project) -> None:
    path = project.path / SETTING / "runs/dro/none/000-001/timing.json"
    content = path.read_bytes()
    path.unlink()
    assert project.plan() == {}
    path.write_bytes(content.replace(b'"resumed": false', b'"resumed": true'))
    status, _ = project.snakemake("--cores", "1")
    said = (project.path / "logs/tabulate/comparison/methods.log").read_text(encoding="utf-8")
    assert status != 0 and "runs/dro/none/000-001/timing.json is damaged or no timing" in said and "Traceback" not in said
    path.unlink()
    assert project.plan("results/tables/comparison/methods.csv") == {"retrain": 1, "evaluate": 1, "tabulate_comparison": 1}


def test_the_plan_that_was_chosen_is_the_one_trained_on(on_methods: Project) -> None:
    for name in ("choosing", "choosing_by_worst_class_accuracy"):
        chosen = selection(on_methods, name)["coordinates"]["plan"]
        taken, named = (on_methods.path / SETTING / f"plans/{plan}/000-001.parquet" for plan in (f"tuned-{name}", chosen))
        assert tables.read(taken, schemas.PLAN).equals(tables.read(named, schemas.PLAN)) and notes(taken) == notes(named)
        assert np.array_equal(logits(on_methods, name, f"tuned-{name}"), logits(on_methods, "erm", chosen))


def test_a_reported_epoch_is_the_first_best_on_validation(on_methods: Project) -> None:
    folder = on_methods.path / SETTING / "runs/dro/none/000-001"
    rows = tables.read(folder / "history.parquet", schemas.HISTORY).to_pylist()
    for repeat, epoch in notes(folder / "predictions.parquet")["epochs"].items():
        correct = Counter[int]()
        for row in rows:
            if row["repeat"] == int(repeat) and (row["split"], row["view"]) == ("validation", "natural"):
                correct[row["epoch"]] += row["n_correct"]
        assert epoch == max(correct, key=lambda one: (correct[one], -one))


def test_another_rule_trains_no_candidate_again_and_nothing_if_it_chooses_as_one_before(project: Project) -> None:
    project.configure(METHODS, "methods/choosing/by", ["accuracy", "worst_class_accuracy", "worst_group_accuracy"])
    more = {"select_candidate": 1, "take_plan": 1, "retrain": 1, "evaluate": 1}
    assert project.plan() == more | COMPARISON
    name = "choosing_by_worst_group_accuracy"
    project.run(f"{SETTING}/runs/{name}/tuned-{name}/000-001/predictions.parquet")
    others = {selection(project, other)["chosen"]: other for other in ("choosing", "choosing_by_worst_class_accuracy")}
    assert len(others) == 2, "these two choose otherwise, and each trained what it chose"
    same = others[selection(project, name)["chosen"]]
    said = (project.path / f"logs/retrain/rivals/{name}/tuned-{name}/000-001.log").read_text(encoding="utf-8")
    assert f"the same training as that of {SETTING}/runs/{same}/tuned-{same}/000-001/predictions.parquet" in said
    assert "training runs of" not in said
    assert np.array_equal(logits(project, name, f"tuned-{name}"), logits(project, same, f"tuned-{same}"))
    assert project.plan() == {"evaluate": 1} | COMPARISON


def test_an_edit_of_a_method_reaches_its_own_runs(project: Project) -> None:
    project.append("spurprune/methods/group_dro.py", "\nUNUSED = 1\n")
    tuned = {"retrain_candidate": 2, "evaluate_candidate": 2, "select_candidate": 1}
    assert project.plan() == tuned | {"retrain": 1, "evaluate": 1} | COMPARISON

"""Plans made by a method's predictions: the runs behind them, and mistakes in one sentence."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spurprune.config.config import Config
from spurprune.dag import labels, needs, planning, targets
from spurprune.dag.files import Run
from spurprune.dag.labels import GroupLabels
from spurprune.errors import ConfigError
from spurprune.pruning import plan as plans
from tests import behind
from tests.behind import BLOCK, CHOOSING, DRO, REFIT, SHORT, TUNED, TUNING

QUOTA = "class_quota-short-0.25"

Load = Callable[..., Config]


def run(method: str, plan: str = "none", block: str = BLOCK, candidate: str = "") -> Run:
    return Run("quotas", method, plan, block, candidate)


@pytest.fixture
def load(root: Path, tmp_path: Path) -> Load:
    """Load the example configuration with a setting of its own, and a study that compares methods on plans."""

    def loader(plans: list[str], compared: list[str] | None = None, setting: dict[str, Any] | None = None, **entries: Any) -> Config:
        return behind.load(root, tmp_path, name="quotas", setting=setting or {}, plans=plans, compared=compared, entries=entries)

    return loader


def test_a_plan_needs_the_run_behind_it_and_its_predictions_alone(load: Load) -> None:
    config = load([QUOTA])
    found = needs.of(config)
    assert found.runs == {run("erm", QUOTA)} and found.predictors == {run("short")} and not found.sources
    assert found.plans == {("quotas", QUOTA, BLOCK), ("quotas", "none", BLOCK)}
    assert needs.keeping_models(found, config) == set()
    folder = f"settings/quotas/runs/short/none/{BLOCK}"
    kept = [path for path in needs.kept_files(found, config) if path.startswith(folder)]
    assert kept == [f"{folder}/history.parquet", f"{folder}/predictions.parquet"]


def test_jobs_are_counted(load: Load) -> None:
    jobs = planning.jobs(load([QUOTA, "class_quota-short-0.50", "random-0.25"]))
    counts = Counter(job.rule for job in jobs if job.setting == "quotas")
    assert counts == {
        "prepare_splits": 1,
        "prune_metadata": 2,  # random, and none for the run behind
        "prune_metadata_by_run": 2,
        "retrain": 4,
        "evaluate": 3,
    }
    assert sorted(job.training_runs for job in jobs if job.rule == "retrain") == [5] * 4


def test_a_run_that_is_shown_may_be_behind_a_plan(load: Load) -> None:
    config = load(["none", "class_quota-erm-0.25"])
    found = needs.of(config)
    assert found.predictors == {run("erm")} and found.predictors < found.runs
    assert f"{run('erm').folder}/metrics.parquet" in needs.kept_files(found, config)
    assert Counter(job.rule for job in planning.jobs(config))["retrain"] == 2


def test_a_run_may_be_behind_a_plan_and_keep_its_model(load: Load) -> None:
    config = load(["none", "class_quota-erm-0.25"], ["refit"], refit=REFIT)
    found = needs.of(config)
    assert found.predictors == {run("erm")} and found.sources == {run("erm"), run("erm", "class_quota-erm-0.25")}
    counts = Counter(job.rule for job in planning.jobs(config))
    assert (counts["retrain_keeping_models"], counts["retrain"], counts["embed"]) == (2, 0, 2)


def test_recall_may_be_that_of_a_tuned_method(load: Load) -> None:
    found = needs.of(load(["class_quota-tuned-0.25"], tuned=TUNED))
    assert found.predictors == {run("tuned")} and {one.method for one in found.selections} == {"tuned"}
    assert {(one.plan, one.block) for one in found.candidates} == {("none", TUNING)}


def test_a_method_may_run_on_a_plan_by_its_own_recall(load: Load) -> None:
    config = load(["none"], ["drop"], drop={"kind": "erm", "plan": "class_quota-drop-0.25"})
    assert labels.of_method("drop", config.methods, config.settings["quotas"]) == GroupLabels()
    found = needs.of(load(["class_quota-short-0.25"], ["short"]))
    assert found.predictors == {run("short")} and found.runs == {run("short", QUOTA)}


def test_plans_to_choose_among_need_recall_where_they_are_compared_and_where_one_is_taken(load: Load) -> None:
    choosing = {**CHOOSING, "grid": {"plan": ["none", QUOTA]}}
    config = load(["tuned-choosing"], ["choosing"], choosing=choosing)
    found = needs.of(config)
    assert found.predictors == {run("short"), run("short", block=TUNING)}
    counts = Counter(job.rule for job in planning.jobs(config))
    assert (counts["take_plan"], counts["prune_metadata_by_run"], counts["prune_metadata"]) == (1, 2, 2)


def test_a_plan_whose_steps_are_taken_over_needs_recall(load: Load) -> None:
    found = needs.of(load(["none"], ["matched"], matched={"kind": "erm_matched", "options": {"steps_of": QUOTA}}))
    assert found.predictors == {run("short")} and ("quotas", QUOTA, BLOCK) in found.plans


def test_any_such_plan_can_be_asked_for(load: Load) -> None:
    config = load(["none"])
    targets.check(f"results/settings/quotas/plans/{QUOTA}/000-004.parquet", (), config)
    with pytest.raises(ConfigError, match=r"'class_quota-shrt-0\.25': 'shrt' is not a known method \(did you mean 'short'\?\)"):
        targets.check("results/settings/quotas/plans/class_quota-shrt-0.25/000-004.parquet", (), config)


def test_the_pattern_of_plans_by_predictions_matches_these_alone() -> None:
    pattern = re.compile(plans.pattern_by_predictor())
    assert pattern.fullmatch(QUOTA) and pattern.fullmatch("class_quota-erm_by_accuracy-0.125")
    for plan in ("none", "random-0.25", "per_class-el2n-hardest-0.10", "tuned-short", "class_quota-short-0.1"):
        assert not pattern.fullmatch(plan)


@pytest.mark.parametrize(
    ("predictor", "expected"),
    [
        ("short", GroupLabels()),
        ("dro", GroupLabels(train=True)),
        ("by_groups", GroupLabels(validation=True)),
        ("tuned_on_groups", GroupLabels(train=True)),
        ("pruned", GroupLabels()),  # on a plan by groups, but its run behind the quotas is on none
    ],
)
def test_a_plan_needs_the_labels_of_the_run_behind_it(load: Load, predictor: str, expected: GroupLabels) -> None:
    entries = {
        "dro": {"kind": "group_dro"},
        "by_groups": TUNED | {"by": "worst_group_accuracy"},
        "tuned_on_groups": TUNED | {"plan": "balance_subsample-groups"},
        "pruned": SHORT | {"plan": "balance_subsample-groups"},
    }
    config = load(["none"], drop={"kind": "erm", "plan": f"class_quota-{predictor}-0.25"}, **entries)
    assert labels.of_method("drop", config.methods, config.settings["quotas"]) == expected


def test_a_method_may_have_a_plan_by_clusters_of_its_own_run_without_it(load: Load) -> None:
    spare = {"partitions": {"spare": {"kind": "clusters", "from": "balanced"}}}
    config = load(["none"], setting=spare, balanced=SHORT | {"plan": "importance-spare-1"})
    assert labels.of_method("balanced", config.methods, config.settings["quotas"]) == GroupLabels()


STUDY = "studies.digits.plans"


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("class_quota-shrt-0.25", f"{STUDY}: 'class_quota-shrt-0.25': 'shrt' is not a known method (did you mean 'short'?)"),
        ("class_quota-refit-0.25", "goes by the recall of 'refit', which is a refinement; name a method that trains a network."),
        ("class_quota-choosing-0.25", "goes by the recall of 'choosing' without pruning, but this method chooses its plan; name one whose"),
        (
            "class_quota-short-0.2",
            f"{STUDY}: 'class_quota-short-0.2' is not a plan; plans of this strategy are written class_quota-METHOD-S",
        ),
    ],
)
def test_mistakes_in_plans(load: Load, plan: str, expected: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        load([plan], refit=REFIT, choosing=CHOOSING)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"kind": "erm", "plan": "class_quota-shrt-0.25"}, "methods.mine.plan"),
        (CHOOSING | {"grid": {"plan": ["none", "class_quota-shrt-0.25"]}}, "methods.mine.plan"),
        ({"kind": "erm_matched", "options": {"steps_of": "class_quota-shrt-0.25"}}, "methods.mine.options.steps_of"),
    ],
)
def test_mistakes_in_entries_that_no_study_names(
    load: Load, entry: dict[str, Any], key: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load(["none"], mine=entry)
    assert str(error.value).startswith(f"{key}: 'shrt' is not a known method")
    assert_one_sentence(str(error.value))


def test_a_partition_whose_plan_names_no_method_is_refused(load: Load, assert_one_sentence: Callable[[str], None]) -> None:
    spare = {"kind": "clusters", "from": "short", "plan": "class_quota-shrt-0.25"}
    with pytest.raises(
        ConfigError, match=r"quotas\.partitions\.spare\.plan: 'class_quota-shrt-0\.25': 'shrt' is not a known method"
    ) as error:
        load(["none"], setting={"partitions": {"spare": spare}})
    assert_one_sentence(str(error.value))


def test_a_setting_without_validation_samples_is_refused(load: Load, assert_one_sentence: Callable[[str], None]) -> None:
    load(["none"], setting={"validation": "none"})
    with pytest.raises(ConfigError) as error:
        load(["none", QUOTA], setting={"validation": "none"})
    assert str(error.value) == (
        f"{STUDY}: '{QUOTA}' goes by recall on the validation split, but 'quotas' has no validation samples; set its validation to a share "
        "of the training split."
    )
    assert_one_sentence(str(error.value))


def clusters(source: str, plan: str = "none") -> dict[str, Any]:
    return {"partitions": {"spare": {"kind": "clusters", "from": source, "plan": plan}}}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        # Candidates are compared on a plan by the recall of the method that they are candidates of.
        ({"mine": TUNED | {"plan": "class_quota-mine-0.25"}}, "methods.mine.plan is 'class_quota-mine-0.25', but in '"),
        (
            {"mine": {"kind": "erm_matched", "options": {"steps_of": "class_quota-mine-0.25"}}},
            "methods.mine.options.steps_of is 'class_quota-mine-0.25', but in '",
        ),
        (  # one tuned on the plan that the other chooses, among plans by the former's recall
            {"mine": TUNED | {"plan": "tuned-other"}, "other": CHOOSING | {"grid": {"plan": ["none", "class_quota-mine-0.25"]}}},
            "methods.other.grid.plan is 'class_quota-mine-0.25', but in '",
        ),
        (  # two methods, each by the other
            {"mine": TUNED | {"plan": "class_quota-other-0.25"}, "other": TUNED | {"plan": "class_quota-mine-0.25"}},
            "methods.mine.plan is 'class_quota-other-0.25', but in '",
        ),
    ],
)
def test_circles_of_methods_are_refused_though_no_study_names_them(
    load: Load, setting: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load(["none"], **setting)
    assert str(error.value).startswith(expected)
    assert "needs that plan itself; name another method or plan." in str(error.value)
    assert_one_sentence(str(error.value))


def test_circles_through_partitions_are_refused(load: Load, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        load(["none"], setting=clusters("short", "class_quota-dro-0.25"), dro=DRO)
    assert "quotas.partitions.spare.from is 'short', whose run on 'class_quota-dro-0.25' needs this partition itself" in str(error.value)
    assert_one_sentence(str(error.value))


def test_what_leads_to_a_circle_is_no_part_of_it(load: Load) -> None:
    """A plan by a method that reads clusters of another run, and clusters of a run on quotas, are no circles."""
    config = load(["class_quota-dro-0.25"], setting=clusters("short", QUOTA), dro=DRO)
    found = needs.of(config)
    assert found.predictors == {run("dro"), run("short")} and found.sources == {run("short", QUOTA)}

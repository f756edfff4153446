"""Method entries in the configuration: candidates and their names, what entries decide, and mistakes in one sentence."""

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurprune.config import loading, methods
from spurprune.config.config import Config
from spurprune.dag import files, needs, planning, studies
from spurprune.dag.files import Run, Selection
from spurprune.errors import ConfigError

TUNING = {"blocks": ["900-901"]}
SLOW = {"kind": "erm", "training": {"optimizer": {"lr": 0.01}}}
TUNED = {
    "kind": "erm",
    "grid": {"training.optimizer.lr": [0.1, 0.01], "training.label_smoothing": [0.0, 0.1]},
    "tuning": TUNING,
    "by": "accuracy",
}
REFIT = {"kind": "last_layer", "from": "erm", "options": {"balance": "classes"}}
REMOVED = {"kind": "group_influence", "from": "erm", "from_plan": "none", "plan": "random-0.10"}
REFIT_TUNED = {
    **REFIT,
    "options": {"fit_on": "train", "balance": "classes"},
    "grid": {"options.C": [1.0, 0.1]},
    "tuning": TUNING,
    "by": "accuracy",
}
STUDY = {"settings": ["digits-carriers"], "plans": ["none"], "figures": {}, "tables": {"summary": {"kind": "summary"}}}


COUNTS = list(range(1, 33))
PLAIN = {"extends": "digits", "groups": [], "probe": None, "aligned": {}, "overlay": None, "carriers": {"choose": "none"}}


@pytest.fixture
def load(root: Path, tmp_path: Path) -> Callable[..., Config]:
    """Load the example configuration with more methods, which one study compares on one setting, and with a setting without a feature."""
    raw = yaml.safe_load((root / "tests/unit/example/config.yaml").read_text())
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump({"plain": PLAIN}))
    raw["setting_files"] = ["tests/unit/example/settings.yaml", str(tmp_path / "plain.yaml")]

    def loader(entries: dict[str, Any], compared: list[str] | None = None, **study: Any) -> Config:
        main = deepcopy(raw)
        main["methods"] |= entries
        main["studies"]["digits"] |= deepcopy(STUDY) | {"methods": compared or list(entries)} | study
        return loading.load(main, root)

    return loader


def test_candidates_are_named_by_their_coordinates_in_the_order_of_the_keys() -> None:
    entry = methods.complete(TUNED)
    assert list(methods.candidates(entry)) == ["label_smoothing-0.0.lr-0.1", "label_smoothing-0.0.lr-0.01",
                                               "label_smoothing-0.1.lr-0.1", "label_smoothing-0.1.lr-0.01"]  # fmt: skip
    reordered = methods.complete({**TUNED, "grid": dict(reversed(TUNED["grid"].items()))})
    assert methods.candidates(reordered) == methods.candidates(entry)
    assert methods.candidates(methods.complete(SLOW)) == {}


def test_a_candidate_is_its_entry_with_its_values_in_place() -> None:
    entry = methods.complete({"kind": "erm", "training": {"optimizer": {"lr": 0.5, "momentum": 0.8}}})
    changed = methods.at(entry, {"training.optimizer.lr": 0.1, "options.depth": 3})
    assert changed["training"] == {"optimizer": {"lr": 0.1, "momentum": 0.8}} and changed["options"] == {"depth": 3}
    assert methods.deciding(changed).keys() == {"kind", "from", "options", "training", "epoch"}
    assert entry["training"]["optimizer"]["lr"] == 0.5, "the entry itself stays"


def test_a_tuned_method_needs_its_candidates_on_the_tuning_repeats_and_one_selection(load: Callable[..., Config]) -> None:
    found = needs.of(load({"tuned": TUNED}))
    assert found.runs == {Run("digits-carriers", "tuned", "none", "000-004")}
    assert {(run.block, run.plan) for run in found.candidates} == {("900-901", "none")} and len(found.candidates) == 4
    assert found.selections == {Selection("digits-carriers", "tuned")} and not found.sources
    assert {block for _, _, block in found.plans} == {"000-004", "900-901"}


def test_a_refinement_needs_the_runs_that_it_starts_from(load: Callable[..., Config]) -> None:
    config = load({"refit": REFIT_TUNED})
    found = needs.of(config)
    assert found.sources == {Run("digits-carriers", "erm", "none", block) for block in ("000-004", "900-901")}
    assert needs.keeping_models(found, config) == {("digits-carriers", "erm", "none")}
    assert config.methods["refit"]["options"]["redraws"] == 10, "defaults of options are filled in"
    counts = {job.rule for job in planning.jobs(config)}
    assert {"embed", "refine", "refine_candidate", "retrain_keeping_models", "select_candidate"} <= counts and "retrain" not in counts


@pytest.mark.parametrize(("partition", "expected"), [({}, {("groups", "000-004")}), ({"partition": "class"}, set())])
def test_a_method_needs_the_partition_that_it_reads(
    load: Callable[..., Config], partition: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    found = needs.of(load({"dro": {"kind": "group_dro", "options": partition}}))
    assert {(one.partition, one.block) for one in found.partitions} == expected


def test_candidates_have_folders_of_their_own() -> None:
    entries = methods.expanded({"tuned": TUNED})
    first, *_ = files.tuning_runs(Selection("digits", "tuned"), entries)
    assert first.folder == "settings/digits/candidates/tuned/label_smoothing-0.0.lr-0.1/none/900-901"
    assert Selection("digits", "tuned").path == "settings/digits/selection/tuned.json"


def test_a_study_compares_its_methods_on_its_settings_and_plans(load: Callable[..., Config]) -> None:
    config = load({"slow": SLOW}, ["erm", "slow"], plans=["none", "random-0.10", "balance_subsample-class"])
    runs = studies.all_runs(config)
    assert {(run.method, run.plan) for run in runs} == {
        (method, plan) for method in ("erm", "slow") for plan in ("none", "random-0.10", "balance_subsample-class")
    }


WRONG = [
    ({"kind": "emr"}, 'methods.mine.kind is "emr", but must be one of cnc, erm, '),
    ({"kind": "erm", "form": "erm"}, "methods.mine.form is not a known key (did you mean 'from'?)"),
    ({"kind": "erm", "from": "mine"}, "methods.mine.from is 'mine', which starts from 'mine' itself"),
    ({"kind": "erm", "from_plan": "none"}, "methods.mine.from_plan is 'none', but 'from' names no method to start from"),
    ({"kind": "erm", "from": "erm", "from_plan": "nun"}, "methods.mine.from_plan: 'nun' is not a plan"),
    ({"kind": "weight_mask"}, "methods.mine.from is missing; 'weight_mask' starts from the model of another method"),
    ({**REFIT, "from_plan": "none"}, "methods.mine.from_plan does not go with 'last_layer'"),
    ({"kind": "erm", "options": {"C": 1}}, "methods.mine.options.C is not a known key"),
    ({"kind": "erm", "training": {"epoch": 3}}, "methods.mine.training.epoch is not a known key (did you mean"),
    ({"kind": "erm", "training": {"epochs": 0}}, "methods.mine.training.epochs is 0, but must be at least 1"),
    ({"kind": "last_layer"}, "methods.mine.from is missing; 'last_layer' starts from the model of another method"),
    ({**REFIT, "from": "ermm"}, "methods.mine.from: 'ermm' is not a known method (did you mean 'erm'?)"),
    ({**REFIT, "from": "mine"}, "methods.mine.from is 'mine', which trains no network"),
    ({**REFIT, "training": {"epochs": 3}}, "methods.mine.training does not go with 'last_layer', which trains no network"),
    ({**REFIT, "options": {"C": 0}}, "methods.mine.options.C is 0, but must be a number above 0"),
    ({**REFIT, "options": {"balance": "group"}}, 'methods.mine.options.balance is "group", but must be one of groups, classes, none'),
    ({**REFIT_TUNED, "grid": {"options.C": [1.0, -1.0]}}, "methods.mine.options.C is -1.0, but must be a number above 0"),
    ({**REFIT_TUNED, "grid": {"training.epochs": [1]}}, "'training.epochs' does not go with 'last_layer', which trains no network"),
    ({**REFIT_TUNED, "options": {"fit_on": "validation"}}, "options.fit_on is validation, whose samples would then choose among"),
    ({"kind": "group_influence", "from": "erm"}, "methods.mine.from_plan is missing, but 'group_influence' removes from a network"),
    ({**REMOVED, "from_plan": "random-0.10"}, "methods.mine.from_plan is random-0.10, but 'group_influence' removes from a network"),
    ({**REMOVED, "training": {"epochs": 3}}, "methods.mine.training does not go with 'group_influence', which trains no network"),
    ({**REMOVED, "options": {"damp": 1}}, "methods.mine.options.damp is 1, but must be a number in [0, 1)"),
    ({"kind": "incremental"}, "methods.mine.from is missing; 'incremental' starts from the model of another method"),
    ({"kind": "incremental", "from": "erm", "training": {"optimizer": {"name": "adam", "lr": 0.1, "weight_decay": 0.0}}},
     "training.optimizer.name is 'adam', but it continues with the optimiser of 'erm', 'sgd'; name that"),
    ({**TUNED, "plan": "only-groups-land"}, "part 'land' is not a known part of 'groups'"),
    ({"kind": "group_dro", "options": {"eta": 0}}, "methods.mine.options.eta is 0, but must be a number above 0 and at most 1,000"),
    ({"kind": "group_dro", "options": {"partition": "Groups"}}, 'options.partition is "Groups", but must be a partition of the setting'),
    ({"kind": "pde", "options": {"every": 5, "add": 10}}, "methods.mine.options.warm_up is missing; it is required"),
    ({"kind": "cnc"}, "methods.mine.options.partition: 'predicted' is not a known partition of 'digits-carriers'"),
    ({"kind": "cnc", "options": {"contrast": "one"}}, 'methods.mine.options.contrast is "one", but must be one of all, first'),
    ({**TUNED, "tuning": None}, "methods.mine.tuning is missing; tuning a method takes both a grid and"),
    ({"kind": "erm", "tuning": TUNING}, "methods.mine.grid is missing; tuning a method takes both a grid and"),
    ({**TUNED, "grid": {"training.epochs": [5], "training.epochs.x": [1]}}, "'training.epochs.x' is part of 'training.epochs', which"),
    ({**TUNED, "plan": "per_class-nope-hardest-0.10"}, "score 'nope' is not a known score of 'digits-carriers'"),
    ({**TUNED, "plan": "balance_subsample-nope"}, "partition 'nope' is not a known partition of 'digits-carriers'"),
    ({**TUNED, "grid": {"lr": [1.0]}}, "methods.mine.grid: 'lr' is not a key that can be tuned; write options.KEY, training.KEY or plan"),
    ({**TUNED, "grid": {"training.schedule.milestones": [[1], [2]]}}, "'milestones-[1]' cannot be a folder name; tune keys whose values"),
    ({**TUNED, "grid": {"training.epochs": COUNTS, "training.batch_size": COUNTS}}, "mine.grid has 1,024 candidates; name at most 1,000"),
    ({**TUNED, "grid": {"training.epochs": [4, 2, 4]}}, "methods.mine.grid.training.epochs is [4, 2, 4], but must be a list of different"),
    ({**TUNED, "grid": {"training.optimizer.lr": [0.1, -0.1]}}, "candidate lr--0.1: training.optimizer.lr is -0.1, but must be above 0"),
    ({**TUNED, "plan": "best"}, "methods.mine.plan: 'best' is not a plan"),
    ({**TUNED, "by": "test"}, 'methods.mine.by is "test", but must be worst_group_accuracy, worst_class_accuracy or accuracy, or a list'),
    ({**TUNED, "tuning": {**TUNING, "blocks": ["003-005"]}}, "tuning.blocks: '003-005' overlaps '000-004'; blocks are never regrouped"),
    ({**TUNED, "tuning": {**TUNING, "blocks": ["000-004"]}}, "tuning.blocks: '000-004' overlaps '000-004', whose repeats are reported"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "expected"), WRONG)
def test_mistakes_in_an_entry(
    load: Callable[..., Config], entry: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load({"mine": entry})
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        ({"plans": ["none"], "settings": ["digitz"]}, "studies.digits.settings: 'digitz' is not a known setting"),
        ({"plans": ["half"]}, "studies.digits.plans: 'half' is not a plan"),
        ({"plans": ["per_class-el3n-hardest-0.10"]}, "score 'el3n' is not a known score of 'digits-carriers'"),
        ({"plans": ["per_group-el2n-hardest-0.10"], "settings": ["plain"]}, "'plain' has no aligned groups, which 'per_group' prunes by"),
        ({"plans": ["carriers-el2n-hardest-0.10"], "settings": ["plain"]}, "'plain' has no probe, which 'carriers' prunes by"),
        ({"plans": ["upweight-errors-3"]}, "partition 'errors' is not a known partition of 'digits-carriers'; known are groups"),
    ],
)
def test_mistakes_in_what_a_study_compares(
    load: Callable[..., Config], study: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load({"slow": SLOW}, **study)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("block", ["000-004", "003-007"])
def test_no_method_is_tuned_on_reported_repeats_however_it_is_reached(
    load: Callable[..., Config], block: str, assert_one_sentence: Callable[[str], None]
) -> None:
    tuned = {**TUNED, "tuning": {**TUNING, "blocks": [block]}}
    figures = {"fig6": {"kind": "general_pruning", "settings": ["digits-carriers"], "sparsities": ["0.10"], "methods": ["tuned"]}}
    with pytest.raises(ConfigError, match=rf"methods\.tuned\.tuning\.blocks: '{block}' overlaps '000-004'") as error:
        load({"tuned": tuned, "refit": {**REFIT, "from": "tuned"}}, ["refit"])
    assert_one_sentence(str(error.value))
    with pytest.raises(ConfigError, match=rf"methods\.tuned\.tuning\.blocks: '{block}' overlaps '000-004'"):
        load({"tuned": tuned}, ["erm"], figures=figures)


def test_blocks_of_two_tuned_methods_may_be_equal_but_not_overlap(load: Callable[..., Config]) -> None:
    other = {**TUNED, "tuning": {**TUNING, "blocks": ["901-903"]}}
    with pytest.raises(ConfigError, match=r"'900-901' overlaps '901-903'|'901-903' overlaps '900-901'"):
        load({"tuned": TUNED, "other": other})
    load({"tuned": TUNED, "other": TUNED})


def test_a_history_is_not_drawn_of_a_refinement(load: Callable[..., Config], assert_one_sentence: Callable[[str], None]) -> None:
    figures = {"fig1b": {"kind": "group_learning", "settings": ["digits-carriers"]}}
    with pytest.raises(ConfigError, match="'refit' trains no network, so it has no history to draw") as error:
        load({"refit": REFIT}, ["erm", "refit"], figures=figures)
    assert_one_sentence(str(error.value))


PLANS = ["per_class-random-hardest-0.10", "random-0.20"]
CHOOSING = {"kind": "erm", "grid": {"plan": PLANS, "training.optimizer.lr": [0.1, 0.01]}, "tuning": TUNING}


def test_a_method_may_choose_its_plan(load: Callable[..., Config]) -> None:
    config = load({"choosing": CHOOSING}, plans=["tuned-choosing"])
    found = needs.of(config)
    assert found.runs == {Run("digits-carriers", "choosing", "tuned-choosing", "000-004")}
    assert {(run.plan, run.block) for run in found.candidates} == {(plan, "900-901") for plan in PLANS} and len(found.candidates) == 4
    assert {run.candidate for run in found.candidates if run.plan == PLANS[1]} == {"plan-random-0.20.lr-0.1", "plan-random-0.20.lr-0.01"}
    assert {(plan, block) for _, plan, block in found.plans} == {
        ("tuned-choosing", "000-004"), *((plan, block) for plan in PLANS for block in ("000-004", "900-901"))
    }  # fmt: skip
    counts = Counter(job.rule for job in planning.jobs(config))
    assert counts["take_plan"] == 1 and counts["prune_metadata"] == 4 and counts["select_candidate"] == 1
    entry = config.methods["choosing"]
    assert methods.at(entry, {"plan": PLANS[0], "training.optimizer.lr": 0.1})["plan"] == "none", "a run's path names its plan"


def test_another_methods_choice_is_a_plan_like_any_other(load: Callable[..., Config]) -> None:
    refit = {**REFIT, "from": "choosing", "plan": "tuned-choosing"}
    found = needs.of(load({"choosing": CHOOSING, "refit": refit}, ["refit", "erm"], plans=["tuned-choosing"]))
    assert found.sources == {Run("digits-carriers", "choosing", "tuned-choosing", "000-004")}
    assert found.selections == {Selection("digits-carriers", "choosing")}


def test_rules_share_the_tuning_runs_unless_they_choose_the_epoch(load: Callable[..., Config]) -> None:
    rules = ["worst_group_accuracy", "accuracy"]
    names = ["tuned", "tuned_by_accuracy"]
    for epoch, methods_of_candidates in (("last", {"tuned"}), ("best_validation", set(names))):
        config = load({"tuned": {**TUNED, "by": rules, "epoch": epoch}}, names)
        found = needs.of(config)
        assert {run.method for run in found.runs} == {selection.method for selection in found.selections} == set(names)
        assert {run.method for run in found.candidates} == methods_of_candidates
        assert [config.methods[name]["by"] for name in names] == rules
    deciding = [methods.deciding(config.methods[name])["epoch"] for name in names]
    assert deciding == rules and methods.deciding(methods.complete(SLOW))["epoch"] == "last"


GROUP, CLASS, ALL = "worst_group_accuracy", "worst_class_accuracy", "accuracy"
RULED = {**CHOOSING, "by": [GROUP, CLASS]}


def test_an_entry_refers_to_the_method_of_its_own_rule_else_of_the_first() -> None:
    matched = {"kind": "erm_matched", "options": {"steps_of": "tuned-ruled"}, "grid": {"training.epochs": [1, 2]}, "tuning": TUNING}
    entries = methods.expanded(
        {
            "ruled": RULED,
            "tuned": {**TUNED, "by": [CLASS, ALL]},
            "matched": {**matched, "by": [ALL, CLASS, GROUP]},
            "single": {**matched, "by": CLASS},
            "refit": {**REFIT, "from": "tuned", "plan": "tuned-ruled", "by": [GROUP, CLASS, ALL]},
            "points": {
                **RULED,
                "grid": [{"plan": "tuned-ruled"}, {"plan": "class_quota-tuned-0.10", "training.epochs": 2}],
                "by": [ALL, CLASS],
            },
            "lists": {**RULED, "grid": {"plan": ["none", "tuned-ruled", "random-0.10"]}, "by": CLASS},
            "named": {**SLOW, "plan": "tuned-ruled_by_worst_class_accuracy"},
        }
    )
    steps = {name: entry["options"].get("steps_of") for name, entry in entries.items() if entry["kind"] == "erm_matched"}
    of_class = "tuned-ruled_by_worst_class_accuracy"
    assert steps == {
        "matched": "tuned-ruled",  # ruled has no accuracy
        "matched_by_worst_class_accuracy": of_class,
        "matched_by_worst_group_accuracy": "tuned-ruled",
        "single": of_class,
    }
    refits = {name: (entry["from"], entry["plan"]) for name, entry in entries.items() if entry["base"] == "refit"}
    assert refits == {
        "refit": ("tuned", "tuned-ruled"),
        "refit_by_worst_class_accuracy": ("tuned", of_class),
        "refit_by_accuracy": ("tuned_by_accuracy", "tuned-ruled"),
    }
    assert methods.plans_of(entries["points"]) == ["tuned-ruled", "class_quota-tuned_by_accuracy-0.10"]
    assert methods.plans_of(entries["points_by_worst_class_accuracy"]) == [of_class, "class_quota-tuned-0.10"]
    assert methods.plans_of(entries["lists"]) == ["none", of_class, "random-0.10"]
    assert entries["named"]["plan"] == of_class, "a rule may be named"


def test_rules_share_tuning_runs_that_refer_to_the_same() -> None:
    matched = {"kind": "erm_matched", "options": {"steps_of": "tuned-ruled"}, "grid": {"training.epochs": [1, 2]}, "tuning": TUNING}
    for rules, epoch, expected in (
        ([GROUP, CLASS, ALL], "last", ["matched", "matched_by_worst_class_accuracy", "matched"]),
        ([CLASS, GROUP, ALL], "last", ["matched", "matched_by_worst_group_accuracy", "matched_by_worst_group_accuracy"]),
        ([GROUP, ALL], "best_validation", ["matched", "matched_by_accuracy"]),
    ):
        entries = methods.expanded({"ruled": RULED, "matched": {**matched, "by": rules, "epoch": epoch}})
        assert [entry["candidates_of"] for entry in entries.values() if entry["base"] == "matched"] == expected


def test_what_a_rule_refers_to_is_made_for_it(load: Callable[..., Config]) -> None:
    matched = {"kind": "erm_matched", "options": {"steps_of": "tuned-ruled"}, "grid": {"training.epochs": [1, 2]}, "tuning": TUNING}
    names = ["matched", "matched_by_worst_class_accuracy"]
    config = load({"ruled": RULED, "matched": {**matched, "by": [GROUP, CLASS]}}, names)
    found = needs.of(config)
    assert {run.method for run in found.candidates} == {"ruled", *names} and len(found.candidates) == 4 + 2 * 2
    assert {one.method for one in found.selections} == {"ruled", "ruled_by_worst_class_accuracy", *names}
    steps = {plan for _, plan, block in found.plans if plan.startswith("tuned") and block == "900-901"}
    assert steps == {"tuned-ruled", "tuned-ruled_by_worst_class_accuracy"}
    counts = Counter(job.rule for job in planning.jobs(config))
    assert counts["take_plan"] == 4 and counts["retrain_candidate"] == 8 and counts["select_candidate"] == 4


def test_an_untuned_refinement_of_several_rules_starts_from_each_networks(load: Callable[..., Config]) -> None:
    tuned = {**TUNED, "by": [GROUP, CLASS]}
    found = needs.of(load({"tuned": tuned, "refit": {**REFIT, "from": "tuned", "by": [GROUP, CLASS]}}, ["refit", "refit_by_" + CLASS]))
    assert {run.method for run in found.sources} == {"tuned", "tuned_by_" + CLASS}
    with pytest.raises(ConfigError, match=r"methods\.refit\.by lists several metrics, but nothing is chosen by them"):
        load({"tuned": tuned, "refit": {**REFIT, "from": "tuned", "by": [GROUP, ALL]}}, ["refit"])


@pytest.mark.parametrize(
    ("entries", "study", "expected"),
    [
        ({"mine": {**CHOOSING, "plan": "random-0.10"}}, {}, "methods.mine.plan is 'random-0.10', but the grid chooses the plan"),
        ({"mine": {**CHOOSING, "grid": {"plan": ["half"]}}}, {}, "methods.mine.plan: 'half' is not a plan"),
        ({"mine": {**CHOOSING, "grid": {"plan": ["tuned-mine"]}}}, {}, "methods.mine.plan: 'tuned-mine' is itself chosen by a method"),
        ({"mine": {**CHOOSING, "grid": {"plan": ["upweight-nope-3"]}}}, {"plans": ["tuned-mine"]}, "partition 'nope' is not a known"),
        ({"mine": CHOOSING}, {"plans": ["none"]}, "methods.mine chooses its plan, so it runs on 'tuned-mine', not on 'none'"),
        ({"mine": SLOW}, {"plans": ["tuned-erm"]}, "is 'tuned-erm', but the grid of 'erm' has no plans to choose among"),
        ({"mine": SLOW}, {"plans": ["tuned-emr"]}, "'emr' is not a known method (did you mean 'erm'?)"),
        ({"mine": {**SLOW, "plan": "tuned-emr"}}, {}, "methods.mine.plan: 'emr' is not a known method (did you mean 'erm'?)"),
        ({"mine": {**REFIT, "epoch": "best_validation"}}, {}, "methods.mine.epoch does not go with 'last_layer', which trains no network"),
        ({"mine": {**SLOW, "by": ["accuracy", "accuracy"]}}, {}, "methods.mine.by is"),
        (
            {"mine": {**SLOW, "by": ["accuracy", "worst_class_accuracy"]}},
            {},
            "methods.mine.by lists several metrics, but nothing is chosen",
        ),
        ({"mine": {**REFIT, "by": ["accuracy", "worst_class_accuracy"]}}, {}, "methods.mine.by lists several metrics, but nothing is"),
        ({"mine": {**CHOOSING, "tuning": {"blocks": ["900-901", "900-901"]}}}, {}, "methods.mine.tuning.blocks"),
        (
            {"mine": {**CHOOSING, "grid": [{"plan": "none"}, {"training.epochs": 3}]}},
            {},
            "methods.mine.grid names a plan for some candidates only; name one for each, which may be none",
        ),
        (
            {"mine": {**CHOOSING, "kind": "erm_matched", "options": {"steps_of": "tuned-mine"}}},
            {},
            "methods.mine.options.steps_of is 'tuned-mine', which is chosen by runs that take over steps themselves",
        ),
        (
            {"mine": {**TUNED, "by": ["worst_group_accuracy", "accuracy"]}, "mine_by_accuracy": SLOW},
            {},
            "methods.mine_by_accuracy has the name of methods.mine by its rule accuracy; rename one",
        ),
    ],
)
def test_mistakes_in_plans_and_rules(
    load: Callable[..., Config], entries: dict[str, Any], study: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load(entries, ["mine"], **study)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


def test_steps_are_those_of_a_plan_in_the_same_block(load: Callable[..., Config]) -> None:
    matched = {"kind": "erm_matched", "options": {"steps_of": "tuned-choosing"}}
    found = needs.of(load({"matched": matched, "choosing": CHOOSING}, ["matched"]))
    assert found.runs == {Run("digits-carriers", "matched", "none", "000-004")}
    assert {plan for _, plan, block in found.plans if block == "000-004"} == {"none", "tuned-choosing", *PLANS}
    assert found.selections == {Selection("digits-carriers", "choosing")}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"kind": "erm_matched"}, "methods.mine.options.steps_of is missing"),
        ({"kind": "erm_matched", "options": {"steps_of": "half"}}, "methods.mine.options.steps_of: 'half' is not a plan"),
        ({"kind": "erm_matched", "options": {"steps_of": "tuned-erm"}}, "methods.mine.options.steps_of is 'tuned-erm', but the grid of"),
        ({"kind": "erm_matched", "options": {"steps_of": "upweight-nope-3"}}, "partition 'nope' is not a known partition"),
        (
            {"kind": "erm_matched", "grid": {"options.steps_of": ["none", "random-0.10"]}, "tuning": TUNING},
            "methods.mine.grid: 'options.steps_of' decides which files a run reads",
        ),
    ],
)
def test_mistakes_in_matched_steps(
    load: Callable[..., Config], entry: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load({"mine": entry})
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


def test_candidates_may_be_given_point_by_point(load: Callable[..., Config]) -> None:
    points = [{"training.optimizer.lr": 0.1, "plan": "random-0.10"}, {"training.optimizer.lr": 0.01, "plan": "none"}]
    entry = load({"mine": {"kind": "erm", "grid": points, "tuning": TUNING}}, plans=["tuned-mine"]).methods["mine"]
    assert methods.candidates(entry) == {
        "plan-random-0.10.lr-0.1": {"plan": "random-0.10", "training.optimizer.lr": 0.1},
        "plan-none.lr-0.01": {"plan": "none", "training.optimizer.lr": 0.01},
    }
    assert methods.plans_of(entry) == ["random-0.10", "none"] and methods.budget(entry) == 2


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([{}], "methods.mine.grid is [{}], but must be a mapping from dotted keys to lists of values"),
        ([{"lr": 0.1}], "methods.mine.grid: 'lr' is not a key that can be tuned"),
        ([{"training.optimizer.lr": 0.1}, {"training.optimizer.lr": 0.1}], "methods.mine.grid"),
        ([{"training.optimizer.lr": 0.1}, {"options.lr": 0.1}], "methods.mine.grid has candidates of the same name; remove one"),
    ],
)
def test_mistakes_in_points(load: Callable[..., Config], points: Any, expected: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        load({"mine": {"kind": "erm", "grid": points, "tuning": TUNING}})
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("grid", [{"plan": [{"a": 1}]}, {"plan": [["none"]]}, [{"plan": {"a": 1}}], [{"plan": 3}]])
def test_plans_of_a_grid_are_text(load: Callable[..., Config], grid: Any, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=r"methods\.mine\.grid") as error:
        load({"mine": {"kind": "erm", "grid": grid, "tuning": TUNING}})
    assert_one_sentence(str(error.value))


def test_removal_starts_from_what_erm_trained(load: Callable[..., Config], assert_one_sentence: Callable[[str], None]) -> None:
    load({"removed": REMOVED}, ["removed"], plans=["random-0.10"])
    with pytest.raises(
        ConfigError, match=r"^methods\.removed\.from is 'dro', but 'group_influence' goes by the mean cross-entropy"
    ) as error:
        load({"dro": {"kind": "group_dro"}, "removed": {**REMOVED, "from": "dro"}})
    assert_one_sentence(str(error.value))


def test_the_runs_by_earlier_rules_may_be_the_same_training() -> None:
    """On the plan that each rule chose, or on the plan asked for; candidates by name; not where the rule chooses the epoch."""
    rules = {"by": ["accuracy", "worst_class_accuracy", "worst_group_accuracy"], "tuning": {"blocks": ["900-900"]}}
    pruning = {"kind": "erm", "grid": {"plan": ["none", "per_class-el2n-hardest-0.05"]}, **rules}
    matched = {"kind": "erm_matched", "options": {"steps_of": "tuned-pruning"}, "grid": {"training.optimizer.lr": [0.1, 0.2]}, **rules}
    entries = methods.expanded({"pruning": pruning, "matched": matched, "best": {**matched, "epoch": "best_validation"}})
    last = "pruning_by_worst_group_accuracy"
    chosen = files.alike(Run("digits", last, f"tuned-{last}", "000-004"), entries)
    assert chosen == [Run("digits", name, f"tuned-{name}", "000-004") for name in ("pruning", "pruning_by_worst_class_accuracy")]
    assert files.alike(Run("digits", last, "none", "000-004"), entries)[0] == Run("digits", "pruning", "none", "000-004")
    assert files.alike(Run("digits", "pruning", "tuned-pruning", "000-004"), entries) == []
    tuning = Run("digits", "matched_by_worst_class_accuracy", "none", "900-900", "lr-0.2")
    assert files.alike(tuning, entries) == [Run("digits", "matched", "none", "900-900", "lr-0.2")]
    assert files.alike(replace(tuning, candidate="lr-7"), entries) == []
    assert files.alike(Run("digits", "best_by_worst_class_accuracy", "none", "000-004"), entries) == []


def test_what_starts_from_other_networks_by_another_rule_is_another_training() -> None:
    """A method that starts from one with fewer rules shares its networks by some rules, and tuning runs with them."""
    rules = ["accuracy", "worst_class_accuracy", "worst_group_accuracy"]
    tuning = {"tuning": {"blocks": ["900-900"]}, "grid": {"training.optimizer.lr": [0.1, 0.2]}}
    first = {"kind": "erm", "by": [rules[0], rules[2]], **tuning}
    entries = methods.expanded({"first": first, "second": {"kind": "erm", "from": "first", "by": rules, **tuning}})
    by_class, by_group = "second_by_worst_class_accuracy", "second_by_worst_group_accuracy"
    assert [one.method for one in files.alike(Run("digits", by_class, "none", "000-004"), entries)] == ["second"]
    assert files.alike(Run("digits", by_group, "none", "000-004"), entries) == []
    assert files.alike(Run("digits", by_group, "none", "900-900", "lr-0.2"), entries) == []
    assert entries[by_class]["candidates_of"] == "second", "so it has no tuning runs of its own"

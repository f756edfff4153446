"""What a method's kind and a plan's strategy require of the configuration: mistakes in one sentence before any job runs."""

import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from spurprune.config import loading, parts
from spurprune.config.config import Config
from spurprune.dag import plugins, targets
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.registry import registry
from spurprune.errors import ConfigError
from spurprune.pruning import plan as plans
from spurprune.pruning.weights import Request

TUNING = {"blocks": ["900-901"]}
PDE = {"kind": "pde", "options": {"partition": "class", "warm_up": 3, "every": 2, "add": 5}}
CNC = {"kind": "cnc", "options": {"anchors": 2, "positives": 3, "negatives": 2}, "training": {"batch_size": 9}}
CHOOSING = {"kind": "erm", "grid": {"plan": ["none", "importance-class-1"]}, "tuning": TUNING, "by": "accuracy"}
OWN = {"reader": "table", "path": "birds.csv", "label": "species", "split": "split", "attributes": ["place"], "vectors": "birds.npy"}
SETTINGS = {
    "known": {
        "extends": "digits-carriers",
        "partitions": {
            "predicted": {"kind": "predicted", "reference": "early", "epoch": 5},
            "errors": {"kind": "errors", "reference": "early", "epoch": 5},
            "clusters": {"kind": "clusters", "from": "erm"},
            "two": {"kind": "clusters", "from": "erm", "by_class": False, "k": 2},
            "up_to_two": {"kind": "clusters", "from": "erm", "by_class": False, "max_k": 2},
        },
    },
    "own": {
        "extends": "known",
        "dataset": "birds",
        "image_size": None,
        "groups": ["place"],
        "aligned": {},
        "overlay": None,
        "carriers": {"choose": "none"},
        "probe": None,
        "model": {"name": "mlp", "hidden": []},
    },
    "untested": {"extends": "known", "dataset": "mnist", "image_size": 28, "validation": "none"},
}

Load = Callable[..., Config]


@pytest.fixture
def load(root: Path, tmp_path: Path) -> Load:
    """Load the example configuration with more methods, which a study compares on a plan of a setting; the digits train 16 epochs."""
    raw = yaml.safe_load((root / "tests/unit/example/config.yaml").read_text())
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(SETTINGS))
    raw["setting_files"] = ["tests/unit/example/settings.yaml", str(tmp_path / "more.yaml")]
    raw["datasets"], raw["data"]["mnist"] = {"birds": OWN}, "resources/mnist"

    def loader(plan: str = "none", compared: list[str] | None = None, setting: str = "known", **entries: Any) -> Config:
        main = deepcopy(raw)
        main["methods"] |= entries
        named = list(entries) if compared is None else compared
        study = {"settings": [setting], "plans": [plan], "methods": named or ["erm"], "figures": {}}
        main["studies"]["digits"] |= study | {"tables": {"summary": {"kind": "summary"}}}
        return loading.load(main, root)

    return loader


def options(entry: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {**entry, "options": entry["options"] | changed}


def tuned(entry: dict[str, Any], *, by: Any = "accuracy", **grid: list[Any]) -> dict[str, Any]:
    return {**entry, "grid": {key.replace("__", "."): values for key, values in grid.items()}, "tuning": TUNING, "by": by}


TOO_LATE = "so the first expansion would never come; choose a warm_up below the epochs."
COMPOSED = "but a batch of cnc has anchors + positives + 2 · negatives = {rows} rows; set it to {rows} in the method's training."

WRONG = [
    # warm_up and epochs, of the setting, the entry and its candidates
    (options(PDE, warm_up=16), "known with methods.mine: options.warm_up is 16, but training.epochs is 16, " + TOO_LATE),
    ({**PDE, "training": {"epochs": 3}}, "methods.mine.options.warm_up is 3, but training.epochs is 3, " + TOO_LATE),
    (tuned(PDE, options__warm_up=[3, 20]), "known with methods.mine, candidate warm_up-20: options.warm_up is 20, but training.epochs is"),
    (tuned(PDE, training__epochs=[40, 2]), "methods.mine, candidate epochs-2: options.warm_up is 3, but training.epochs is 2, " + TOO_LATE),
    (
        tuned({**PDE, "training": {"epochs": 40}}, options__warm_up=[3, 40]),
        "methods.mine, candidate warm_up-40: options.warm_up is 40, but training.epochs is 40, ",
    ),
    (tuned(PDE, training__epochs=["ten"]), 'methods.mine, candidate epochs-ten: training.epochs is "ten", but must be a whole number'),
    # rows of a batch
    ({**CNC, "training": {}}, "known with methods.mine: training.batch_size is 64, " + COMPOSED.format(rows=9)),
    (options(CNC, negatives=3), "methods.mine.training.batch_size is 9, " + COMPOSED.format(rows=11)),
    (tuned(CNC, options__anchors=[2, 4]), "methods.mine, candidate anchors-4: training.batch_size is 9, " + COMPOSED.format(rows=11)),
    (tuned(CNC, training__batch_size=[9, 8]), "methods.mine, candidate batch_size-8: training.batch_size is 8, "),
    # plans
    ({**PDE, "plan": "upweight-errors-5"}, "methods.mine.plan: 'upweight-errors-5' repeats samples, but 'pde' takes only plans that only"),
    ({**PDE, "plan": "balance_reweight-class"}, "methods.mine.plan: 'balance_reweight-class' draws its visits, but 'pde' takes only plans"),
    ({**CNC, "plan": "importance-clusters-2"}, "methods.mine.plan: 'importance-clusters-2' draws its visits, but 'cnc' takes only plans"),
    ({**CNC, "plan": "upweight-errors-0.5"}, "methods.mine.plan: 'upweight-errors-0.5' draws its visits, but 'cnc' takes only plans that"),
    ({**CNC, "plan": "tuned-choosing"}, "plan: 'importance-class-1', among which 'choosing' chooses, draws its visits, but 'cnc' takes"),
    (tuned(PDE, plan=["none", "upweight-errors-5"]), "methods.mine.grid.plan: 'upweight-errors-5' repeats samples, but 'pde' takes only"),
    # partitions
    (options(CNC, partition="class"), "methods.mine.options.partition is 'class', in 'known' a partition of kind class, but 'cnc' takes"),
    (options(CNC, partition="errors"), "methods.mine.options.partition is 'errors', in 'known' a partition of kind errors, but 'cnc'"),
    (options(CNC, partition="groups"), "a partition of kind groups, but 'cnc' takes only those of kind predicted; name such a partition."),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "expected"), WRONG)
def test_mistakes_in_an_entry(load: Load, entry: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as error:
        load("tuned-mine" if "plan" in entry.get("grid", ()) else "none", ["mine"], mine=entry, choosing=CHOOSING)
    assert_one_sentence(str(error.value))


def test_mistakes_that_an_entry_shows_by_itself_fail_though_nothing_runs_it(load: Load) -> None:
    for entry, key in (
        ({**PDE, "training": {"epochs": 3}}, "options.warm_up is 3"),
        (options(CNC, negatives=3), "training.batch_size is 9"),
        ({**CNC, "plan": "balance_reweight-class"}, "plan: 'balance_reweight-class'"),
    ):
        with pytest.raises(ConfigError, match=rf"^methods\.mine\.{key}"):
            load("none", ["erm"], mine=entry)
    load("none", ["erm"], mine=options(PDE, warm_up=16))


@pytest.mark.parametrize(
    "entry",
    [
        options(PDE, warm_up=15),
        {**PDE, "plan": "random-0.10"},
        {**CNC, "plan": "upweight-errors-5"},
        tuned({**CNC, "training": {}}, training__batch_size=[9], options__temperature=[0.1, 0.5]),
        tuned(PDE, training__epochs=[4, 16]),
    ],
)
def test_what_fits_is_taken(load: Load, entry: dict[str, Any]) -> None:
    assert load(mine=entry).methods["mine"]["kind"] == entry["kind"]


@pytest.mark.parametrize(
    ("entry", "plan", "expected"),
    [
        (PDE, "upweight-errors-2", "known with methods.mine: 'upweight-errors-2' repeats samples, but 'pde' takes only plans that only"),
        (PDE, "tuned-choosing", "'importance-class-1', among which 'choosing' chooses, draws its visits, but 'pde' takes only plans that"),
        (CNC, "balance_reweight-groups", "known with methods.mine: 'balance_reweight-groups' draws its visits, but 'cnc' takes only plans"),
    ],
)  # fmt: skip
def test_mistakes_in_the_plan_of_a_run(
    load: Load, entry: dict[str, Any], plan: str, expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    refit = {"kind": "last_layer", "from": "mine", "options": {"balance": "classes"}}
    for compared in ("mine", "refit"):  # a refinement needs that run, too
        with pytest.raises(ConfigError, match=re.escape(expected)) as error:
            load(plan, [compared], mine=entry, refit=refit, choosing=CHOOSING)
        assert_one_sentence(str(error.value))


@pytest.mark.parametrize("partition", ["errors", "two", "up_to_two"])
def test_upweighting_takes_two_parts(load: Load, partition: str) -> None:
    load(f"upweight-{partition}-5", [])


@pytest.mark.parametrize(
    ("partition", "setting", "number"),
    [
        ("predicted", "known", "10"),
        ("class", "known", "10"),
        ("groups", "known", "20"),
        ("clusters", "known", "50"),
        ("groups", "own", "4 or more"),
        ("clusters", "own", "10 or more"),
    ],
)
def test_upweighting_of_other_parts_is_refused(
    load: Load, partition: str, setting: str, number: str, assert_one_sentence: Callable[[str], None]
) -> None:
    plan = f"upweight-{partition}-5"
    expected = f"'{plan}' needs a partition of 2 parts, but '{partition}' of '{setting}' has {number}; name another, such as one of kind"
    with pytest.raises(ConfigError, match=f"^studies.digits.plans: {expected}") as error:
        load(plan, [], setting)
    assert_one_sentence(str(error.value))
    with pytest.raises(ConfigError, match=rf"^methods\.jtt\.grid\.plan: {expected}"):
        load("tuned-jtt", ["jtt"], setting, jtt={**CHOOSING, "grid": {"plan": ["none", plan]}})


@pytest.mark.parametrize("partition", ["class", "predicted", "errors"])
def test_how_many_classes_a_users_own_data_have_only_these_tell(load: Load, partition: str) -> None:
    load(f"upweight-{partition}-5", [], "own")


@pytest.mark.parametrize("kind", plugins.names("partitions"))
def test_parts_are_counted_as_they_are_named(kind: str) -> None:
    """Two classes on land and water, of the scenes; clusters are three at most."""
    entry = registry()["waterbirds"]
    block = {"kind": kind, **plugins.defaults("partitions", kind), "max_k": 3}
    setting = {"overlay": None, "groups": ["background"], "partitions": {"mine": block}}
    expected = {"groups": 4, "errors": 2, "predicted": 2, "clusters": 6, "cross_risk": 4, "suspects": 6, "quarters": 5}[kind]
    for partition, count in (("mine", expected), ("class", 2)):
        names, is_exact = parts.names(partition, setting, entry)
        assert (len(names), is_exact) == (count, True)
    names = plugins.load("partitions", kind).names(block, Grouping(("a", "b", "c"), (Attribute.of("hue", ("x", "y")),)))
    expected = {"groups": 6, "errors": 2, "predicted": 3, "clusters": 9, "cross_risk": 6, "suspects": 6, "quarters": 5}[kind]
    assert len(set(names)) == len(names) == expected


PLANS = {
    "none": plans.KEPT,
    "random-0.10": plans.KEPT,
    "per_class-el2n-hardest-0.50": plans.KEPT,
    "balance_subsample-mine": plans.KEPT,
    "balance_reweight-mine": plans.DRAWN,
    "importance-mine-1.5": plans.DRAWN,
    "upweight-mine-3": plans.COPIED,
    "upweight-mine-0.5": plans.DRAWN,
}


@pytest.mark.parametrize("plan", PLANS)
def test_strategies_weigh_as_they_declare(plan: str) -> None:
    unknown, part = np.full(6, -1), np.array([0, 0, 0, 0, 1, 1])
    asked = Request(plans.parse(plan), 0, np.array([0, 0, 0, 1, 1, 1]), unknown, unknown, unknown, np.arange(6), part, ("a", "b"))
    found = plugins.load("strategies", asked.plan.strategy).weigh(asked)
    assert plans.weights_of(asked.plan) == PLANS[plan]
    assert (found.visits == "drawn") == (PLANS[plan] == plans.DRAWN)
    assert (set(found.weight) <= {0.0, 1.0}) == (PLANS[plan] == plans.KEPT)


@pytest.mark.parametrize(
    ("setting", "sparsity", "expected"),
    [
        ("digits-count.count-0", "0.50", "carriers.count is 0, so nothing could be pruned; raise it, or choose another plan."),
        (
            "digits-count.count-10",
            "0.04",
            "carriers.count is 10, of which a sparsity of 0.04 rounds to none; raise the sparsity, or remove",
        ),
    ],
)
def test_too_few_carriers_to_prune(
    load: Load, setting: str, sparsity: str, expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    plan = f"carriers-el2n-hardest-{sparsity}"
    with pytest.raises(ConfigError, match=re.escape(f"studies.digits.plans: '{plan}' in '{setting}': {expected}")) as error:
        load(plan, [], setting)
    assert_one_sentence(str(error.value))
    load("carriers-el2n-hardest-0.05", [], "digits-count.count-10")
    load("carriers-el2n-hardest-0.00", [], "digits-count.count-10")


def test_the_best_epoch_needs_validation_samples(load: Load, assert_one_sentence: Callable[[str], None]) -> None:
    for entry, what in (
        ({"kind": "erm", "epoch": "best_validation"}, "ends with the best epoch"),
        (tuned({"kind": "erm"}, training__epochs=[4, 16]), "is tuned"),
    ):
        with pytest.raises(ConfigError, match=f"methods.mine {what}, but 'untested' has no validation samples to choose by") as error:
            load(setting="untested", mine=entry)
        assert_one_sentence(str(error.value))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("runs/late/none/000-004/predictions.parquet", "known with methods.late: options.warm_up is 16"),
        ("runs/refit/none/000-004/predictions.parquet", "known with methods.late: options.warm_up is 16"),
        ("runs/mine/balance_reweight-class/000-004/predictions.parquet", "known with methods.mine: 'balance_reweight-class' draws its"),
        ("plans/class_quota-late-0.10/000-004.parquet", "known with methods.late: options.warm_up is 16"),
        ("plans/upweight-class-3/000-004.parquet", "'class' of 'known' has 10"),
    ],
)  # fmt: skip
def test_files_that_no_study_needs_are_checked_when_they_are_asked_for(load: Load, path: str, expected: str) -> None:
    refit = {"kind": "last_layer", "from": "late", "options": {"balance": "classes"}}
    config = load("none", ["erm"], mine=PDE, late=options(PDE, warm_up=16), refit=refit)
    targets.check("results/settings/known/runs/mine/none/000-004/predictions.parquet", (), config)
    with pytest.raises(ConfigError, match=re.escape(expected)):
        targets.check(f"results/settings/known/{path}", (), config)

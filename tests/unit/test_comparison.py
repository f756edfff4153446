"""Methods side by side: differences, ranks with ties, regret and cost worked out by hand; the labels that methods need."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.config import methods
from spurprune.config.config import Config
from spurprune.dag import kinds, labels, planning
from spurprune.dag.labels import GroupLabels
from spurprune.errors import ConfigError, DataError
from spurprune.evaluation.choices import Choice
from spurprune.evaluation.comparison import ComparisonRow, Entrant, Results, compare, ranks_of, regret
from spurprune.evaluation.frame import Metrics
from spurprune.evaluation.series import UNKNOWN
from spurprune.figures import entrants
from spurprune.figures.base import SettingInfo, Spec
from spurprune.figures.kinds import methods_compared
from spurprune.storage import schemas, timings
from spurprune.storage.provenance import Provenance
from spurprune.tables.kinds import comparison
from spurprune.tables.report import Sources

RULE = "worst_group_accuracy"


def metrics(method: str, plan: str, values: Mapping[tuple[str, str], list[float]], first: int = 0) -> pa.Table:
    """Metrics of one run, by split and metric, one value a repeat."""
    head = {"setting": "birds", "method": method, "plan": plan, "strategy": "none", "block": "000-002", "n": 10}
    rows = [
        {**head, "split": split, "metric": metric, "repeat": first + repeat, "value": value}
        for (split, metric), of_repeats in values.items()
        for repeat, value in enumerate(of_repeats)
    ]
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in schemas.METRICS.columns.items()})


def entrant(method: str, **changes: Any) -> Entrant:
    plain: dict[str, Any] = {
        "method": method, "base": method, "kind": "erm", "plan": "none", "by": RULE, "epoch": "last", "budget": 2, "labels_train": False,
        "labels_validation": True, "candidates": {}, "candidates_of": method, "references": 0.0,
        "batch_sizes": {"": 64},
    }  # fmt: skip
    return Entrant(**plain | changes)


def measured(worst: list[float], steps: float) -> dict[tuple[str, str], list[float]]:
    return {
        ("test", RULE): worst,
        ("test", "accuracy"): [0.9] * 3,
        ("test", "accuracy_weighted"): [0.95] * 3,
        ("train", "training_steps"): [steps] * 3,
    }


ENTRANTS = [
    entrant("erm"),
    entrant(
        "pruning",
        plan="tuned-pruning",
        candidates={"a": "random-0.10", "b": "random-0.20"},
        references=3.0,
        published=0.9093,
        batch_sizes={"a": 64, "b": 32},
    ),
    entrant("dfr", kind="last_layer", sources=[("base", "none", {"": 128})], labels_train=True),
    entrant("rival", by="accuracy", base="erm"),
]
REPORTED = pa.concat_tables(
    [
        metrics("erm", "none", measured([0.70, 0.72, 0.71], 400)),
        metrics("pruning", "tuned-pruning", measured([0.80, 0.83, 0.81], 300)),
        metrics(
            "dfr",
            "none",
            {key: value for key, value in measured([0.80, 0.82, 0.82], 0).items() if key[0] == "test"}
            | {("train", "chosen_C"): [10.0, 0.3, 1.0]},
        ),
        metrics("rival", "none", measured([0.5, 0.5, 0.5], 800)),
        metrics("base", "none", {("train", "training_steps"): [100.0] * 3}),
    ]
)
TRIED = {  # by candidate: its plan, test and validation worst group in the tuning repeats, and its steps
    "a": ("random-0.10", [0.6, 0.7], [0.9, 0.8], 360.0),
    "b": ("random-0.20", [0.8, 0.7], [0.7, 0.7], 320.0),
}
TUNING = {
    ("birds", "pruning", name): Metrics.of(
        metrics(
            "pruning",
            plan,
            {
                ("test", RULE): test,
                ("validation", RULE): validation,
                ("validation", "worst_class_accuracy"): [1 - value for value in validation],
                ("train", "training_steps"): [steps] * 2,
            },
            first=900,
        )
    )
    for name, (plan, test, validation, steps) in TRIED.items()
}
CHOICES = {("birds", "pruning"): Choice("birds", "pruning", "a", {"plan": "random-0.10"})}
RESULTS = Results("birds", Metrics.of(REPORTED), TUNING, CHOICES)


def rows(**changes: Any) -> dict[str, ComparisonRow]:
    given = {"baseline": "erm", "pruning": "pruning", "epochs": {"": 20}} | changes
    return {row.method: row for row in compare(RESULTS, ENTRANTS, **given)}


def test_a_refinement_shows_the_penalties_that_it_chose() -> None:
    assert rows()["dfr"].chosen == "C 0.3 to 10"


def test_rows_are_ordered_by_rule_then_worst_group_and_methods_not_told_apart_share_a_rank() -> None:
    found = rows()
    assert [(name, row.rank) for name, row in found.items()] == [("dfr", 1), ("pruning", 1), ("erm", 3), ("rival", 1)]
    assert found["rival"].by == "accuracy", "each rule ranks its own methods"


def test_differences_are_paired_within_a_rule() -> None:
    found = rows()
    of_pruning = found["pruning"].from_baseline
    assert of_pruning.mean == pytest.approx(0.31 / 3) and of_pruning.n == 3 and of_pruning.low > 0
    assert found["dfr"].from_pruning.mean == pytest.approx(0.0, abs=1e-12) and found["dfr"].from_pruning.low < 0
    assert found["erm"].from_baseline.n == 0 and found["pruning"].from_pruning.n == 0, "not to themselves"
    assert found["rival"].from_pruning.n == 0, "no pruning was chosen by that rule"


def test_regret_and_validation_are_of_the_tuning_repeats() -> None:
    found = rows()["pruning"]
    assert found.chosen == "a" and found.validation == pytest.approx(0.85)
    assert found.regret == pytest.approx(0.75 - 0.65)
    assert rows()["erm"].regret is None and rows()["erm"].chosen is None
    assert (found.regret_by_group, found.regret_by_class) == (found.regret, pytest.approx(0.0)), "the worst class chooses b"
    assert found.regret_by_accuracy is None, "validation accuracy was not measured"
    assert regret({"a": 0.5, "b": 0.5}, "b") == 0


def test_costs_are_in_samples_that_an_epoch_of_the_baseline_visits() -> None:
    """ERM's 400 steps of 64 are 20 epochs, so 300 are 15, with 3 of references 18.

    Candidates of 360 steps of 64 and 320 of 32 are 18 and 8, with their references 29; a network that is refined, of 100 of 128, is 10.
    """
    found = rows()
    assert (found["erm"].cost, found["erm"].tuning) == (20, 0)
    assert (found["pruning"].cost, found["pruning"].tuning) == (18, 29)
    assert (found["dfr"].cost, found["dfr"].tuning) == (10, 0)
    assert found["rival"].cost == 40, "by the same measure under every rule"
    assert math.isnan(rows(baseline="absent")["pruning"].cost)


def test_other_rules_have_no_regret_where_a_rule_chose_the_epoch() -> None:
    stopped = [replace(one, epoch="best_validation") if one.method == "pruning" else one for one in ENTRANTS]
    found = {row.method: row for row in compare(RESULTS, stopped, baseline="erm", pruning=None, epochs={"": 20})}["pruning"]
    assert found.regret_by_group == found.regret and found.regret_by_class is None


def test_the_epochs_of_a_tuned_baseline_are_those_of_its_choice() -> None:
    """Pruning chose its candidate a, so its 300 steps are 30 epochs; with 3 of references they cost 33."""
    found = rows(baseline="pruning", epochs={"a": 30, "b": 60})
    assert (found["pruning"].cost, found["erm"].cost) == (33, 40)


def test_a_missing_run_is_named(assert_one_sentence: Callable[[str], None]) -> None:
    for change, expected in (
        ([*ENTRANTS, entrant("lost")], "There are no metrics of 'birds' by 'lost' on 'none'"),
        ([entrant("erm", candidates={"x": "none"})], "There are no metrics of the candidate 'x' of 'erm'"),
        ([*ENTRANTS, entrant("erm", by="other", sources=[("lost", "none", {"": 1})])], "no metrics of 'birds' by 'lost' on 'none'"),
    ):
        with pytest.raises(DataError) as error:
            compare(RESULTS, change, baseline="erm", pruning=None, epochs={"": 20})
        assert expected in str(error.value)
        assert_one_sentence(str(error.value))


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=6))
def test_the_method_of_the_highest_mean_has_rank_one(values: list[list[float]]) -> None:
    of_methods = {str(i): pd.Series(one) for i, one in enumerate(values)}
    found = ranks_of(of_methods)
    best = max(of_methods, key=lambda name: of_methods[name].mean())
    assert found[best] == 1 and all(rank is not None and 1 <= rank <= len(values) for rank in found.values())


def test_a_method_without_a_value_has_no_rank() -> None:
    assert ranks_of({"a": pd.Series([0.5, 0.6]), "b": pd.Series([math.nan, math.nan])}) == {"a": 1, "b": None}


# Labels

SETTING = {"partitions": {"groups": {"kind": "groups"}, "errors": {"kind": "errors", "reference": "short"}}}
TUNED = {"tuning": {"blocks": ["900-900"]}}
ENTRIES: dict[str, dict[str, Any]] = {
    "erm": {"kind": "erm"},
    "by_group": {"kind": "erm", "grid": {"training.epochs": [1, 2]}, **TUNED},
    "by_class": {"kind": "erm", "grid": {"training.epochs": [1, 2]}, **TUNED, "by": "worst_class_accuracy"},
    "stopped": {"kind": "erm", "epoch": "best_validation"},
    "pruning": {"kind": "erm", "plan": "per_group-el2n-hardest-0.50"},
    "per_class": {"kind": "erm", "plan": "per_class-el2n-hardest-0.50"},
    "carriers": {"kind": "erm", "plan": "carriers-el2n-hardest-0.50"},
    "subg": {"kind": "erm", "plan": "balance_subsample-groups"},
    "suby": {"kind": "erm", "plan": "balance_subsample-class"},
    "jtt": {"kind": "erm", "grid": {"plan": ["upweight-errors-3", "upweight-errors-5"]}, **TUNED, "by": "accuracy"},
    "mixed": {"kind": "erm", "grid": {"plan": ["upweight-errors-3", "balance_reweight-groups"]}, **TUNED, "by": "accuracy"},
    "dro": {"kind": "group_dro", "options": {"partition": "groups"}},
    "inferred_dro": {"kind": "group_dro", "options": {"partition": "errors"}},
    "class_dro": {"kind": "group_dro", "options": {"partition": "class"}},
    "dfr_train": {"kind": "last_layer", "from": "erm", "options": {"fit_on": "train", "balance": "groups"}},
    "dfr_train_chosen": {"kind": "last_layer", "from": "erm", "options": {"fit_on": "train", "balance": "groups", "C": [1.0, 0.1]}},
    "dfr_validation": {"kind": "last_layer", "from": "erm", "options": {"fit_on": "validation", "balance": "groups"}},
    "refit": {"kind": "last_layer", "from": "erm", "options": {"fit_on": "train", "balance": "classes"}},
    "refined_dro": {"kind": "last_layer", "from": "dro", "options": {"fit_on": "train", "balance": "none"}},
    "matched": {"kind": "erm_matched", "options": {"steps_of": "tuned-by_jtt_group"}},
    "matched_to_groups": {"kind": "erm_matched", "options": {"steps_of": "balance_subsample-groups"}},
    "dro_by_plan": {"kind": "group_dro", "options": {"partition": "groups"}, "grid": {"plan": ["none", "random-0.10"]}, **TUNED,
                    "by": "accuracy"},
    "on_its_plan": {"kind": "erm", "plan": "tuned-dro_by_plan"},
    "on_jtts_plan": {"kind": "erm", "plan": "tuned-by_jtt_group"},
    "by_jtt_group": {"kind": "erm", "grid": {"plan": ["upweight-errors-3", "upweight-errors-5"]}, **TUNED},
}  # fmt: skip
NONE, VALIDATION, TRAIN = GroupLabels(), GroupLabels(validation=True), GroupLabels(train=True)
NEEDED = {
    "erm": NONE, "by_group": VALIDATION, "by_class": NONE, "stopped": VALIDATION, "pruning": TRAIN, "per_class": NONE, "carriers": TRAIN,
    "subg": TRAIN, "suby": NONE, "jtt": NONE, "mixed": TRAIN, "dro": TRAIN, "inferred_dro": NONE, "class_dro": NONE, "dfr_train": TRAIN,
    "dfr_train_chosen": TRAIN | VALIDATION, "matched": VALIDATION, "matched_to_groups": TRAIN, "dro_by_plan": TRAIN, "on_its_plan": TRAIN,
    "dfr_validation": VALIDATION, "refit": NONE, "refined_dro": TRAIN, "on_jtts_plan": VALIDATION, "by_jtt_group": VALIDATION,
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_labels_follow_from_what_a_method_uses(name: str) -> None:
    assert labels.of_method(name, methods.expanded(ENTRIES), SETTING) == NEEDED[name]


def test_findings_say_that_no_method_has_a_worst_group_and_why() -> None:
    undefined = [replace(row, rank=None, worst=UNKNOWN) for row in rows().values() if row.by == RULE]
    lacking = (
        Metrics.of(REPORTED).frame.iloc[:1].assign(metric="group_accuracy", group="landbird on water", n=0, split="test", setting="birds")
    )
    spec = Spec("", {"kind": "methods_compared"}, {"birds": SettingInfo("Birds", "birds-224")})
    where = "Birds, chosen by validation worst group accuracy: no method's worst-group accuracy is defined"
    reason = "no test sample is of 'landbird on water', which training has"
    assert methods_compared.findings(undefined, spec, Metrics(lacking)) == [f"{where}, since {reason}."]
    assert methods_compared.findings(undefined, spec, Metrics.none()) == [f"{where}."]


# Published values beside measured ones


@pytest.fixture(scope="module")
def paper() -> Config:
    return planning.load([planning.ROOT / "config/paper.yaml"])


def described(config: Config, study: str, **changes: Any) -> dict[str, Any]:
    """What the table "equal" of a study knows of its methods, after its check."""
    item = config.studies[study]["tables"]["equal"] | changes
    entrants.check("table", item, config.studies[study], config)
    return entrants.described(item, config.studies[study], config)


def test_values_are_those_of_table_1_or_of_the_methods_authors(paper: Config) -> None:
    shown = described(paper, "waterbirds-rivals")
    found = {one["method"]: one["published"] for one in shown["entrants"]["waterbirds-rivals"]}
    assert found["waterbirds_gdro"] == 0.86, "Table 1's, not its authors' 91.4"
    assert (found["waterbirds_subg"], found["waterbirds_dfr_validation_tuned"], found["waterbirds_xrm"]) == (0.891, 0.929, 0.86)
    assert found["waterbirds_erm_matched"] is None
    assert "waterbirds_subg: SUBG, Idrissi et al. 2022." in shown["sources"]
    assert "waterbirds_spare: SPARE, Yang et al. 2024; not looked up there." in shown["sources"]
    assert len(shown["sources"]) == 6, "none on those of Table 1"
    blond = {one["method"]: one["published"] for one in described(paper, "celeba-rivals")["entrants"]["celeba-blond-rivals"]}
    assert (blond["celeba_gdro"], blond["celeba_erm"]) == (0.889, None)


def test_authors_without_a_value_for_the_dataset_are_not_named(paper: Config) -> None:
    shown = described(paper, "multinli-rivals", originals={"multinli_xrm": "xrm", "multinli_subg": "subg"})
    assert shown["sources"] == ["multinli_subg: SUBG, Idrissi et al. 2022; not looked up there."]
    assert {one["method"]: one["published"] for one in shown["entrants"]["multinli-rivals"]}["multinli_xrm"] is None


@pytest.mark.parametrize(
    ("originals", "sentence"),
    [
        ({"waterbirds_subg": "subq"}, "table.originals.waterbirds_subg: 'subq' is not a known published method (did you mean 'subg'?)"),
        ({"waterbirds_jtt": "jtt"}, "table.originals names 'waterbirds_jtt', which is not compared; add it to the methods or remove it."),
        ({"waterbirds_gdro": "gdro"}, "table.originals names 'waterbirds_gdro', whose value is that of Table 1; remove it from one of"),
    ],
)
def test_mistakes_in_published_values(
    paper: Config, originals: dict[str, str], sentence: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        described(paper, "waterbirds-rivals", originals=originals)
    assert sentence in str(error.value)
    assert_one_sentence(str(error.value))


EQUALLY = "give every method equally many candidates."
OF_TWO = {"grid": {"training.epochs": [1, 2]}, "tuning": {"blocks": ["900-902"]}}


@pytest.mark.parametrize("section", ["figures", "tables"])
@pytest.mark.parametrize(
    ("budget", "changes", "sentence"),
    [
        (4, {}, f"table.budget is 4, but methods.waterbirds_erm chooses among 3; {EQUALLY}"),
        (3, {"waterbirds_rwg": {"grid": {}}}, f"table.budget is 3, but methods.waterbirds_rwg chooses among 1; {EQUALLY}"),
        (3, {"waterbirds_rwg": OF_TWO}, f"table.budget is 3, but methods.waterbirds_rwg chooses among 2; {EQUALLY}"),
        (
            3,
            {"waterbirds_dfr_train_tuned": {"options": {"fit_on": "train", "C": [1.0, 0.1]}}},
            f"table.budget is 3, but methods.waterbirds_dfr_train_tuned chooses among 2; {EQUALLY}",
        ),
        (  # C's three values for each of two networks
            3,
            {"waterbirds_dfr_base": OF_TWO},
            f"table.budget is 3, but methods.waterbirds_dfr_train_tuned chooses among 6; {EQUALLY}",
        ),
        (
            3,
            {"waterbirds_rwg": {"tuning": {"blocks": ["903-905"]}}},
            "methods.waterbirds_rwg.tuning.blocks differ from those of 'waterbirds_erm'; compared methods choose on the same repeats.",
        ),
        (  # the network that a refinement starts from chooses on other repeats
            3,
            {"waterbirds_dfr_base": {"grid": {"training.epochs": [1, 2, 3]}, "tuning": {"blocks": ["903-905"]}}}
            | {f"waterbirds_dfr_{split}_tuned": {"options": {"fit_on": split, "C": 1.0}} for split in ("train", "validation")},
            "methods.waterbirds_dfr_base.tuning.blocks differ from those of 'waterbirds_erm'; compared methods choose on the same repeats.",
        ),
    ],
)
def test_methods_that_do_not_choose_alike_are_refused(
    paper: Config, section: str, budget: int, changes: dict[str, Any], sentence: str, assert_one_sentence: Callable[[str], None]
) -> None:
    study = paper.studies["waterbirds-rivals"]
    changed = replace(paper, methods=paper.methods | {name: paper.methods[name] | over for name, over in changes.items()})
    with pytest.raises(ConfigError) as error:
        kinds.check("table", study[section]["equal"] | {"budget": budget}, study, changed)
    assert str(error.value) == sentence
    assert_one_sentence(sentence)


OPTIONS: dict[str, Any] = {
    "settings": ["birds"],
    "budget": 2,
    "reference": "erm",
    "pruning": "pruning",
    "entrants": {"birds": [asdict(one) for one in ENTRANTS]},
    "epochs": {"birds": {"": 20}},
}
SOURCES = Sources(metrics=RESULTS.metrics, tuning=TUNING, choices=CHOICES)


def test_the_table_says_where_published_values_are_from() -> None:
    note = "Published by the methods' own authors, not in the paper's Table 1, each with a protocol of its own: dfr: DFR, K. 2023."
    assert note in comparison.report(SOURCES, OPTIONS | {"sources": ["dfr: DFR, K. 2023."]}).notes
    assert not any("own authors" in one for one in comparison.report(SOURCES, OPTIONS | {"sources": []}).notes)


@pytest.mark.parametrize(("resumed", "cell"), [(False, "11.2"), (True, "–")])
def test_the_table_has_seconds_between_cost_and_tuning(resumed: bool, cell: str, tmp_path: Path) -> None:
    """The refinement took 0.75 s in all, its network 33 s, each of three repeats: 0.25 + 11."""
    timed = []
    for method, seconds in (("dfr", 0.75), ("base", 33.0)):
        place = {"setting": "birds", "method": method, "candidate": "", "plan": "none", "block": "000-002"}
        run, stopped = Provenance(place, "0+code", "config", (0, 1, 2)), resumed and method == "base"
        timings.write(tmp_path / method, run, seconds=seconds, repeats=3, resumed=stopped)
        timed.append(timings.read(tmp_path / method))
    described = [asdict(replace(one, runs=[("dfr", "none"), ("base", "none")] if one.method == "dfr" else [])) for one in ENTRANTS]
    found = comparison.report(replace(SOURCES, timings=timed), OPTIONS | {"entrants": {"birds": described}})
    assert list(found.sections[0].header[-3:]) == ["Cost", "Seconds", "Tuning"]
    assert next(row for row in found.sections[0].rows if row[0] == "dfr")[-3:] == ["10.0", cell, "0.0"]
    assert (comparison.RESUMED in found.notes) == resumed
    of_csv = {row.method: row.seconds for row in found.rows}["dfr"]
    assert math.isnan(of_csv) if resumed else of_csv == 11.25

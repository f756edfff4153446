"""The benchmark table on metrics worked out by hand: published and measured values, and the runs it needs."""

import csv
import html
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from markdown_it import MarkdownIt

from spurprune.config.config import Config
from spurprune.dag import kinds, planning, studies
from spurprune.errors import ConfigError, DataError
from spurprune.evaluation.frame import Metrics
from spurprune.evaluation.published import table_1
from spurprune.stages import tabulate
from spurprune.storage import schemas, tables
from spurprune.storage.canonical import canonical
from spurprune.storage.provenance import Provenance
from spurprune.tables.kinds import benchmark
from spurprune.tables.report import Report, Sources

T_ONE_DEGREE = 12.706204736174694  # Student's t, 97.5%, one degree of freedom
PLAN = "per_group_equal-el2n-hardest-0.90"
# (setting, method, plan): worst-group, weighted and raw accuracy of repeats 0 and 1
RUNS: dict[tuple[str, str, str], dict[str, list[float | None]]] = {
    ("birds", "erm", "none"): {"worst_group_accuracy": [0.70, 0.72], "accuracy_weighted": [0.97, 0.98], "accuracy": [0.85, 0.86]},
    ("birds", "erm", PLAN): {"worst_group_accuracy": [0.90, None], "accuracy_weighted": [0.92, 0.93], "accuracy": [0.91, 0.91]},
    ("birds", "erm", "random-0.10"): {"worst_group_accuracy": [0.11, 0.11], "accuracy_weighted": [0.1, 0.1], "accuracy": [0.1, 0.1]},
    ("text", "erm", "none"): {"worst_group_accuracy": [0.65, 0.67], "accuracy_weighted": [0.82, 0.82], "accuracy": [0.8, 0.8]},
    ("text", "erm", "per_group-el2n-hardest-0.50"): {
        "worst_group_accuracy": [0.75, 0.77],
        "accuracy_weighted": [0.81, 0.81],
        "accuracy": [0.8, 0.8],
    },
}


def options(*others: str) -> dict[str, Any]:
    """The table's options; birds may be pruned by further plans."""
    table = {
        "kind": "benchmark",
        "benchmarks": {
            "waterbirds": {"setting": "birds", "plans": [*others, PLAN]},
            "multinli": {"setting": "text", "plans": ["per_group-el2n-hardest-0.50"]},
        },
    }
    plain: dict[str, Any] = canonical({**table, "title": "T", "published": table_1()})
    return plain


def metrics_table(run: tuple[str, str, str], validation: Sequence[float | None] = (0.01, 0.01)) -> pa.Table:
    """All metrics of a run on the test split, and on the validation split the same value of all of them, by repeat."""
    setting, method, plan = run
    head = {"setting": setting, "method": method, "plan": plan, "strategy": plan.split("-")[0], "block": "000-001", "n": 9}
    rows = [
        {**head, "repeat": repeat, "split": split, "metric": metric, "value": value}
        for metric, values in RUNS[run].items()
        for split, of_split in (("test", values), ("validation", validation))
        for repeat, value in enumerate(of_split)
    ]
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in schemas.METRICS.columns.items()})


def sources(*left_out: tuple[str, str, str], validation: Mapping[str, list[float | None]] | None = None) -> Sources:
    found = [metrics_table(run, (validation or {}).get(run[2], [0.01, 0.01])) for run in RUNS if run not in left_out]
    return Sources(Metrics.of(pa.concat_tables(found)))


def make(*left_out: tuple[str, str, str]) -> Report:
    return benchmark.report(sources(*left_out), options())


def row_of(report: Report, dataset: str, method: str, metric: str) -> benchmark.BenchmarkRow:
    (row,) = [row for row in report.rows if (row.benchmark, row.method, row.metric, row.split) == (dataset, method, metric, "test")]
    return row


SOME = "per_group_equal-el2n-hardest-0.60"
MORE = "per_group_equal-el2n-hardest-0.70"


def make_among(monkeypatch: pytest.MonkeyPatch, test: dict[str, float], validation: dict[str, list[float | None]]) -> Report:
    """The table where birds may be pruned by ``SOME``, ``MORE`` and ``PLAN``, of which these values were measured."""
    for plan, value in test.items():
        monkeypatch.setitem(RUNS, ("birds", "erm", plan), {metric: [value, value] for metric in benchmark.METRICS})
    return benchmark.report(sources(validation=validation), options(SOME, MORE))


@pytest.mark.parametrize("test", [{SOME: 0.1, MORE: 0.2, PLAN: 0.9}, {SOME: 0.9, MORE: 0.2, PLAN: 0.1}])
def test_a_plan_is_chosen_by_the_validation_split_regardless_of_the_test_split(
    monkeypatch: pytest.MonkeyPatch, test: dict[str, float]
) -> None:
    report = make_among(monkeypatch, test, {SOME: [0.9, 0.1], MORE: [0.6, 0.7], PLAN: [0.5, None]})  # means .5, .65 and .5
    row = row_of(report, "waterbirds", "Pruning", "worst_group_accuracy")
    assert (row.plan, row.measured.mean) == (MORE, pytest.approx(0.2))
    candidates = [row for row in report.rows if row.split == "validation"]
    assert [(row.plan, row.measured.n) for row in candidates] == [(SOME, 2), (MORE, 2), (PLAN, 1)]
    assert [row.measured.mean for row in candidates] == pytest.approx([0.5, 0.65, 0.5])
    text, birds, choice = report.sections
    assert birds.heading == f"waterbirds (setting birds, pruned by {MORE})" and text.heading.startswith("multinli (")
    assert [(cells[0], cells[2]) for cells in choice.rows] == [(SOME, "no"), (MORE, "yes"), (PLAN, "no, missing in some repeats")]
    assert choice.rows[2][1] == "50.0 (n = 1)" and "Where a cell gives n, the value is missing in the other repeats." in report.notes


@pytest.mark.parametrize("name", ["<img src=x>", "![i](http://e/x.png)", "a | b", "<b>c</b> *d* `e`"])
def test_names_below_the_table_are_shown_literally(name: str) -> None:
    metrics = sources().metrics
    row = metrics.frame.iloc[[0]].assign(setting="birds", split="test", metric="group_accuracy", group=name, n=0, value=math.nan)
    report = benchmark.report(Sources(Metrics(pd.concat([metrics.frame, row], ignore_index=True))), options())
    note = f"Worst and mean of birds are missing where no test sample is of a group that training has: {name}."
    assert MarkdownIt("gfm-like", {"linkify": False}).render(report.notes[-1]) == f"<p>{html.escape(note)}</p>\n"


def test_a_plan_that_lacks_a_repeat_is_never_chosen(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spurprune"):
        report = make_among(
            monkeypatch, {SOME: 0.1, MORE: 0.2, PLAN: 0.3}, {SOME: [0.4, 0.2], MORE: [None, 1.0], PLAN: [0.3, 0.1]}
        )  # the best mean is of one repeat alone
    assert row_of(report, "waterbirds", "Pruning", "accuracy").plan == SOME
    assert [record.getMessage() for record in caplog.records] == [
        f"birds, pruning plans: '{MORE}' lacks a validation worst_group_accuracy in some repeats, so it cannot be chosen"
    ]


def test_a_repeat_that_all_plans_lack_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    report = make_among(monkeypatch, {SOME: 0.1, MORE: 0.2, PLAN: 0.3}, {SOME: [0.4, None], MORE: [0.6, None], PLAN: [0.5, None]})
    assert row_of(report, "waterbirds", "Pruning", "accuracy").plan == MORE


def test_samples_of_unknown_group_are_counted_below_the_table() -> None:
    ungrouped = {("birds", "validation"): (1, 9), ("birds", "test"): (2, 9), ("elsewhere", "test"): (3, 9)}
    report = benchmark.report(Sources(replace(sources().metrics, ungrouped=ungrouped)), options())
    assert [note for note in report.notes if "unknown group" in note] == [
        "Worst and mean of birds leave out the validation samples of unknown group, up to 1 of 9 in a repeat.",
        "Worst and mean of birds leave out the test samples of unknown group, up to 2 of 9 in a repeat.",
    ]


def test_a_tie_of_plans_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spurprune"):
        make_among(monkeypatch, {SOME: 0.1, MORE: 0.2, PLAN: 0.3}, {plan: [0.5, 0.7] for plan in (SOME, MORE, PLAN)})
    (record,) = caplog.records
    assert "all 3 candidates have the same mean 0.6, so nothing speaks for the one chosen" in record.getMessage()


def test_of_equal_plans_the_first_is_chosen_and_unmeasured_ones_never(monkeypatch: pytest.MonkeyPatch) -> None:
    equal = make_among(monkeypatch, {SOME: 0.1, MORE: 0.2, PLAN: 0.3}, {SOME: [None, None], MORE: [0.5, 0.5], PLAN: [0.5, 0.5]})
    assert row_of(equal, "waterbirds", "Pruning", "accuracy").plan == MORE


def test_without_a_validation_split_nothing_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(DataError, match="No pruning plan of 'birds' has a worst-group accuracy on the validation split") as error:
        make_among(monkeypatch, {SOME: 0.1, MORE: 0.2}, {plan: [None, None] for plan in (SOME, MORE, PLAN)})
    assert_one_sentence(str(error.value))


def test_published_and_measured_values_are_separate() -> None:
    report = make()
    erm = row_of(report, "waterbirds", "ERM", "worst_group_accuracy")
    assert (erm.published, erm.published_spread, erm.printed) == (0.7481, 0.007, "74.81 (0.7)")
    assert (erm.setting, erm.plan) == ("birds", "none")
    assert erm.measured.mean == pytest.approx(0.71) and erm.measured.high - erm.measured.mean == pytest.approx(T_ONE_DEGREE * 0.01)
    pruning = row_of(report, "waterbirds", "Pruning", "worst_group_accuracy")
    assert (pruning.published, pruning.plan, pruning.measured.mean, pruning.measured.n) == (0.9093, PLAN, 0.9, 1)
    assert row_of(report, "multinli", "Pruning", "accuracy_weighted").measured.mean == pytest.approx(0.81)


def test_what_was_not_measured_has_no_measured_value_and_the_other_way_round() -> None:
    report = make()
    jtt = row_of(report, "waterbirds", "JTT", "worst_group_accuracy")
    assert jtt.published == 0.867 and jtt.published_spread is None and jtt.setting is None and jtt.measured.n == 0
    assert math.isnan(jtt.measured.mean)
    pde = row_of(report, "multinli", "PDE", "accuracy_weighted")
    assert pde.published is None and pde.printed is None
    raw = row_of(report, "waterbirds", "ERM", "accuracy")
    assert raw.published is None and raw.measured.mean == pytest.approx(0.855)


def test_rivals_are_measured_by_the_method_entries_and_plans_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNS, ("birds", "erm", "upweight-errors-50"), {metric: [0.8, 0.9] for metric in benchmark.METRICS})
    monkeypatch.setitem(RUNS, ("birds", "group_dro_tuned", "none"), {metric: [0.7, 0.8] for metric in benchmark.METRICS})
    asked = options()
    asked["benchmarks"]["waterbirds"]["rivals"] = {
        "jtt": {"method": "erm", "plan": "upweight-errors-50"},
        "gdro": {"method": "group_dro_tuned"},
    }
    report = benchmark.report(sources(), asked)
    jtt, gdro = (row_of(report, "waterbirds", name, "worst_group_accuracy") for name in ("JTT", "gDRO"))
    assert (jtt.setting, jtt.entry, jtt.plan, jtt.measured.mean) == ("birds", "erm", "upweight-errors-50", pytest.approx(0.85))
    assert (gdro.setting, gdro.entry, gdro.plan, gdro.measured.mean) == ("birds", "group_dro_tuned", "none", pytest.approx(0.75))
    erm = row_of(report, "waterbirds", "ERM", "worst_group_accuracy")
    assert (erm.entry, erm.measured.mean) == ("erm", pytest.approx(0.71)) and row_of(report, "multinli", "JTT", "accuracy").entry is None
    study = {"blocks": ["000-001"]}
    runs = {run[:3] for run in benchmark.KIND.runs(asked, study, None)}  # type: ignore[arg-type]
    assert {("birds", "erm", "upweight-errors-50"), ("birds", "group_dro_tuned", "none")} <= runs


def test_markdown_names_setting_plan_and_labels() -> None:
    report = make()
    by_heading = {section.heading: section for section in report.sections}
    birds = by_heading[f"waterbirds (setting birds, pruned by {PLAN})"]
    assert [row[0] for row in birds.rows] == ["ERM", "CnC", "JTT", "gDRO", "DFR (train)", "PDE", "Pruning"]
    assert birds.rows[0] == ["ERM", "no", "no", "74.81 (0.7)", "71.0 ± 12.7", "98.10 (0.1)", "97.5 [74.2, 99.8]", "85.5 ± 6.4"]
    assert birds.rows[2] == ["JTT", "no", "yes", "86.7", *["not measured"], "93.3", *["not measured"] * 2]
    assert birds.rows[6][:5] == ["Pruning", "yes", "yes", "90.93 (0.58)", "90.0 (n = 1)"]
    text = by_heading["multinli (setting text, pruned by per_group-el2n-hardest-0.50)"]
    assert text.rows[5][3:6] == ["–", "not measured", "–"]
    assert "n = 1 to 2" in report.introduction


def test_a_missing_run_is_named(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match=f"no metrics of 'birds' with the plan '{PLAN}'") as error:
        make(("birds", "erm", PLAN))
    assert_one_sentence(str(error.value))


def test_the_stage_writes_both_files(tmp_path: Path) -> None:
    paths = []
    for number, run in enumerate(RUNS):
        paths.append(tmp_path / f"{number}.parquet")
        tables.write(paths[-1], metrics_table(run), schemas.METRICS, Provenance({"setting": run[0]}, "0", "0"))
    tabulate.run(
        inputs={"metrics": paths},
        table=options(),
        outputs={"csv": tmp_path / "a.csv", "markdown": tmp_path / "a.md"},
        provenance=Provenance({}, "0", "0"),
    )
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 2 * 7 * 3
    erm = next(row for row in rows if (row["benchmark"], row["method"], row["metric"]) == ("waterbirds", "ERM", "worst_group_accuracy"))
    assert (erm["published"], erm["measured_repeats"], erm["labels_train"]) == ("0.7481", "2", "False")
    assert (tmp_path / "a.md").read_text(encoding="utf-8").startswith("# T\n")


# In a configuration


@pytest.fixture(scope="module")
def config() -> Config:
    return planning.load([planning.ROOT / "config" / "paper.yaml"])


STUDY = {"title": "Birds", "blocks": ["000-000", "001-001"], "methods": ["erm"], "score": "el2n", "figures": {}}


def study_of(config: Config, table: dict[str, Any]) -> Config:
    """The configuration with one study that holds one table."""
    return replace(config, select=["one"], studies={"one": {**STUDY, "tables": {"table1": table}}})


def check(config: Config) -> None:
    """Check the study's table."""
    study = config.studies["one"]
    kinds.check("studies.one.tables.table1", study["tables"]["table1"], study, config)


def test_a_benchmark_needs_only_erm_and_its_own_plans(config: Config) -> None:
    table = {"kind": "benchmark", "benchmarks": {"waterbirds": {"setting": "waterbirds", "plans": [SOME, PLAN]}}}
    one = study_of(config, table)
    check(one)
    expected = {studies.Run("waterbirds", "erm", plan, block) for plan in ("none", SOME, PLAN) for block in STUDY["blocks"]}
    assert set(studies.all_runs(one)) == expected
    assert set(studies.runs_of({"kind": "summary"}, one.studies["one"], one)) == expected
    assert {job.rule for job in planning.jobs(one)} >= {"tabulate_benchmark", "score_difficulty", "prune_metadata"}


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            {"setting": "waterbird", "plans": [PLAN]},
            "benchmarks.waterbirds.setting: 'waterbird' is not a known setting (did you mean 'waterbirds'?)",
        ),
        ({"setting": "celeba", "plans": [PLAN]}, "'celeba' is a setting of 'celeba', but the published values are of 'waterbirds'"),
        ({"setting": "waterbirds", "plans": ["best"]}, "benchmarks.waterbirds.plans: 'best' is not a plan"),
        (
            {"setting": "waterbirds", "plans": [PLAN], "rivals": {"jtd": {"method": "erm"}}},
            "benchmarks.waterbirds.rivals: 'jtd' is not a known rival in Table 1 (did you mean 'jtt'?); known are cnc, jtt, gdro,",
        ),
        (
            {"setting": "waterbirds", "plans": [PLAN], "rivals": {"jtt": {"method": "emr"}}},
            "benchmarks.waterbirds.rivals.jtt.method: 'emr' is not a known method (did you mean 'erm'?)",
        ),
        ({"setting": "waterbirds", "plans": [PLAN, "none"]}, "plans names 'none', which is always measured"),
        ({"setting": "waterbirds", "plans": ["per_group-el3n-hardest-0.90"]}, "score 'el3n' is not a known score of 'waterbirds'"),
    ],
)
def test_mistakes_in_a_benchmark(config: Config, asked: dict[str, Any], sentence: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        check(study_of(config, {"kind": "benchmark", "benchmarks": {"waterbirds": asked}}))
    assert sentence in str(error.value)
    assert_one_sentence(str(error.value))


def test_without_validation_samples_one_plan_must_be_named(config: Config, assert_one_sentence: Callable[[str], None]) -> None:
    settings = {**config.settings, "waterbirds": {**config.settings["waterbirds"], "validation": "none"}}
    benchmarks = {"waterbirds": {"setting": "waterbirds", "plans": [SOME, PLAN]}}
    with pytest.raises(ConfigError) as error:
        check(replace(study_of(config, {"kind": "benchmark", "benchmarks": benchmarks}), settings=settings))
    assert "plans names 2 plans, but 'waterbirds' has no validation samples to choose one by; name only one" in str(error.value)
    assert_one_sentence(str(error.value))


def test_the_papers_table_chooses_among_the_plans_of_its_figure(config: Config) -> None:
    for name in ("waterbirds", "multinli"):
        study = config.studies[name]
        (asked,) = study["tables"]["table1"]["benchmarks"].values()
        drawn = kinds.figure_kinds()["group_pruning"].plans(study["figures"]["fig8"], study)
        assert asked["plans"] == [plan for plan in drawn if "-hardest-" in plan]

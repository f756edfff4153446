"""The summary table, on metrics of a few runs worked out by hand."""

import csv
import html
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from spurprune.errors import DataError
from spurprune.evaluation.frame import Metrics, read_metrics
from spurprune.stages import tabulate
from spurprune.storage import escaping, schemas, tables
from spurprune.storage.provenance import Provenance
from spurprune.storage.tidy import to_csv
from spurprune.tables.kinds import summary
from spurprune.tables.report import Report, Sources, to_markdown

T_ONE_DEGREE = 12.706204736174694  # Student's t, 97.5%, one degree of freedom
HOSTILE = ["<img src=x>", "![i](http://e/x.png)", "a | b", "<b>c</b> *d* `e`", "[f](javascript:g)", "www.h.i"]
HARDEST = "carriers-el2n-hardest-0.25"

# (setting, plan, repeat): accuracy, weighted accuracy, worst-group accuracy, spurious misclassification, candidates, pruned
VALUES: dict[tuple[str, str, int], tuple[float | None, ...]] = {
    ("s", "none", 0): (0.90, 0.91, 0.50, 0.40, 0, 0),
    ("s", "none", 1): (0.80, 0.81, None, 0.50, 0, 0),
    ("s", HARDEST, 0): (0.95, 0.96, 0.70, 0.10, 40, 10),
    ("s", HARDEST, 1): (0.95, 0.96, 0.70, 0.20, 41, 10),
    ("s.count-10", "none", 0): (0.97, 0.97, 0.60, 0.00, 0, 0),
    ("s.count-5", "none", 0): (0.98, 0.98, 0.60, 0.00, 0, 0),
}


def metrics_rows(setting: str, plan: str, repeat: int) -> list[dict[str, Any]]:
    accuracy, weighted, worst, spurious, candidates, pruned = VALUES[setting, plan, repeat]
    head = {"setting": setting, "method": "erm", "plan": plan, "strategy": plan.split("-")[0], "block": f"{repeat:03d}-{repeat:03d}"}
    test = {
        "accuracy": accuracy,
        "accuracy_weighted": weighted,
        "worst_group_accuracy": worst,
        "spurious_misclassification": spurious,
        "group_accuracy": 0.123,
    }
    assert pruned is not None
    train = {
        "candidates_samples": candidates,
        "pruned_samples": pruned,
        "pruned_carriers_samples": pruned,
        "train_samples": 1200,
        "pruned_share": pruned / 1200,
    }
    validation = {"accuracy": 0.111}
    splits = {"test": test, "train": train, "validation": validation}
    return [
        {**head, "repeat": repeat, "split": split, "metric": metric, "n": 100, "value": value, "group": None}
        for split, values in splits.items()
        for metric, value in values.items()
    ]


def metrics_table(*runs: tuple[str, str, int]) -> pa.Table:
    rows = [row for run in runs for row in metrics_rows(*run)]
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in schemas.METRICS.columns.items()})


def sources(order: list[tuple[str, str, int]] | None = None) -> Sources:
    return Sources(Metrics.of(metrics_table(*(order or VALUES))))


@pytest.fixture(scope="module")
def report() -> Report:
    return summary.report(sources(), {"kind": "summary", "title": "T"})


def row_of(report: Report, setting: str, plan: str, metric: str) -> summary.SummaryRow:
    (row,) = [row for row in report.rows if (row.setting, row.plan, row.metric) == (setting, plan, metric)]
    return row


def test_one_row_per_run_and_metric_in_a_readable_order(report: Report) -> None:
    runs = [("s", "none"), ("s", HARDEST), ("s.count-5", "none"), ("s.count-10", "none")]
    assert [(row.setting, row.plan, row.metric) for row in report.rows] == [(*run, metric) for run in runs for metric in summary.METRICS]
    assert {row.split for row in report.rows} == {"test"}


def test_means_and_intervals_over_repeats_of_all_blocks(report: Report) -> None:
    value = row_of(report, "s", "none", "accuracy").value
    assert value.mean == pytest.approx(0.85) and value.n == 2
    assert value.high - value.mean == pytest.approx(T_ONE_DEGREE * 0.05)  # sd/√2 of (.9, .8) is .05


def test_differences_to_no_pruning_are_paired_by_repeat(report: Report) -> None:
    accuracy = row_of(report, "s", HARDEST, "accuracy").difference
    assert accuracy.mean == pytest.approx(0.10) and accuracy.n == 2  # of .05 and .15
    assert accuracy.mean - accuracy.low == pytest.approx(T_ONE_DEGREE * 0.05)
    spurious = row_of(report, "s", HARDEST, "spurious_misclassification").difference
    assert (spurious.mean, spurious.n) == (pytest.approx(-0.30), 2) and math.isnan(spurious.low)  # of -.30 and -.30
    assert row_of(report, "s", "none", "accuracy").difference.n == 0


def test_a_metric_that_does_not_exist_in_a_repeat_is_left_out(report: Report) -> None:
    value = row_of(report, "s", "none", "worst_group_accuracy").value
    assert (value.mean, value.n) == (0.5, 1) and math.isnan(value.low)
    difference = row_of(report, "s", HARDEST, "worst_group_accuracy").difference
    assert difference.mean == pytest.approx(0.2) and difference.n == 1


def test_every_row_says_what_the_plan_did(report: Report) -> None:
    row = row_of(report, "s", HARDEST, "accuracy")
    assert (row.strategy, row.score, row.order, row.sparsity) == ("carriers", "el2n", "hardest", "0.25")
    assert (row.candidates, row.pruned, row.pruned_carriers) == (40.5, 10, 10)
    assert row.pruned_share == pytest.approx(10 / 1200)
    unpruned = row_of(report, "s", "none", "accuracy")
    assert (unpruned.strategy, unpruned.score, unpruned.order, unpruned.sparsity) == ("none", None, None, None)


def test_markdown_shows_per_cent_with_intervals_and_marks_clear_differences(report: Report) -> None:
    compared, unpruned = report.sections
    assert compared.heading == "s (erm)" and compared.header[-3:] == [
        "Δ accuracy",
        "Δ worst-group accuracy",
        "Δ spurious misclassification",
    ]
    none, hardest = compared.rows
    assert none[:5] == ["no pruning", "0", "0", "0", "0.0%"] and none[-3:] == ["–", "–", "–"]
    assert hardest[:5] == ["carriers, hardest 25% by el2n", "40.5", "10", "10", "0.8%"]
    assert none[5:9] == ["85.0 [3.7, 99.9]", "86.0 [3.0, 99.9]", "50.0 (n = 1)", "45.0 [5.9, 91.4]"]
    assert hardest[5:9] == ["95.0", "96.0", "70.0", "15.0 [0.1, 96.3]"]
    assert report.notes == [
        "A mean alone has no interval: it is of one repeat, or all repeats are equal.",
        "Intervals of shares that would leave 0 to 100% are on the logit scale and show both ends; the CSV file has Student's t.",
        "Where a cell gives n, the value is missing in the other repeats.",
    ]
    assert hardest[9:] == ["+10.0 ± 63.5", "+20.0 (n = 1)", "−30.0"]  # equal repeats have no interval
    assert [row[:3] for row in unpruned.rows] == [["s.count-5", "erm", "98.0"], ["s.count-10", "erm", "97.0"]]
    assert "n = 1 to 2" in report.introduction


def test_a_plan_by_the_random_score_is_named_so() -> None:
    runs = [("s", "none", 0), ("s", HARDEST, 0)]
    table = metrics_table(*runs)
    plan = pc.replace_substring(table.column("plan"), "el2n", "random")
    report = summary.report(Sources(Metrics.of(table.set_column(table.column_names.index("plan"), "plan", plan))), {})
    assert [row[0] for row in report.sections[0].rows] == ["no pruning", "carriers, 25% at random"]


def test_test_samples_of_unknown_group_are_counted_below_the_table(tmp_path: Path) -> None:
    paths = []
    for repeat, unknown in ((0, [("validation", 9), ("test", 2)]), (1, [("test", 3)])):
        notes = {"unknown_groups": [{"split": split, "unknown": n, "samples": 1200, "repeats": [repeat]} for split, n in unknown]}
        paths.append(tmp_path / f"{repeat}.parquet")
        tables.write(paths[-1], metrics_table(("s", "none", repeat)), schemas.METRICS, Provenance({"setting": "s"}, "v", "h", notes=notes))
    report = summary.report(Sources(read_metrics(paths)), {"kind": "summary", "title": "T"})
    note = "Worst-group and weighted accuracy of s leave out the test samples of unknown group, up to 3 of 1,200 in a repeat."
    assert [one for one in report.notes if "unknown group" in one] == [note] and note in to_markdown("T", report)
    assert not [one for one in summary.report(sources(), {}).notes if "unknown group" in one]


def test_groups_without_test_samples_are_named_below_the_table() -> None:
    table = metrics_table(("s", "none", 0), ("s", HARDEST, 0), ("s.count-5", "none", 0))
    rows = table.to_pylist()
    for row in rows:
        if (row["setting"], row["split"], row["metric"]) == ("s", "test", "worst_group_accuracy"):
            row |= {"n": 0, "value": None}
        if (row["setting"], row["split"], row["metric"]) == ("s", "test", "group_accuracy"):
            row |= {"n": 0, "value": None, "group": "5 with line"}
    lacking = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in schemas.METRICS.columns.items()})
    report = summary.report(Sources(Metrics.of(lacking)), {"kind": "summary", "title": "T"})
    assert [row[7] for row in report.sections[0].rows] == ["–", "–"] and report.sections[1].rows[0][4] == "60.0"
    note = "Worst-group and weighted accuracy of s are missing where no test sample is of a group that training has: 5 with line."
    assert report.notes[-1] == note
    assert to_markdown("T", report).endswith(f"\n\n{note}\n")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_below_the_table_are_shown_literally(name: str) -> None:
    lacking = pa.Table.from_pylist(
        [
            row | ({"n": 0, "value": None, "group": name} if (row["split"], row["metric"]) == ("test", "group_accuracy") else {})
            for row in renamed(metrics_table(("s", "none", 0)), "setting", "s", f"{name} s").to_pylist()
        ],
        schema=pa.schema(list(schemas.METRICS.columns.items())),
    )
    report = summary.report(Sources(Metrics.of(lacking)), {})
    note = f"Worst-group and weighted accuracy of {name} s are missing where no test sample is of a group that training has: {name}."
    assert report.notes[-1] != note or name == escaping.markdown(name)
    assert MarkdownIt("gfm-like", {"linkify": False}).render(report.notes[-1]) == f"<p>{html.escape(note)}</p>\n"


def test_a_metric_that_is_undefined_in_all_repeats_is_explained() -> None:
    dash = "A dash below a metric that was tested: it is undefined in all repeats, and the log says why."
    table = metrics_table(("s", "none", 1), ("s", HARDEST, 0))
    assert dash in summary.report(Sources(Metrics.of(table)), {"kind": "summary", "title": "T"}).notes
    unprobed = metrics_table(("s", "none", 0)).filter(pc.field("metric") != "spurious_misclassification")
    assert dash not in summary.report(Sources(Metrics.of(unprobed)), {"kind": "summary", "title": "T"}).notes


def renamed(table: pa.Table, column: str, old: str, new: str) -> pa.Table:
    values = pc.replace_substring(table.column(column), old, new)
    return table.set_column(table.column_names.index(column), column, values)


def test_methods_have_separate_rows_and_sections() -> None:
    erm = metrics_table(("s", "none", 0), ("s", HARDEST, 0))
    other = renamed(metrics_table(("s", "none", 1), ("s", HARDEST, 1)), "method", "erm", "group_dro")
    other = other.set_column(other.column_names.index("repeat"), "repeat", pa.array([0] * len(other), pa.int16()))
    report = summary.report(Sources(Metrics.of(pa.concat_tables([erm, other]))), {})
    assert [section.heading for section in report.sections] == ["s (erm)", "s (group_dro)"]
    spurious = {(row.method, row.plan): row for row in report.rows if row.metric == "spurious_misclassification"}
    assert {run: row.value.mean for run, row in spurious.items()} == {
        ("erm", "none"): 0.4,
        ("erm", HARDEST): 0.1,
        ("group_dro", "none"): 0.5,
        ("group_dro", HARDEST): 0.2,
    }
    assert spurious["group_dro", HARDEST].difference.mean == pytest.approx(-0.3), "to its own method's run without pruning"


def test_without_a_probe_there_is_a_dash() -> None:
    table = metrics_table(("s", "none", 0), ("s", HARDEST, 0))
    unprobed = table.filter(pc.not_equal(table.column("metric"), "spurious_misclassification"))
    report = summary.report(Sources(Metrics.of(unprobed)), {})
    assert [row[8] for row in report.sections[0].rows] == ["–", "–"] and report.sections[0].rows[1][11] == "–"
    assert {row["value"] for row in csv.DictReader(to_csv(report.rows).splitlines()) if row["metric"].startswith("spurious")} == {""}


@pytest.mark.parametrize(
    ("plan", "words"),
    [("balance_subsample-class", "balance subsample, class"), ("upweight-errors-50", "upweight, errors-50"), ("random-0.25", "random 25%")],
)
def test_plans_that_do_not_prune_by_a_score_in_words(plan: str, words: str) -> None:
    report = summary.report(Sources(Metrics.of(renamed(metrics_table(("s", "none", 0), ("s", HARDEST, 0)), "plan", HARDEST, plan))), {})
    assert {row[0] for row in report.sections[0].rows} == {"no pruning", words}


def test_unknown_carriers_are_a_dash() -> None:
    table = metrics_table(("s", "none", 0), ("s", HARDEST, 0))
    unknown = pc.equal(table.column("metric"), "pruned_carriers_samples")
    value = pc.if_else(unknown, None, table.column("value"))
    report = summary.report(Sources(Metrics.of(table.set_column(table.column_names.index("value"), "value", value))), {})
    assert report.sections[0].rows[1][:5] == ["carriers, hardest 25% by el2n", "40", "10", "–", "0.8%"]
    assert list(csv.DictReader(to_csv(report.rows).splitlines()))[-1]["pruned_carriers"] == ""


@given(st.permutations(list(VALUES)))
def test_the_order_of_the_inputs_changes_nothing(order: list[tuple[str, str, int]]) -> None:
    # As text, since a missing value (NaN) equals nothing.
    assert repr(summary.report(sources(order), {})) == repr(summary.report(sources(), {}))


def test_no_runs_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="no runs") as error:
        summary.report(Sources(Metrics.none()), {})
    assert_one_sentence(str(error.value))


def test_the_stage_writes_equal_bytes_from_equal_metrics(tmp_path: Path) -> None:
    paths = []
    for number, run in enumerate(VALUES):
        paths.append(tmp_path / f"{number}.parquet")
        tables.write(paths[-1], metrics_table(run), schemas.METRICS, Provenance({"setting": run[0]}, "0", "0"))
    options = {"kind": "summary", "title": "Digits"}
    written = []
    for name, order in (("a", paths), ("b", paths[::-1])):
        outputs = {"csv": tmp_path / f"{name}.csv", "markdown": tmp_path / f"{name}.md"}
        tabulate.run(inputs={"metrics": order}, table=options, outputs=outputs, provenance=Provenance({}, "0", "0"))
        written.append(((tmp_path / f"{name}.csv").read_bytes(), (tmp_path / f"{name}.md").read_bytes()))
    assert written[0] == written[1]
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 16 and rows[4]["difference"] == repr(float(rows[4]["difference"]))
    assert (tmp_path / "a.md").read_text(encoding="utf-8").startswith("# Digits\n")


def test_a_damaged_input_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.parquet"
    path.write_bytes(b"not Parquet")
    outputs = {"csv": tmp_path / "a.csv", "markdown": tmp_path / "a.md"}
    with pytest.raises(DataError, match=r"metrics\.parquet is damaged"):
        tabulate.run(
            inputs={"metrics": [path]}, table={"kind": "summary", "title": "T"}, outputs=outputs, provenance=Provenance({}, "0", "0")
        )
    assert not (tmp_path / "a.csv").exists()

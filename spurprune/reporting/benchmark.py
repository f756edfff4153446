"""The benchmark: Table 1 of the paper, what was measured here beside what is published, and which group labels each method needs."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spurprune import tables
from spurprune.errors import DataError
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.reporting._report import NOT_KNOWN, Report, Section, Source, interval
from spurprune.tables import to_numpy

SCHEMA = tables.METRICS
NO_PRUNING = "none"
ERM = "erm"
PRUNING = "pruning"  # the row of the paper's own method: ERM on what a plan leaves
METRICS = ("worst_group_accuracy", "accuracy_weighted", "accuracy")  # the last one is not published
NOT_MEASURED = "not measured"
HEADER = (
    "Method",
    "Group labels, train",
    "Group labels, validation",
    "Worst, published",
    "Worst, measured",
    "Mean, published",
    "Mean, measured",
    "Raw mean, measured",
)
INTRODUCTION = (
    "Accuracies on the test split in per cent. Published: Table 1 of Mulchandani and Kim (ICLR 2025), with what it prints in brackets; "
    "the group labels that a method needs are the paper's, too. Measured: here, mean ± half of the 95% confidence interval over repeats "
    "({repeats}), each setting and pruning plan as the configuration names them; none is chosen by test metrics. Worst: the worst "
    "group's accuracy. Mean: the groups' accuracies weighted by their shares of the training split; raw mean: the share of all test "
    "samples that are predicted correctly."
)


class Run(NamedTuple):
    """What names a run, all its blocks together."""

    setting: str
    method: str
    plan: str


Values = Mapping[Run, Mapping[str, Mapping[int, float]]]  # by run, metric and repeat; NaN where the metric does not exist


@dataclass(frozen=True)
class BenchmarkRow:
    """One metric of one method on one dataset, all as shares in [0, 1].

    ``published``, its spread and ``printed`` (how it stands in the paper, in per cent) are None where the paper has no value; ``measured``
    has no repeats, and ``setting`` and ``plan`` are None, where the method was not measured here.
    """

    benchmark: str
    method: str
    labels_train: bool
    labels_validation: bool
    metric: str
    printed: str | None
    published: float | None
    published_spread: float | None
    setting: str | None
    plan: str | None
    measured: Estimate


def report(sources: Sequence[Source], options: Mapping[str, Any]) -> Report:
    """Return the table of the options' ``benchmarks``, a setting and a pruning plan by dataset; sources are tables of metrics.

    ``published`` lists the rows of Table 1 as plain values (see ``spurprune.published.told``). ERM and pruning are measured from the
    setting's runs without pruning and by the plan; every other method from its runs without pruning, once there are any. Raises DataError
    if a run of ERM or pruning is missing.
    """
    values = _by_run(sources)
    rows = [row for name, asked in options["benchmarks"].items() for row in _rows(name, asked, options["published"], values)]
    counts = sorted({row.measured.n for row in rows if row.measured.n})
    repeats = f"n = {' to '.join(str(count) for count in sorted({counts[0], counts[-1]}))}" if counts else "n = 0"
    sections = [_section(name, asked, rows) for name, asked in options["benchmarks"].items()]
    return Report(rows, INTRODUCTION.format(repeats=repeats), sections)


def _by_run(sources: Sequence[Source]) -> Values:
    values: dict[Run, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for table in (source.table for source in sources):
        wanted = (to_numpy(table.column("split")) == "test") & np.isin(to_numpy(table.column("metric")), METRICS)
        rows = table.filter(wanted)
        columns = (rows.column(name).to_pylist() for name in ("setting", "method", "plan", "metric", "repeat", "value"))
        for setting, method, plan, metric, repeat, value in zip(*columns, strict=True):
            values[Run(setting, method, plan)][metric][repeat] = math.nan if value is None else value
    return values


def _rows(benchmark: str, asked: Mapping[str, str], published: Sequence[Mapping[str, Any]], values: Values) -> list[BenchmarkRow]:
    rows = []
    for method in published:
        run = run_of(method["key"], asked)
        found = values.get(run)
        if found is None and run.method == ERM:
            raise DataError(f"There are no metrics of '{run.setting}' with the plan '{run.plan}' to tabulate; rerun the workflow.")
        printed = method["results"].get(benchmark, {})
        for metric in METRICS:
            paper = printed.get(metric, {})
            measured = estimate(np.array(list((found or {}).get(metric, {}).values())))
            rows.append(
                BenchmarkRow(
                    benchmark,
                    method["name"],
                    method["labels_train"],
                    method["labels_validation"],
                    metric,
                    paper.get("printed"),
                    paper.get("value"),
                    paper.get("spread"),
                    run.setting if found else None,
                    run.plan if found else None,
                    measured,
                )
            )
    return rows


def run_of(key: str, asked: Mapping[str, str]) -> Run:
    """Return the run from which a row of Table 1 is measured: pruning by the plan asked for, any other method without pruning."""
    if key == PRUNING:
        return Run(asked["setting"], ERM, asked["plan"])
    return Run(asked["setting"], key, NO_PRUNING)


def _section(benchmark: str, asked: Mapping[str, str], rows: Sequence[BenchmarkRow]) -> Section:
    mine = [row for row in rows if row.benchmark == benchmark]
    by_method: dict[str, dict[str, BenchmarkRow]] = defaultdict(dict)
    for row in mine:
        by_method[row.method][row.metric] = row
    heading = f"{benchmark} (setting {asked['setting']}, pruned by {asked['plan']})"
    return Section(heading, HEADER, [_cells(method, of_method) for method, of_method in by_method.items()])


def _cells(method: str, rows: Mapping[str, BenchmarkRow]) -> list[str]:
    worst, mean, raw = (rows[metric] for metric in METRICS)
    needs = ["yes" if needed else "no" for needed in (worst.labels_train, worst.labels_validation)]
    return [method, *needs, worst.printed or NOT_KNOWN, _measured(worst), mean.printed or NOT_KNOWN, _measured(mean), _measured(raw)]


def _measured(row: BenchmarkRow) -> str:
    return interval(row.measured, 100, 1) if row.setting is not None else NOT_MEASURED

"""The benchmark: Table 1 of the paper, what was measured here beside what is published, and which group labels each method needs."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spurprune.errors import DataError
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.storage import schemas
from spurprune.storage.tables import to_numpy
from spurprune.tables.report import NOT_KNOWN, Report, Section, Source, interval

SCHEMA = schemas.METRICS
NO_PRUNING = "none"
ERM = "erm"
PRUNING = "pruning"  # the row of the paper's own method: ERM on what a plan leaves
METRICS = ("worst_group_accuracy", "accuracy_weighted", "accuracy")  # the last one is not published
CHOICE = METRICS[0]  # what a plan is chosen by, on the validation split
NOT_MEASURED = "not measured"
CANDIDATES = ("Pruning plan", "Worst, validation", "Taken")
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
    "({repeats}), after the last epoch; of three repeats that half is 2.5 standard deviations, so do not compare it with the brackets. "
    "Among several pruning plans, the one with the highest worst-group accuracy on the validation split is taken, mean over repeats, for "
    "all repeats; test metrics choose nothing. Worst: the worst group's accuracy. Mean: the groups' accuracies weighted by their shares of "
    "the training split; raw mean: the share of all test samples that are predicted correctly."
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

    ``split`` is "test", or "validation" in the rows of the plans that pruning was chosen among. ``published``, its spread and ``printed``
    (how it stands in the paper, in per cent) are None where the paper has no value; ``measured`` has no repeats, and ``setting`` and
    ``plan`` are None, where the method was not measured here.
    """

    benchmark: str
    method: str
    labels_train: bool
    labels_validation: bool
    split: str
    metric: str
    printed: str | None
    published: float | None
    published_spread: float | None
    setting: str | None
    plan: str | None
    measured: Estimate


def report(sources: Sequence[Source], options: Mapping[str, Any]) -> Report:
    """Return the table of the options' ``benchmarks``, a setting and pruning plans by dataset; sources are tables of metrics.

    ``published`` lists the rows of Table 1 as plain values (see ``spurprune.evaluation.published.told``). ERM and pruning are measured from
    the setting's runs without pruning and by the plan that ``chosen`` takes; every other method from its runs without pruning, once there
    are any. Raises DataError if a run of ERM or pruning is missing.
    """
    test, validation = (_by_run(sources, split) for split in ("test", "validation"))
    rows, sections = [], []
    for name, asked in options["benchmarks"].items():
        plan = chosen(asked, validation)
        found = _rows(name, asked["setting"], plan, options["published"], test)
        candidates = _candidate_rows(name, asked, options["published"], validation)
        sections.append(_section(name, asked["setting"], plan, found))
        sections += [_choice(name, plan, candidates)] if candidates else []
        rows += [*found, *candidates]
    counts = sorted({row.measured.n for row in rows if row.measured.n})
    repeats = f"n = {' to '.join(str(count) for count in sorted({counts[0], counts[-1]}))}" if counts else "n = 0"
    return Report(rows, INTRODUCTION.format(repeats=repeats), sections)


def chosen(asked: Mapping[str, Any], validation: Values) -> str:
    """Return the plan that stands for pruning: the only one asked for, else the one with the best worst group on the validation split.

    What counts is the mean over repeats; of equal ones, the plan named first is taken. ``validation`` holds metrics of that split alone.
    Raises DataError if no plan has any.
    """
    plans: list[str] = asked["plans"]
    if len(plans) == 1:
        return plans[0]
    worst = {plan: _estimate(validation, Run(asked["setting"], ERM, plan), CHOICE) for plan in plans}
    measured = [plan for plan in plans if worst[plan].n]
    if not measured:
        raise DataError(f"No pruning plan of '{asked['setting']}' has a worst group on the validation split to choose by; name one plan.")
    return max(measured, key=lambda plan: worst[plan].mean)


def _estimate(values: Values, run: Run, metric: str) -> Estimate:
    return estimate(np.array(list(values.get(run, {}).get(metric, {}).values())))


def _by_run(sources: Sequence[Source], split: str) -> Values:
    """Return the accuracies of one split."""
    values: dict[Run, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    for table in (source.table for source in sources):
        wanted = (to_numpy(table.column("split")) == split) & np.isin(to_numpy(table.column("metric")), METRICS)
        rows = table.filter(wanted)
        columns = (rows.column(name).to_pylist() for name in ("setting", "method", "plan", "metric", "repeat", "value"))
        for setting, method, plan, metric, repeat, value in zip(*columns, strict=True):
            values[Run(setting, method, plan)][metric][repeat] = math.nan if value is None else value
    return values


def _rows(benchmark: str, setting: str, plan: str, published: Sequence[Mapping[str, Any]], values: Values) -> list[BenchmarkRow]:
    rows = []
    for method in published:
        run = run_of(method["key"], setting, plan)
        found = values.get(run)
        if found is None and run.method == ERM:
            raise DataError(f"There are no metrics of '{run.setting}' with the plan '{run.plan}' to tabulate; rerun the workflow.")
        printed = method["results"].get(benchmark, {})
        for metric in METRICS:
            paper = printed.get(metric, {})
            rows.append(
                BenchmarkRow(
                    benchmark,
                    method["name"],
                    method["labels_train"],
                    method["labels_validation"],
                    "test",
                    metric,
                    paper.get("printed"),
                    paper.get("value"),
                    paper.get("spread"),
                    run.setting if found else None,
                    run.plan if found else None,
                    _estimate(values, run, metric),
                )
            )
    return rows


def _candidate_rows(
    benchmark: str, asked: Mapping[str, Any], published: Sequence[Mapping[str, Any]], validation: Values
) -> list[BenchmarkRow]:
    """Return what the plans were chosen by, one row a plan; none where there was nothing to choose."""
    (pruning,) = [method for method in published if method["key"] == PRUNING]
    labels = (pruning["labels_train"], pruning["labels_validation"])
    setting, plans = asked["setting"], asked["plans"] if len(asked["plans"]) > 1 else []
    measured = [_estimate(validation, Run(setting, ERM, plan), CHOICE) for plan in plans]
    return [
        BenchmarkRow(benchmark, pruning["name"], *labels, "validation", CHOICE, None, None, None, setting, plan, value)
        for plan, value in zip(plans, measured, strict=True)
    ]


def run_of(key: str, setting: str, plan: str) -> Run:
    """Return the run from which a row of Table 1 is measured: pruning by the plan, any other method without pruning."""
    return Run(setting, ERM, plan) if key == PRUNING else Run(setting, key, NO_PRUNING)


def _section(benchmark: str, setting: str, plan: str, rows: Sequence[BenchmarkRow]) -> Section:
    by_method: dict[str, dict[str, BenchmarkRow]] = defaultdict(dict)
    for row in rows:
        by_method[row.method][row.metric] = row
    heading = f"{benchmark} (setting {setting}, pruned by {plan})"
    return Section(heading, HEADER, [_cells(method, of_method) for method, of_method in by_method.items()])


def _choice(benchmark: str, plan: str, rows: Sequence[BenchmarkRow]) -> Section:
    """Return the section that shows by what the plan was chosen."""
    cells = [[str(row.plan), interval(row.measured, 100, 1), "yes" if row.plan == plan else "no"] for row in rows]
    return Section(f"{benchmark}: how the pruning plan was chosen", CANDIDATES, cells)


def _cells(method: str, rows: Mapping[str, BenchmarkRow]) -> list[str]:
    worst, mean, raw = (rows[metric] for metric in METRICS)
    needs = ["yes" if needed else "no" for needed in (worst.labels_train, worst.labels_validation)]
    return [method, *needs, worst.printed or NOT_KNOWN, _measured(worst), mean.printed or NOT_KNOWN, _measured(mean), _measured(raw)]


def _measured(row: BenchmarkRow) -> str:
    return interval(row.measured, 100, 1) if row.setting is not None else NOT_MEASURED

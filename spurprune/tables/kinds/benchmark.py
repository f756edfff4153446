"""The benchmark: the paper's Table 1 with published and measured values, and the group labels that each method needs."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spurprune.config.known import require_known
from spurprune.errors import ConfigError, DataError, PlanError
from spurprune.evaluation.published import BENCHMARKS, OURS, published, table_1
from spurprune.evaluation.selection import tie
from spurprune.evaluation.series import UNKNOWN, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures.kind import NAMES, NO_PRUNING, TEXT, Configuration, Item, Kind, Runs, Schema, Study, require_dataset
from spurprune.pruning import plan as plans
from spurprune.storage.escaping import markdown
from spurprune.tables.report import (
    NOT_KNOWN,
    SHARE,
    Report,
    Run,
    Section,
    Sources,
    fewer_repeats,
    interval,
    logit_scale,
    lone_means,
    number_of_repeats,
)

if TYPE_CHECKING:
    import pandas as pd

    from spurprune.evaluation.frame import Metrics

ERM = "erm"  # the method entry behind the rows ERM and Pruning
PRUNING = "pruning"  # the row of the paper's own method: ERM on the samples that a plan keeps
METRICS = ("worst_group_accuracy", "accuracy_weighted", "accuracy")  # the last one is not published
CHOICE = METRICS[0]  # the metric by which a plan is chosen, on the validation split
NOT_MEASURED = "not measured"
CANDIDATES = ("Pruning plan", "Worst, validation", "Chosen")
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
    "Accuracies on the test split in per cent. Published: Table 1 of Mulchandani and Kim (ICLR 2025), including the numbers in brackets "
    "and the group labels that a method needs. Measured: by this workflow, mean ± half of the 95% confidence interval over repeats "
    "({repeats}), ERM and pruning after the last epoch, rivals as configured; with three repeats this half is 2.5 standard deviations, so "
    "it cannot be compared with the numbers in brackets. Of several pruning plans, the one with the highest worst-group accuracy on the "
    "validation split (mean over repeats) is used for all repeats; test metrics are never used for choices. Worst: the accuracy of the "
    "worst group. Mean: the group accuracies weighted by the groups' shares of the training split; raw mean: the share of all test samples "
    "that are predicted correctly."
)


BENCHMARK: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["setting", "plans"],
    "properties": {
        "setting": TEXT,
        "plans": NAMES,
        "rivals": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["method"],
                "properties": {"method": TEXT, "plan": TEXT},
            },
            "x-allowed": "a mapping from a row of Table 1, such as gdro, to {method, plan}",
        },
    },
}


def rivals_of(asked: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the (method entry, plan) by which rows of Table 1 other than ERM and Pruning are measured, by the row's key."""
    return {key: (rival["method"], rival.get("plan", NO_PRUNING)) for key, rival in asked.get("rivals", {}).items()}


def runs_of(item: Item, study: Study, config: Configuration) -> Runs:
    """Return the runs of ERM without pruning and on every plan, and those of rivals."""
    return [
        (asked["setting"], method, plan, block)
        for asked in item["benchmarks"].values()
        for method, plan in ((ERM, NO_PRUNING), *((ERM, plan) for plan in asked["plans"]), *rivals_of(asked).values())
        for block in study["blocks"]
    ]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for plans, settings or rivals that do not fit Table 1."""
    for dataset, asked in item["benchmarks"].items():
        _check_one(f"{key}.benchmarks.{dataset}", dataset, asked, config)


def _check_one(key: str, dataset: str, asked: Mapping[str, Any], config: Configuration) -> None:
    setting = asked["setting"]
    require_known(setting, config.settings, f"{key}.setting: '{setting}'", "setting")
    require_dataset(f"{key}.setting", setting, dataset, config)
    rivals = rivals_of(asked)
    for name in (*asked["plans"], *(plan for _, plan in rivals.values())):
        try:
            plans.parse(name)
        except PlanError as error:
            raise ConfigError(f"{key}.plans: {error}") from None
    if NO_PRUNING in asked["plans"]:
        raise ConfigError(f"{key}.plans names 'none', which is always measured; name only plans that prune.")
    if len(asked["plans"]) > 1 and config.settings[setting]["validation"] == "none":
        raise ConfigError(
            f"{key}.plans names {len(asked['plans'])} plans, but '{setting}' has no validation samples to choose one by; name only one."
        )
    require_known(ERM, config.methods, f"{key}: '{ERM}', by which pruning is measured,", "method")
    rows = [method.key for method in published().methods if method.key not in OURS]
    for row, (method, _) in rivals.items():
        require_known(row, rows, f"{key}.rivals: '{row}'", "rival in Table 1")
        require_known(method, config.methods, f"{key}.rivals.{row}.method: '{method}'", "method")


def table_1_of(item: Item) -> dict[str, Any]:
    """Return Table 1."""
    return {"published": table_1()}


KIND = Kind(
    "The paper's Table 1, with published and measured values side by side.",
    reads=("metrics",),
    required={
        "benchmarks": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "x-allowed": f"a mapping from {' or '.join(BENCHMARKS)} to {{setting, plans}}",
            "properties": dict.fromkeys(BENCHMARKS, BENCHMARK),
        }
    },
    published=table_1_of,
    runs_of=runs_of,
    check=check,
)


@dataclass(frozen=True)
class BenchmarkRow:
    """One metric of one method on one dataset, as shares in [0, 1].

    ``split`` is "test", or "validation" in rows of the plans to choose from. ``published``, its spread and ``printed`` (as in the paper, in
    per cent) are None if the paper has no value. If the method was not measured here, ``measured`` has no repeats, and ``setting``,
    ``entry`` (of the configuration's methods) and ``plan`` are None.
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
    entry: str | None
    plan: str | None
    measured: Estimate


def report(sources: Sources, options: Mapping[str, Any]) -> Report:
    """Return the report on the options' ``benchmarks``: for every dataset, a setting, pruning plans and possibly rivals.

    ``published`` lists the rows of Table 1 as plain values (see ``spurprune.evaluation.published.table_1``). ERM is measured from the
    setting's runs without pruning, Pruning from those on the plan that ``chosen`` returns, and other methods from the runs that ``rivals``
    names, if any. Raises DataError if a run is missing.
    """
    metrics = sources.metrics
    rows, sections = [], []
    repeats: dict[str, int] = {}
    for name, asked in options["benchmarks"].items():
        plan = chosen(asked, metrics)
        found = _rows(name, asked, plan, options["published"], metrics)
        candidates = _candidate_rows(name, asked, options["published"], metrics)
        repeats[name] = max(row.measured.n for row in (*found, *candidates))
        sections.append(_section(name, asked["setting"], plan, found, repeats[name]))
        sections += [_choice(name, plan, candidates, comparable(asked, metrics), repeats[name])] if candidates else []
        rows += [*found, *candidates]
    introduction = INTRODUCTION.format(repeats=number_of_repeats(row.measured.n for row in rows if row.measured.n))
    return Report(rows, introduction, sections, _notes(rows, repeats, metrics))


def _notes(rows: Sequence[BenchmarkRow], repeats: Mapping[str, int], metrics: "Metrics") -> list[str]:
    """Return what readers must know of missing values and of intervals, each only if the table shows one."""
    values = [row.measured for row in rows]
    partly = [note for row in rows for note in fewer_repeats([row.measured], repeats[row.benchmark])]
    settings = dict.fromkeys(row.setting for row in rows if row.setting is not None)
    return [
        *lone_means(values),
        *logit_scale(values, SHARE, "shares that would leave 0 to 100%"),
        *dict.fromkeys(partly),
        *(
            f"Worst and mean of {markdown(setting)} are missing where no {split} sample is of a group that training has: "
            f"{', '.join(map(markdown, groups))}."
            for (setting, split), groups in metrics.untested.items()
            if setting in settings
        ),
        *(
            f"Worst and mean of {markdown(setting)} leave out the {split} samples of unknown group, up to {unknown:,} of {count:,} in a "
            "repeat."
            for (setting, split), (unknown, count) in metrics.ungrouped.items()
            if setting in settings
        ),
    ]


def chosen(asked: Mapping[str, Any], metrics: "Metrics") -> str:
    """Return the plan for the row Pruning: the only one named, or else the one with the highest worst-group accuracy on validation samples.

    Means over repeats are compared; of equal plans, the first is chosen. A plan that lacks a value in a repeat in which another has one
    cannot be compared and is never chosen. The log tells of both. Raises DataError if no plan can be compared.
    """
    names: list[str] = asked["plans"]
    if len(names) == 1:
        return names[0]
    from spurprune.machine.logs import log  # imported here, since planning does not need it

    where = f"{asked['setting']}, pruning plans"
    complete = comparable(asked, metrics)
    for plan in names:
        if plan not in complete:
            log.warning("%s: '%s' lacks a validation %s in some repeats, so it cannot be chosen", where, plan, CHOICE)
    if not complete:
        raise DataError(
            f"No pruning plan of '{asked['setting']}' has a worst-group accuracy on the validation split in all repeats that others "
            "have, so none can be chosen; name only one plan, or give every group of the training split validation samples."
        )
    means = {plan: _validated(metrics, asked["setting"], plan).mean for plan in complete}
    tied = tie(means)
    if tied:
        log.warning("%s, validation %s: %s", where, CHOICE, tied)
    return max(complete, key=lambda plan: means[plan])


def comparable(asked: Mapping[str, Any], metrics: "Metrics") -> list[str]:
    """Return the plans that have a worst-group accuracy on the validation split in every repeat in which any plan has one."""
    repeats = {plan: set(_validation(metrics, asked["setting"], plan).dropna().index) for plan in asked["plans"]}
    everywhere = set().union(*repeats.values())
    return [plan for plan, measured in repeats.items() if measured and measured == everywhere]


def _validation(metrics: "Metrics", setting: str, plan: str) -> "pd.Series":
    return metrics.values(CHOICE, setting=setting, method=ERM, plan=plan, split="validation")


def _validated(metrics: "Metrics", setting: str, plan: str) -> Estimate:
    return mean_of(_validation(metrics, setting, plan))


def _rows(
    benchmark: str, asked: Mapping[str, Any], plan: str, rows_of_paper: Sequence[Mapping[str, Any]], metrics: "Metrics"
) -> list[BenchmarkRow]:
    rows = []
    for method in rows_of_paper:
        run = run_of(method["key"], asked, plan)
        if run is not None and run not in metrics.runs:
            raise DataError(f"There are no metrics of '{run.setting}' with the plan '{run.plan}'; rerun the workflow to make them.")
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
                    None if run is None else run.setting,
                    None if run is None else run.method,
                    None if run is None else run.plan,
                    UNKNOWN if run is None else mean_of(metrics.values(metric, **run._asdict())),
                )
            )
    return rows


def _candidate_rows(
    benchmark: str, asked: Mapping[str, Any], rows_of_paper: Sequence[Mapping[str, Any]], metrics: "Metrics"
) -> list[BenchmarkRow]:
    """Return one row per plan with the metric that it was chosen by; none if there is only one plan."""
    (pruning,) = [method for method in rows_of_paper if method["key"] == PRUNING]
    head = (benchmark, pruning["name"], pruning["labels_train"], pruning["labels_validation"], "validation", CHOICE, None, None, None)
    setting, names = asked["setting"], asked["plans"] if len(asked["plans"]) > 1 else []
    return [BenchmarkRow(*head, setting, ERM, plan, _validated(metrics, setting, plan)) for plan in names]


def run_of(key: str, asked: Mapping[str, Any], plan: str) -> Run | None:
    """Return the run from which a row of Table 1 is measured, None if it is not; Pruning is measured on ``plan``."""
    runs = {ERM: (ERM, NO_PRUNING), PRUNING: (ERM, plan), **rivals_of(asked)}
    return Run(asked["setting"], *runs[key]) if key in runs else None


def _section(benchmark: str, setting: str, plan: str, rows: Sequence[BenchmarkRow], repeats: int) -> Section:
    by_method: dict[str, dict[str, BenchmarkRow]] = defaultdict(dict)
    for row in rows:
        by_method[row.method][row.metric] = row
    heading = f"{benchmark} (setting {setting}, pruned by {plan})"
    return Section(heading, HEADER, [_cells(method, of_method, repeats) for method, of_method in by_method.items()])


def _choice(benchmark: str, plan: str, rows: Sequence[BenchmarkRow], compared: Collection[str], repeats: int) -> Section:
    """Return the section on the choice of the plan among those that could be ``compared``."""
    said = {row.plan: "yes" if row.plan == plan else "no" if row.plan in compared else "no, missing in some repeats" for row in rows}
    cells = [[str(row.plan), interval(row.measured, 100, 1, bounds=SHARE, repeats=repeats), said[row.plan]] for row in rows]
    return Section(f"{benchmark}: how the pruning plan was chosen", CANDIDATES, cells)


def _cells(method: str, rows: Mapping[str, BenchmarkRow], repeats: int) -> list[str]:
    worst, mean, raw = (rows[metric] for metric in METRICS)
    needs = ["yes" if needed else "no" for needed in (worst.labels_train, worst.labels_validation)]
    found = [_measured(row, repeats) for row in (worst, mean, raw)]
    return [method, *needs, worst.printed or NOT_KNOWN, found[0], mean.printed or NOT_KNOWN, *found[1:]]


def _measured(row: BenchmarkRow, repeats: int) -> str:
    return interval(row.measured, 100, 1, bounds=SHARE, repeats=repeats) if row.setting is not None else NOT_MEASURED

"""The summary: every run of a study with its metrics on the test split, and their differences from no pruning."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spurprune.errors import DataError
from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures.kind import NO_PRUNING, Kind
from spurprune.pruning import plan as plans
from spurprune.storage.escaping import markdown
from spurprune.tables.report import (
    NOT_KNOWN,
    SHARE,
    Bold,
    Report,
    Run,
    Section,
    Sources,
    fewer_repeats,
    interval,
    logit_scale,
    lone_means,
    natural_key,
    number_of_repeats,
    shown_score,
)

if TYPE_CHECKING:
    from spurprune.evaluation.frame import Metrics

KIND = Kind(
    "Every run of a study with its metrics on the test split, and their differences from no pruning.",
    reads=("metrics",),
    shows_all_runs=True,
)
COUNTS = ("candidates_samples", "pruned_samples", "pruned_carriers_samples", "pruned_share")  # of the training split
METRICS = {
    "accuracy": "Accuracy",
    "accuracy_weighted": "Weighted accuracy",
    "worst_group_accuracy": "Worst-group accuracy",
    "spurious_misclassification": "Spurious misclassification",
}
# The metrics whose differences from no pruning are in the Markdown file.
COMPARED = ("accuracy", "worst_group_accuracy", "spurious_misclassification")
HEADER = ("Plan", "Candidates", "Pruned", "Carriers pruned", "Share pruned", *METRICS.values())
INTRODUCTION = (
    "Metrics on the test split in per cent, mean ± half of the 95% confidence interval over repeats ({repeats}). "
    "Δ is the difference from no pruning in percentage points, paired by repeat, in bold if its interval excludes zero. "
    "Candidates and pruned: numbers of training samples, means over repeats; share pruned: of all training samples. "
    "Weighted accuracy: the group accuracies weighted by the groups' shares of the training split. Spurious misclassification: the share "
    "of the target's test samples with the feature that are predicted as the source class; undefined without a probe."
)


@dataclass(frozen=True)
class SummaryRow:
    """One metric of one run on one split; ``candidates``, ``pruned``, ``pruned_carriers`` and ``pruned_share`` are means over repeats.

    ``pruned_carriers`` is NaN if it is not known which training samples are carriers.
    """

    setting: str
    method: str
    plan: str
    strategy: str
    score: str | None
    order: str | None
    sparsity: str | None
    candidates: float
    pruned: float
    pruned_carriers: float
    pruned_share: float
    split: str
    metric: str
    value: Estimate
    difference: Estimate


def report(sources: Sources, options: Mapping[str, Any]) -> Report:
    """Return the report on all runs in the sources.

    The CSV file has a row for every run and metric. The Markdown file has a section for every setting and method with several plans, and
    one for all that were trained only without pruning. Raises DataError if there are no runs.
    """
    metrics = sources.metrics
    if not metrics.runs:
        raise DataError("There are no runs to summarise; add figures or other tables to the study, or remove its summary.")
    runs = sorted((Run(*run) for run in metrics.runs), key=_order)
    rows = {run: _rows(run, metrics) for run in runs}
    repeats = {run: len(metrics.values("accuracy", **run._asdict())) for run in runs}
    introduction = INTRODUCTION.format(repeats=number_of_repeats(repeats.values()))
    return Report([row for run in runs for row in rows[run]], introduction, _sections(rows, repeats), _notes(rows, repeats, metrics))


def _order(run: Run) -> tuple[Any, ...]:
    """Return a sort key: by setting and method, then no pruning first, then by strategy, score, order (hardest first) and sparsity."""
    plan = plans.parse(run.plan)
    place = (plan.strategy != NO_PRUNING, plan.strategy, plan.score or "", plan.order != "hardest", float(plan.sparsity or 0))
    return natural_key(run.setting), run.method, place


def _rows(run: Run, metrics: "Metrics") -> list[SummaryRow]:
    """Return a run's rows; a run without pruning has no difference."""
    plan = plans.parse(run.plan)
    unpruned = run._replace(plan=NO_PRUNING)
    candidates, pruned, pruned_carriers, pruned_share = (
        float(metrics.values(count, **run._asdict(), split="train").mean(skipna=False)) for count in COUNTS
    )
    values = {metric: metrics.values(metric, **run._asdict()) for metric in METRICS}
    return [
        SummaryRow(
            run.setting,
            run.method,
            run.plan,
            plan.strategy,
            plan.score,
            plan.order,
            plan.sparsity,
            candidates,
            pruned,
            pruned_carriers,
            pruned_share,
            "test",
            metric,
            mean_of(of_metric),
            UNKNOWN if run == unpruned else difference_of(of_metric, metrics.values(metric, **unpruned._asdict())),
        )
        for metric, of_metric in values.items()
    ]


def _notes(rows: Mapping[Run, Sequence[SummaryRow]], repeats: Mapping[Run, int], metrics: "Metrics") -> list[str]:
    """Return what readers must know of missing values and of intervals, each only if the table shows one."""
    values = [row.value for of_run in rows.values() for row in of_run]
    differences = [row.difference for of_run in rows.values() for row in of_run if row.metric in COMPARED]
    undefined = any(not row.value.n and len(metrics.values(row.metric, **run._asdict())) for run, of_run in rows.items() for row in of_run)
    partly = [note for run, of_run in rows.items() for note in fewer_repeats((row.value for row in of_run), repeats[run])]
    partly += [note for run, of_run in rows.items() for note in fewer_repeats((row.difference for row in of_run), repeats[run])]
    return [
        *lone_means([*values, *differences]),
        *logit_scale(values, SHARE, "shares that would leave 0 to 100%"),
        *dict.fromkeys(partly),
        *(["A dash below a metric that was tested: it is undefined in all repeats, and the log says why."] if undefined else []),
        *(
            f"Worst-group and weighted accuracy of {markdown(setting)} are missing where no test sample is of a group that training has: "
            f"{', '.join(map(markdown, groups))}."
            for (setting, split), groups in metrics.untested.items()
            if split == "test"
        ),
        *(
            f"Worst-group and weighted accuracy of {markdown(setting)} leave out the test samples of unknown group, up to "
            f"{unknown:,} of {count:,} in a repeat."
            for (setting, split), (unknown, count) in metrics.ungrouped.items()
            if split == "test"
        ),
    ]


def _sections(rows: Mapping[Run, Sequence[SummaryRow]], repeats: Mapping[Run, int]) -> list[Section]:
    by_setting: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in rows:
        by_setting[run.setting, run.method].append(run)
    header = [*HEADER, *(f"Δ {METRICS[metric].lower()}" for metric in COMPARED)]
    sections, unpruned = [], []
    for (setting, method), runs in by_setting.items():
        if all(run.plan == NO_PRUNING for run in runs):
            unpruned += [[setting, method, *_value_cells(rows[run], repeats[run])] for run in runs]
        else:
            cells = [
                [*_plan_cells(rows[run][0]), *_value_cells(rows[run], repeats[run]), *_difference_cells(rows[run], repeats[run])]
                for run in runs
            ]
            sections.append(Section(f"{setting} ({method})", header, cells))
    if unpruned:
        sections.append(Section("Settings trained only without pruning", ["Setting", "Method", *METRICS.values()], unpruned))
    return sections


def _plan_cells(row: SummaryRow) -> list[str]:
    numbers = (row.candidates, row.pruned, row.pruned_carriers)
    counts = (NOT_KNOWN if math.isnan(count) else f"{count:.1f}".removesuffix(".0") for count in numbers)
    share = NOT_KNOWN if math.isnan(row.pruned_share) else f"{row.pruned_share * 100:.1f}%"
    return [_in_words(row), *counts, share]


def _in_words(row: SummaryRow) -> str:
    """Return a plan in words, such as "carriers, hardest 25% by el2n"."""
    if row.plan == NO_PRUNING:
        return "no pruning"
    if row.sparsity is None:  # a plan that upweights or balances, whose name says everything
        return f"{row.strategy}, {row.plan.removeprefix(row.strategy).lstrip('-')}".removesuffix(", ").replace("_", " ")
    share = f"{float(row.sparsity) * 100:g}%"
    if row.score is None:
        return f"{row.strategy} {share}"
    how = f"{share} at random" if row.score == plans.RANDOM else f"{row.order} {share} by {shown_score(row.score)}"
    return f"{row.strategy}, {how}"


def _value_cells(rows: Sequence[SummaryRow], repeats: int) -> list[str]:
    return [interval(row.value, 100, 1, bounds=SHARE, repeats=repeats) for row in rows]


def _difference_cells(rows: Sequence[SummaryRow], repeats: int) -> list[str]:
    differences = [row.difference for row in rows if row.metric in COMPARED]
    texts = [interval(difference, 100, 1, sign=True, repeats=repeats) for difference in differences]
    return [Bold(text) if value.low > 0 or value.high < 0 else text for text, value in zip(texts, differences, strict=True)]

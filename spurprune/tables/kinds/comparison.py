"""Methods under equal budgets: worst groups, paired differences, ranks with ties, the labels and the training that each needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spurprune.evaluation.comparison import ComparisonRow, Entrant
from spurprune.evaluation.statistics import Estimate
from spurprune.evaluation.timings import seconds_behind
from spurprune.figures import entrants
from spurprune.storage.escaping import markdown
from spurprune.tables.report import (
    NOT_KNOWN,
    SHARE,
    Bold,
    Report,
    Section,
    Sources,
    fewer_repeats,
    interval,
    logit_scale,
    lone_means,
    number_of_repeats,
)

COMPARED = entrants.kind(
    "Methods under equal budgets: worst-group and mean accuracy, paired differences, ranks, labels needed, cost, seconds and regret."
)
KIND = replace(COMPARED, reads=(*COMPARED.reads, "timings"), timed=entrants.timed)
INTRODUCTION = (
    "Accuracies on the test split in per cent, mean ± half of the 95% confidence interval over repeats ({repeats}). {choice} Labels: "
    "the splits on which group labels are needed, also for the choice. Rank: one more than the number of methods whose paired difference "
    "of worst-group accuracy to this one has an interval above zero, so methods of equal rank are not told apart. "
    "Mean: of all test samples; weighted mean: groups weighted by their shares of training. Δ: difference of worst-group accuracy in "
    "percentage points, paired by repeat, in bold if its interval excludes zero. Regret: worst-group accuracy on the test split that each "
    "rule of choice gives up, in the tuning repeats, against the candidate best in hindsight. Cost: training of one reported repeat, "
    "including its references and the network that it refines; tuning: of one repeat of all candidates; both in epochs of {reference}. "
    "Seconds: wall time of the same training as the cost, measured on the machine that ran it."
)
CHOICE = (
    "Each method chose one of {budget} candidates by the validation metric that heads its table, on tuning repeats that are not reported; "
    "test metrics choose nothing."
)
NO_CHOICE = "No method chose among candidates."
FROM_AUTHORS = "Published by the methods' own authors, not in the paper's Table 1, each with a protocol of its own: {sources}"
HEADER = ("Method", "Labels", "Rank", "Worst group", "Mean", "Weighted mean")
MORE = ("Chosen", "Regret by worst group / worst class / accuracy", "Cost", "Seconds", "Tuning")
RESUMED = "A dash under Seconds: a job was resumed after an interruption, so that its time is not known."


@dataclass(frozen=True)
class TimedRow(ComparisonRow):
    """A method's results with the wall time of what the cost counts, in ``seconds`` per reported repeat, NaN if it is not known."""

    seconds: float


def report(sources: Sources, options: Mapping[str, Any]) -> Report:
    """Return the report: a section for every setting and rule of choice; raises DataError if runs are missing."""
    rows = [row for setting in options["settings"] for row in _timed(setting, sources, options)]
    introduction = INTRODUCTION.format(
        repeats=number_of_repeats(row.accuracy.n for row in rows),
        choice=NO_CHOICE if options["budget"] == 1 else CHOICE.format(budget=options["budget"]),
        reference=options["reference"],
    )
    sections = [
        _section(setting, by, [row for row in rows if (row.setting, row.by) == (setting, by)], options)
        for setting, by in dict.fromkeys((row.setting, row.by) for row in rows)
    ]
    shares = [value for row in rows for value in (row.worst, row.accuracy, row.weighted)]
    differences = [value for row in rows for value in (row.from_baseline, row.from_pruning)]
    most = max(row.accuracy.n for row in rows)
    notes = [
        *lone_means([*shares, *differences]),
        *logit_scale(shares, SHARE, "shares that would leave 0 to 100%"),
        *fewer_repeats([*shares, *(value for value in differences if value.n)], most),
        *([RESUMED] if any(math.isnan(row.seconds) for row in rows) else []),
        *([FROM_AUTHORS.format(sources=" ".join(map(markdown, options["sources"])))] if options.get("sources") else []),
    ]
    return Report(rows, introduction, sections, notes)


def labels_needed(row: ComparisonRow) -> str:
    """Return on which splits a method needs group labels, in words."""
    needed = [name for name, is_needed in (("train", row.labels_train), ("validation", row.labels_validation)) if is_needed]
    return ", ".join(needed) or "none"


def _timed(setting: str, sources: Sources, options: Mapping[str, Any]) -> list[TimedRow]:
    """Return one setting's rows with their seconds."""
    described = {one.method: one for one in (Entrant(**plain) for plain in options["entrants"][setting])}
    return [
        TimedRow(**vars(row), seconds=seconds_behind(described[row.method], setting, sources.timings))
        for row in entrants.compared(setting, options, sources.metrics, sources.tuning, sources.choices)
    ]


def _section(setting: str, by: str, rows: Sequence[TimedRow], options: Mapping[str, Any]) -> Section:
    compared = [name for name in (options["reference"], options.get("pruning")) if name is not None]
    published = any(row.published is not None for row in rows)
    header = [*HEADER, *(f"Δ to {name}" for name in compared), *(("Worst group, published",) if published else ()), *MORE]
    return Section(
        f"{setting}, chosen by validation {by.replace('_', ' ')}", header, [_cells(row, len(compared), published) for row in rows]
    )


def _cells(row: TimedRow, compared: int, published: bool) -> list[str]:
    repeats = row.accuracy.n
    shares = [interval(value, 100, 1, bounds=SHARE, repeats=repeats) for value in (row.worst, row.accuracy, row.weighted)]
    differences = [_difference(value, repeats) for value in (row.from_baseline, row.from_pruning)[:compared]]
    printed = [] if not published else [NOT_KNOWN if row.published is None else f"{100 * row.published:.1f}"]
    chosen = row.chosen or NOT_KNOWN
    regrets = (row.regret_by_group, row.regret_by_class, row.regret_by_accuracy)
    given_up = " / ".join(NOT_KNOWN if one is None or math.isnan(one) else f"{100 * one:.1f}" for one in regrets)
    costs = [NOT_KNOWN if math.isnan(value) else f"{value:.1f}" for value in (row.cost, row.seconds, row.tuning)]
    rank = NOT_KNOWN if row.rank is None else str(row.rank)
    return [row.base, labels_needed(row), rank, *shares, *differences, *printed, chosen, given_up, *costs]


def _difference(value: Estimate, repeats: int) -> str:
    text = interval(value, 100, 1, sign=True, repeats=repeats)
    return Bold(text) if value.low > 0 or value.high < 0 else text

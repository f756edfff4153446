"""Carriers among the easiest and the hardest samples, compared with a setting without carriers (the paper's App. A.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style
from spurprune.figures.base import MISCLASSIFICATION, WORST, Material, PublishedLine, Spec
from spurprune.figures.window import WindowRow, by_strength
from spurprune.figures.words import points, reason, valued

if TYPE_CHECKING:
    from spurprune.evaluation.frame import Metrics

LOOK = style.REFERENCES[0]
NONE = "none"
PUBLISHED_LOOKS = {
    NONE: style.Look(style.REFERENCES[2].colour, "", "-."),
    "easiest": style.Look(style.EASIEST.colour, "", "-."),
    "hardest": style.Look(style.HARDEST.colour, "", "-."),
}


@dataclass(frozen=True)
class ComparedRow:
    """One metric, a share in [0, 1], with carriers among the "easiest" or the "hardest" samples, or with "none" (the baseline).

    ``start`` is None for the baseline, and if carriers are not chosen by rank; ``epoch`` is None after training. ``difference`` is the
    paired difference from the baseline after training, without repeats in rows over epochs; ``difference_to_easiest`` is the paired
    difference of misclassification at the same time, without repeats for other metrics. ``published`` is empty for measured values; for a
    published one it names the source, and the row has no setting and no repeats.
    """

    strength: str
    setting: str
    method: str
    carriers: str
    start: int | None
    epoch: int | None
    metric: str
    value: Estimate
    difference: Estimate
    difference_to_easiest: Estimate = UNKNOWN
    published: str = ""


def compared(material: Material, finals: Sequence[WindowRow], baseline: str, method: str) -> list[ComparedRow]:
    """Return final misclassification and worst-group accuracy, each for the baseline first, then for every row of ``finals``.

    ``finals`` holds two rows for every strength: the easiest carriers, then the hardest.
    """
    rows = []
    for metric in (MISCLASSIFICATION, WORST):
        reference = material.unpruned(metric, baseline, method)
        rows.append(ComparedRow("", baseline, method, NONE, None, None, metric, mean_of(reference), UNKNOWN))
        for line in by_strength(finals).values():
            for row, end in zip(line, ("easiest", "hardest"), strict=True):
                values = material.unpruned(metric, row.setting, method)
                to_easiest = row.difference if metric == MISCLASSIFICATION else UNKNOWN
                place = (row.strength, row.setting, method, end, row.start, None)
                rows.append(ComparedRow(*place, metric, mean_of(values), difference_of(values, reference), to_easiest))
    return rows


def over_epochs(finals: Sequence[WindowRow], courses: Sequence[WindowRow]) -> list[ComparedRow]:
    """Return the misclassification over epochs as compared rows."""
    ends = {row.setting: end for line in by_strength(finals).values() for row, end in zip(line, ("easiest", "hardest"), strict=True)}
    return [
        ComparedRow(
            row.strength,
            row.setting,
            row.method,
            ends[row.setting],
            row.start,
            row.epoch,
            MISCLASSIFICATION,
            row.misclassification,
            UNKNOWN,
            row.difference,
        )
        for row in courses
    ]


def published_rows(published: Sequence[PublishedLine]) -> list[ComparedRow]:
    """Return the published values as compared rows."""
    return [ComparedRow("", "", "", one.name, None, None, one.metric, one.level, UNKNOWN, UNKNOWN, one.source) for one in published]


def label_of(published: PublishedLine) -> str:
    """Return the name of a published value in the legend."""
    return replace(published, name="no carriers").label if published.name == NONE else published.label


def level(rows: Sequence[ComparedRow], metric: str) -> Estimate:
    """Return the baseline's value of a metric."""
    return next(row.value for row in rows if row.metric == metric and row.carriers == NONE)


def findings(rows: Sequence[ComparedRow], spec: Spec, metrics: Metrics) -> list[str]:
    """Return sentences on worst-group accuracy: in the baseline, then for every strength with the paired difference from it."""
    found = []
    for row in rows:
        if row.metric == WORST:
            info = spec.settings[row.setting]
            value = f"worst-group accuracy is {valued(row.value, reason(metrics, WORST, row.setting, info))}"
            if row.carriers == NONE:
                found.append(f"{info.description}: without carriers, {value}.")
                continue
            change = f" (paired difference from no carriers {points(row.difference)})" if row.value.n else ""
            found.append(f"{row.strength}: with carriers among the {row.carriers} samples, {value}{change}.")
    return found


def published_findings(published: Sequence[PublishedLine]) -> list[str]:
    """Return one sentence on the published values, if there are any."""
    if not published:
        return []
    carriers = ", ".join(f"{100 * one.value:.2f}% with carriers among the {one.name}" for one in published if one.name != NONE)
    without = ", ".join(f"{100 * one.value:.2f}%" for one in published if one.name == NONE)
    sources = ", ".join(dict.fromkeys(one.source for one in published))
    return [f"Published worst-group accuracy ({sources}): {without} without carriers, {carriers}."]

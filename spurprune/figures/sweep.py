"""Sweeps of pruning over sparsity: what the figures of carrier, general and group-aware pruning share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style
from spurprune.figures.base import UNKNOWN, MetricKey, Metrics, PublishedLine, SettingInfo, difference_of, mean_of, repeats_note
from spurprune.figures.words import is_clear, percent, points
from spurprune.pruning import plan as plans

NO_PRUNING = "none"
MISCLASSIFICATION = "spurious_misclassification"
ROW_HEIGHT = 1.95  # inches
ACCURACIES = {  # in words
    "worst_group_accuracy": "worst-group accuracy",
    "accuracy": "accuracy",
    "accuracy_weighted": "mean accuracy",
}


@dataclass(frozen=True)
class SweepPoint:
    """One metric after pruning by one plan: its mean over repeats and its paired difference to no pruning, both shares in [0, 1].

    ``order`` is hardest, easiest or random, and empty without pruning; ``sparsity`` is the share of the strategy's candidates pruned.
    """

    setting: str
    plan: str
    order: str
    sparsity: float
    metric: str
    value: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Panel:
    """One column of panels: the metric drawn, the label of its axis, whether that begins at zero (or else ends at 100%)."""

    metric: str
    label: str
    from_zero: bool


@dataclass(frozen=True)
class ComparedPoint(SweepPoint):
    """A point of a figure that shows published values, too: ``published`` tells whose and where they stand, and is empty if measured.

    A published point belongs to no setting and no plan, and its value has no repeats.
    """

    published: str = ""


def compared(rows: Sequence[SweepPoint], published: Sequence[PublishedLine]) -> list[ComparedPoint]:
    """Return the measured points, then one for every published value."""
    measured = [ComparedPoint(**vars(row)) for row in rows]
    return measured + [
        ComparedPoint("", "", "", math.nan, one.metric, one.level, UNKNOWN, f"{one.name} ({one.source})") for one in published
    ]


def numbers(metrics: Metrics, settings: Sequence[str], names: Sequence[str]) -> list[SweepPoint]:
    """Return the named metrics of every plan run in the settings; within a setting no pruning first, then by order and sparsity."""
    rows = []
    for setting in settings:
        found = {key.plan: plans.parse(key.plan) for key in metrics if key.setting == setting}
        ordered = sorted(found.items(), key=lambda item: (item[0] != NO_PRUNING, _order(item[1]), float(item[1].sparsity or 0)))
        for name, plan in ordered:
            order = "" if name == NO_PRUNING else _order(plan)
            for metric in names:
                values = metrics.get(MetricKey(setting, name, metric), {})
                reference = metrics.get(MetricKey(setting, NO_PRUNING, metric), {})
                difference = difference_of(values, reference)
                rows.append(SweepPoint(setting, name, order, float(plan.sparsity or 0), metric, mean_of(values), difference))
    return rows


def _order(plan: plans.Plan) -> str:
    return plans.RANDOM if plan.order is None or plan.score == plans.RANDOM else plan.order


def lines_of(rows: Sequence[SweepPoint], setting: str, metric: str) -> dict[str, list[SweepPoint]]:
    """Return one setting's and metric's points by order, each line beginning with the common point without pruning."""
    mine = [row for row in rows if (row.setting, row.metric) == (setting, metric)]
    start = [row for row in mine if row.plan == NO_PRUNING]
    present = {row.order for row in mine}
    return {order: start + [row for row in mine if row.order == order] for order in style.ORDERS if order in present}


def draw(
    rows: Sequence[SweepPoint],
    settings: Mapping[str, SettingInfo],
    panels: Sequence[Panel],
    candidates: str,
    published: Sequence[PublishedLine] = (),
) -> Figure:
    """Draw one row of panels a setting: every metric against sparsity, the share of the ``candidates`` that is pruned."""
    figure = Figure(figsize=(style.PAGE, ROW_HEIGHT * len(settings) + 0.4))
    grid = figure.subplots(len(settings), len(panels), squeeze=False)
    letters = iter(style.LETTERS)
    levels = style.looks_of([one.label for one in published], style.REFERENCES)
    for strip, (name, info) in zip(grid, settings.items(), strict=True):
        for axes, panel in zip(strip, panels, strict=True):
            _draw_lines(axes, lines_of(rows, name, panel.metric))
            lines = [one for one in published if one.metric == panel.metric]
            for one in lines:
                style.level(axes, one.value, levels[one.label])
            measured = [row.value for row in rows if (row.setting, row.metric) == (name, panel.metric)]
            style.fit_percent(axes, [*measured, *(one.level for one in lines)], panel.from_zero)
            axes.set_xlabel(f"{candidates} pruned (%)")
            axes.set_ylabel(panel.label.format(source=info.source_class, target=info.target_class, attribute=info.attribute))
            style.panel_title(axes, next(letters), info.description if axes is strip[0] else "", style.PAGE / len(panels))
    looks = {f"{order} pruned": look for order, look in style.ORDERS.items() if any(row.order == order for row in rows)}
    style.legend(figure, looks | levels)
    style.note(figure, repeats_note(row.value for row in rows))
    return figure


def _draw_lines(axes: Axes, lines: Mapping[str, Sequence[SweepPoint]]) -> None:
    """Draw one line an order, set apart a little so that no interval hides another."""
    sparsities = sorted({100 * point.sparsity for line in lines.values() for point in line})
    apart = 0.012 * max(sparsities, default=0)
    for position, (order, line) in enumerate(lines.items()):
        shift = apart * (position - (len(lines) - 1) / 2)
        style.barred_line(axes, [100 * point.sparsity + shift for point in line], [point.value for point in line], style.ORDERS[order])
    style.value_ticks(axes, sparsities)


def findings(rows: Sequence[SweepPoint], settings: Mapping[str, SettingInfo], what: str, panels: Sequence[Panel]) -> list[str]:
    """Return what the sweeps show, as sentences: the panels' metrics without pruning, then what every order of pruning changes.

    ``what`` names what is pruned, such as "carriers".
    """
    drawn = [metric for metric in ACCURACIES if metric in {panel.metric for panel in panels}]
    told = []
    for name, info in settings.items():
        lines = lines_of(rows, name, MISCLASSIFICATION)
        accuracies = {metric: lines_of(rows, name, metric) for metric in drawn}
        start = next(iter(lines.values()))[0]
        without = (f"{ACCURACIES[metric]} is {percent(next(iter(found.values()))[0].value)}" for metric, found in accuracies.items())
        told.append(
            f"{info.description}: without pruning, {percent(start.value)} of the test samples of class {info.target_class} with the "
            f"{info.attribute} are taken for class {info.source_class}; {' and '.join(without)}."
        )
        for order, line in lines.items():
            last = [found[order][-1] for found in accuracies.values()]
            told.append(_told_change(line[1:], last, f"random {what}" if order == "random" else f"the {order} {what}"))
    return told


def _told_change(pruned: Sequence[SweepPoint], accuracies: Sequence[SweepPoint], what: str) -> str:
    """Return the least sparsity at which misclassification differs clearly from no pruning, and what the largest comes to.

    ``accuracies`` are the points of the largest sparsity.
    """
    last = pruned[-1]
    clear = next((point for point in pruned if is_clear(point.difference)), None)
    where = "at no sparsity" if clear is None else f"first at {100 * clear.sparsity:g}%"
    text = f"Pruning {what} changes the misclassification clearly {where}"
    told = [f"; at {100 * p.sparsity:g}% it is {percent(p.value)} (paired difference {points(p.difference)})" for p in (clear, last) if p]
    beside = (f"{ACCURACIES[p.metric]} {percent(p.value)} ({points(p.difference)})" for p in accuracies)
    return f"{text}{''.join(dict.fromkeys(told))}, {' and '.join(beside)}."

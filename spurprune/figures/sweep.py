"""Sweeps over sparsity: what the figures of carrier, general and group pruning share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spurprune.errors import ConfigError
from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style
from spurprune.figures.base import (
    MISCLASSIFICATION,
    MISCLASSIFIED_LABEL,
    WORST,
    Drawing,
    Material,
    PublishedLine,
    SettingInfo,
    Spec,
    published_lines,
    repeats_note,
)
from spurprune.figures.kind import METHODS, NAMES, NO_PRUNING, ORDERS, SPARSITIES, TEXT, Configuration, Item, Schema, Study
from spurprune.figures.words import UNDEFINED, is_clear, is_repeated, misclassified, percent, points, reason, valued
from spurprune.pruning import plan as plans

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spurprune.evaluation.frame import Metrics

ROW_HEIGHT = 1.95  # inches
IN_WORDS = {
    MISCLASSIFICATION: "misclassification",
    WORST: "worst-group accuracy",
    "accuracy": "accuracy",
    "accuracy_weighted": "mean accuracy",
}
# The options of every sweep.
REQUIRED: Mapping[str, Schema] = {"settings": NAMES, "sparsities": SPARSITIES}
OPTIONAL: Mapping[str, Schema] = {"orders": ORDERS, "score": TEXT, **METHODS}


def plans_by(strategy: str | None = None, more: Callable[[Item], list[str]] | None = None) -> Callable[[Item, Study], list[str]]:
    """Return a function from an item and its study to its plans: no pruning, those of a strategy (by default the item's), and ``more``."""

    def named(item: Item, study: Study) -> list[str]:
        orders = item.get("orders", ["hardest", "easiest"])
        score = item.get("score", study["score"])
        swept = plans_of(strategy or item["strategy"], score, orders, item["sparsities"])
        return [NO_PRUNING, *swept, *(more(item) if more else [])]

    return named


def plans_of(strategy: str, score: str, orders: Iterable[str], sparsities: Iterable[str]) -> list[str]:
    """Return the names of one strategy's plans over orders and sparsities; the order ``random`` stands for the score ``random``."""
    ends = [f"{plans.RANDOM}-hardest" if order == plans.RANDOM else f"{score}-{order}" for order in orders]
    return [f"{strategy}-{end}-{sparsity}" for end in ends for sparsity in sparsities]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for several orders of the score ``random``, which has neither hardest nor easiest samples."""
    if item.get("score", study["score"]) == plans.RANDOM and len(item.get("orders", plans.ORDERS)) > 1:
        raise ConfigError(f"{key} prunes by the score 'random', which has no hardest or easiest samples; name one order or another score.")


@dataclass(frozen=True)
class SweepPoint:
    """One metric after pruning by one plan: its mean over repeats and its paired difference from no pruning, both as shares.

    ``order`` is hardest, easiest or random, or empty without pruning; ``sparsity`` is the pruned share of the strategy's candidates.
    """

    setting: str
    method: str
    plan: str
    order: str
    sparsity: float
    metric: str
    value: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Panel:
    """One column of panels: its metric, the label of the axis, and whether the axis begins at 0 or else ends at 100%."""

    metric: str
    label: str
    from_zero: bool


MISCLASSIFIED = Panel(MISCLASSIFICATION, MISCLASSIFIED_LABEL, from_zero=True)
WORST_GROUP = Panel(WORST, "Worst-group\naccuracy (%)", from_zero=True)


@dataclass(frozen=True)
class ComparedPoint(SweepPoint):
    """A point of a figure that also shows published values: ``published`` names method and source, and is empty for measured points.

    A published point has no setting, method or plan, and its value has no repeats.
    """

    published: str = ""


def compared(rows: Sequence[SweepPoint], published: Sequence[PublishedLine]) -> list[ComparedPoint]:
    """Return the measured points, then one for every published value."""
    measured = [ComparedPoint(**vars(row)) for row in rows]
    return measured + [
        ComparedPoint("", "", "", "", math.nan, one.metric, one.level, UNKNOWN, f"{one.name} ({one.source})") for one in published
    ]


def make(material: Material, spec: Spec, panels: Sequence[Panel], what: str, candidates: str) -> Drawing:
    """Draw a sweep with its ``panels`` from left to right, and the published values as lines in the panels of their metrics.

    ``what`` names what is pruned within a sentence, such as "carriers", ``candidates`` on an axis.
    """
    published = published_lines(spec)
    rows = numbers(material.metrics, spec, [panel.metric for panel in panels])
    figure = draw(rows, spec, panels, candidates, published)
    return Drawing(compared(rows, published) if published else rows, figure, findings(rows, spec, what, panels, material.metrics))


def panels_of(spec: Spec, panels: Sequence[Panel], instead: Sequence[Panel] = ()) -> list[Panel]:
    """Return the panels of a figure: if no setting has a probe, with ``instead`` in place of spurious misclassification."""
    if any(info.is_probed for info in spec.settings.values()):
        return list(panels)
    return [*instead, *(panel for panel in panels if panel.metric != MISCLASSIFICATION)]


def numbers(metrics: Metrics, spec: Spec, names: Sequence[str]) -> list[SweepPoint]:
    """Return the named metrics of every run, by setting and method: first without pruning, then by order and sparsity."""
    rows = []
    for setting in spec.settings:
        for method in spec.methods:
            found = {name: plans.parse(name) for name in metrics.plans(setting, method)}
            ordered = sorted(found.items(), key=lambda item: (item[0] != NO_PRUNING, _order(item[1]), float(item[1].sparsity or 0)))
            for name, plan in ordered:
                order = "" if name == NO_PRUNING else _order(plan)
                for metric in names:
                    value = metrics.values(metric, setting=setting, method=method, plan=name)
                    reference = metrics.values(metric, setting=setting, method=method, plan=NO_PRUNING)
                    sparsity, difference = float(plan.sparsity or 0), difference_of(value, reference)
                    rows.append(SweepPoint(setting, method, name, order, sparsity, metric, mean_of(value), difference))
    return rows


def _order(plan: plans.Plan) -> str:
    return plans.RANDOM if plan.order is None or plan.score == plans.RANDOM else plan.order


def lines_of(rows: Sequence[SweepPoint], setting: str, method: str, metric: str) -> dict[str, list[SweepPoint]]:
    """Return the points of one setting, method and metric by order; every line begins with the point without pruning."""
    mine = [row for row in rows if (row.setting, row.method, row.metric) == (setting, method, metric)]
    start = [row for row in mine if row.plan == NO_PRUNING]
    present = {row.order for row in mine}
    return {order: start + [row for row in mine if row.order == order] for order in style.ORDERS if order in present}


def draw(
    rows: Sequence[SweepPoint], spec: Spec, panels: Sequence[Panel], candidates: str, published: Sequence[PublishedLine] = ()
) -> Figure:
    """Draw one row of panels per setting and method: every metric against sparsity, the pruned share of the ``candidates``."""
    strips = [(name, method) for name in spec.settings for method in spec.methods]
    figure = style.new_figure(style.PAGE, ROW_HEIGHT * len(strips) + 0.4)
    grid = figure.subplots(len(strips), len(panels), squeeze=False)
    letters = style.letters()
    levels = style.looks_of([one.label for one in published], style.REFERENCES)
    for strip, (name, method) in zip(grid, strips, strict=True):
        info = spec.settings[name]
        title = spec.titled(info.description, method)
        for axes, panel in zip(strip, panels, strict=True):
            if panel.metric == MISCLASSIFICATION and not info.is_probed:
                axes.set_axis_off()
                style.panel_title(
                    axes, next(letters), f"{title}\nnot tested" if axes is strip[0] else "not tested", style.PAGE / len(panels)
                )
                continue
            _draw_lines(axes, lines_of(rows, name, method, panel.metric))
            lines = [one for one in published if one.metric == panel.metric]
            for one in lines:
                style.level(axes, one.value, levels[one.label])
            measured = [row.value for row in rows if (row.setting, row.method, row.metric) == (name, method, panel.metric)]
            style.fit_percent(axes, [*measured, *(one.level for one in lines)], panel.from_zero)
            style.say_if_empty(axes, measured)
            axes.set_xlabel(f"{candidates} pruned (%)")
            axes.set_ylabel(info.axis(panel.label))
            style.panel_title(axes, next(letters), title if axes is strip[0] else "", style.PAGE / len(panels))
    looks = {f"{order} pruned": look for order, look in style.ORDERS.items() if any(row.order == order for row in rows)}
    style.legend(figure, looks | levels)
    style.note(figure, repeats_note(row.value for row in rows if row.metric != MISCLASSIFICATION or spec.settings[row.setting].is_probed))
    return figure


def _draw_lines(axes: Axes, lines: Mapping[str, Sequence[SweepPoint]]) -> None:
    """Draw one line per order, slightly shifted so that no interval hides another."""
    sparsities = sorted({100 * point.sparsity for line in lines.values() for point in line})
    apart = 0.012 * max(sparsities, default=0)
    for position, (order, line) in enumerate(lines.items()):
        shift = apart * (position - (len(lines) - 1) / 2)
        style.barred_line(axes, [100 * point.sparsity + shift for point in line], [point.value for point in line], style.ORDERS[order])
    style.value_ticks(axes, sparsities)


def findings(rows: Sequence[SweepPoint], spec: Spec, what: str, panels: Sequence[Panel], metrics: Metrics) -> list[str]:
    """Return sentences on the first panel's metric by order, on all metrics without pruning, and on what every order of pruning changes.

    The leading metric of the latter is spurious misclassification or, in a setting without a probe, that of the first other panel.
    ``what`` names what is pruned, such as "carriers". ``metrics`` are those of the rows; they tell why a value is undefined.
    """
    found = []
    for name, info in spec.settings.items():
        for method in spec.methods:
            found += _findings_of(rows, info, (name, method), spec.titled(info.description, method), what, panels, metrics)
    return found


def _findings_of(
    rows: Sequence[SweepPoint],
    info: SettingInfo,
    run: tuple[str, str],
    title: str,
    what: str,
    panels: Sequence[Panel],
    metrics: Metrics,
) -> list[str]:
    leading = MISCLASSIFICATION if info.is_probed else next(one.metric for one in panels if one.metric != MISCLASSIFICATION)
    lines = lines_of(rows, *run, leading)
    if not lines:
        return [f"{title}: nothing was pruned."]
    start = next(iter(lines.values()))[0]
    others = [panel.metric for panel in panels if panel.metric not in (leading, MISCLASSIFICATION)]
    lines_of_others = {metric: lines_of(rows, *run, metric) for metric in others}
    why = {panel.metric: reason(metrics, panel.metric, run[0], info) for panel in panels}
    starts = {metric: next(iter(of_metric.values()))[0].value for metric, of_metric in lines_of_others.items()}
    unpruned = [f"{IN_WORDS[metric]} is {valued(value, why[metric])}" for metric, value in starts.items()]
    shown = next(panel.metric for panel in panels if panel.metric != MISCLASSIFICATION or info.is_probed)
    found = orders_compared(lines_of(rows, *run, shown), metrics, title, what)
    if info.is_probed:
        found.append(f"{title}: without pruning, {misclassified(start.value, info)}; {' and '.join(unpruned)}.")
    else:
        first = f"{IN_WORDS[leading]} is {valued(start.value, why[leading])}"
        found.append(f"{title}: without pruning, {' and '.join([first, *unpruned])}.")
    for order, line in lines.items():
        last = [of_metric[order][-1] for of_metric in lines_of_others.values()]
        repeats = len(metrics.values(leading, setting=run[0], method=run[1], plan=line[-1].plan))
        found.append(_changed(line[1:], last, f"random {what}" if order == "random" else f"the {order} {what}", repeats, why[leading]))
    return found


def orders_compared(lines: Mapping[str, Sequence[SweepPoint]], metrics: Metrics, title: str, what: str) -> list[str]:
    """Return a sentence on one metric at the lowest sparsity: the hardest pruned against nothing, random and the easiest, paired.

    ``lines`` are its points by order. No sentence if the hardest, or nothing but them, was pruned, or if the metric is undefined.
    """
    pruned = {order: min(line[1:], key=lambda point: point.sparsity) for order, line in lines.items() if len(line) > 1}
    hardest = pruned.pop("hardest", None)
    against = {order: point for order, point in pruned.items() if hardest is not None and point.sparsity == hardest.sparsity}
    if hardest is None or not against or not is_repeated(hardest.difference):
        return []

    def values(point: SweepPoint) -> pd.Series:
        return metrics.values(point.metric, setting=point.setting, method=point.method, plan=point.plan)

    paired = {order: difference_of(values(hardest), values(point)) for order, point in against.items()}
    named = [f"{points(hardest.difference)} against no pruning"]
    named += [f"{points(one)} against pruning {'at random' if order == plans.RANDOM else 'the easiest'}" for order, one in paired.items()]
    return [
        f"{title}: without the hardest {100 * hardest.sparsity:g}% of the {what}, {IN_WORDS[hardest.metric]} is "
        f"{percent(hardest.value)}: {', '.join(named)}."
    ]


def _changed(pruned: Sequence[SweepPoint], others: Sequence[SweepPoint], what: str, repeats: int, why: str | None) -> str:
    """Return a sentence on the lowest sparsity at which the leading metric changes clearly, and on all metrics at the highest.

    ``others`` are the other metrics' points at the highest sparsity; ``repeats`` is the number of repeats, those included in which the
    leading metric is undefined, and ``why`` a clause that says why it is, if that is known.
    """
    last = pruned[-1]
    text = f"When {what} are pruned, {IN_WORDS[last.metric]} {_judged(pruned, repeats, why)}"
    clear = next((point for point in pruned if is_clear(point.difference)), None)
    for point in dict.fromkeys(one for one in (clear, last) if one is not None and one.value.n):
        text += f"; at {100 * point.sparsity:g}%, it is {percent(point.value)} (paired difference {points(point.difference)})"
    values = [
        f"{IN_WORDS[point.metric]} is {percent(point.value)}{f' ({points(point.difference)})' if point.value.n else ''}" for point in others
    ]
    if values and not last.value.n:
        return f"{text}; at {100 * last.sparsity:g}%, {' and '.join(values)}."
    return f"{text}{''.join(f', {value}' for value in values[:-1])}{f' and {values[-1]}' if values else ''}."


def _judged(pruned: Sequence[SweepPoint], repeats: int, why: str | None) -> str:
    """Return what can be said of a metric's change over sparsities, to follow the metric's name."""
    since = "" if why is None else f", since {why}"
    if not any(point.value.n for point in pruned):
        return f"is {UNDEFINED}{since}"
    if not any(is_repeated(point.difference) for point in pruned):
        few = f"cannot be judged: it is {UNDEFINED} with or without pruning in all but {max(point.difference.n for point in pruned)}"
        return "cannot be judged, which takes two repeats" if repeats < 2 else f"{few} of {repeats} repeats{since}"
    clear = next((point for point in pruned if is_clear(point.difference)), None)
    return "does not change clearly at any sparsity" if clear is None else f"first changes clearly at {100 * clear.sparsity:g}%"

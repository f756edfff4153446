"""Methods under equal budgets: worst-group against mean accuracy, and each method's worst group, by the group labels that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spurprune.evaluation.comparison import ComparisonRow
from spurprune.figures import entrants, style
from spurprune.figures.base import WORST, Drawing, Material, Spec, repeats_note
from spurprune.figures.words import reason

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spurprune.evaluation.frame import Metrics

KIND = entrants.kind("Methods under equal budgets: worst-group against mean accuracy, by the group labels that a method needs.")
NEEDS: Mapping[tuple[bool, bool], tuple[str, style.Look]] = {  # by (training, validation)
    (False, False): ("no group labels", style.Look("#009E73", "o", "-")),
    (False, True): ("validation", style.Look("#0072B2", "s", "-")),
    (True, False): ("training", style.Look("#E69F00", "^", "-")),
    (True, True): ("training and validation", style.Look("#8C3A78", "D", "-")),
}
ROW = 0.17  # inches per method


def make(material: Material, spec: Spec) -> Drawing:
    """Draw two panels for every setting and rule of choice."""
    rows = [
        row
        for setting in spec.options["settings"]
        for row in entrants.compared(setting, spec.options, material.metrics, material.tuning, material.choices)
    ]
    return Drawing(rows, draw(rows, spec), findings(rows, spec, material.metrics))


def draw(rows: Sequence[ComparisonRow], spec: Spec) -> Figure:
    """Draw, for every setting and rule, worst-group accuracy against mean accuracy, and the worst group of every method, the best first."""
    places = list(dict.fromkeys((row.setting, row.by) for row in rows))
    most = max(sum((row.setting, row.by) == place for row in rows) for place in places)
    figure = style.new_figure(style.PAGE, (max(2.2, ROW * most + 0.9)) * len(places) + 0.3)
    grid = figure.subplots(len(places), 2, squeeze=False, width_ratios=(1, 1.25))
    letters = style.letters()
    for (setting, by), (left, right) in zip(places, grid, strict=True):
        mine = [row for row in rows if (row.setting, row.by) == (setting, by)]
        title = f"{spec.settings[setting].description}\nchosen by validation {by.replace('_', ' ')}"
        for axes in (left, right) if not any(row.worst.n for row in mine) else ():
            style.message(axes, "nothing measured")
        _scatter(left, mine)
        style.panel_title(left, next(letters), title, style.PAGE / 2.25)
        _ranking(right, mine)
        style.panel_title(right, next(letters), "Worst group of each method, best first", style.PAGE / 2)
    shown = dict.fromkeys((row.labels_train, row.labels_validation) for row in rows)
    style.legend(figure, {f"needs {NEEDS[needed][0]}": NEEDS[needed][1] for needed in NEEDS if needed in shown})
    style.note(figure, repeats_note(row.worst for row in rows))
    return figure


def _look(row: ComparisonRow) -> style.Look:
    return NEEDS[row.labels_train, row.labels_validation][1]


ROOM = (0.05, 0.045)  # shares of the panel's width and height between two numbers


def _scatter(axes: Axes, rows: Sequence[ComparisonRow]) -> None:
    """Draw the methods, with their numbers in the ranking wherever there is room, the best first."""
    points: dict[int, tuple[float, float]] = {}
    for number, row in enumerate(rows, 1):
        if row.worst.n and row.accuracy.n:
            x, y = 100 * row.accuracy.mean, 100 * row.worst.mean
            across, up = style.whiskers(row.accuracy), style.whiskers(row.worst)
            look = _look(row)
            axes.errorbar(x, y, xerr=across, yerr=up, color=look.colour, marker=look.marker, elinewidth=0.7, alpha=0.9)
            points[number] = (x, y)
    spans = [max(max(values) - min(values), 1.0) for values in zip(*points.values(), strict=True)]
    numbered: list[tuple[float, float]] = []
    for number, (x, y) in points.items():
        if all(abs(x - other_x) > ROOM[0] * spans[0] or abs(y - other_y) > ROOM[1] * spans[1] for other_x, other_y in numbered):
            numbered.append((x, y))
            axes.annotate(str(number), (x, y), xytext=(3, 3), textcoords="offset points", fontsize=6, color=_look(rows[number - 1]).colour)
    axes.set_xlabel("Mean accuracy (%)")
    axes.set_ylabel("Worst-group accuracy (%)")


def _ranking(axes: Axes, rows: Sequence[ComparisonRow]) -> None:
    for number, row in enumerate(rows, 1):
        if row.worst.n:
            look = _look(row)
            axes.errorbar(
                100 * row.worst.mean,
                -number,
                xerr=style.whiskers(row.worst),
                color=look.colour,
                marker=look.marker,
                elinewidth=1,
                capsize=2,
            )
    apart = style.shortened_apart(row.base for row in rows)
    names = [f"{number}  {apart[row.base]}" for number, row in enumerate(rows, 1)]
    axes.set_yticks([-number for number in range(1, len(rows) + 1)], names)
    axes.set_ylim(-len(rows) - 0.6, -0.4)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("Worst-group accuracy (%)")


def findings(rows: Sequence[ComparisonRow], spec: Spec, metrics: Metrics) -> list[str]:
    """Return sentences on which method is best, and which is best without group labels, for every setting and rule of choice."""
    found = []
    for setting, by in dict.fromkeys((row.setting, row.by) for row in rows):
        mine = [row for row in rows if (row.setting, row.by) == (setting, by) and row.rank is not None]
        info = spec.settings[setting]
        where = f"{info.description}, chosen by validation {by.replace('_', ' ')}"
        if not mine:
            why = reason(metrics, WORST, setting, info)
            found.append(f"{where}: no method's worst-group accuracy is defined{'' if why is None else f', since {why}'}.")
            continue
        best, alike = mine[0], [row.base for row in mine[1:] if row.rank == 1]
        tie = f"; not told apart from it are {', '.join(alike)}" if alike else ""
        most = f", the most of {len(mine)} methods" if len(mine) > 1 else ""
        found.append(f"{where}: {_reaches(best)}{most}{tie}.")
        unlabelled = [row for row in mine if not (row.labels_train or row.labels_validation)]
        if unlabelled and unlabelled[0] != best:
            which = f"of the {len(unlabelled)} methods" if len(unlabelled) > 1 else "the only one"
            found.append(f"{where}, {which} without group labels: {_reaches(unlabelled[0])}.")
    return found


def _reaches(row: ComparisonRow) -> str:
    return f"{row.base} reaches a worst-group accuracy of {100 * row.worst.mean:.1f}%"

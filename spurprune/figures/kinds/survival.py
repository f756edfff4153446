"""Which share of every layer's weights a mask keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spurprune.evaluation.survival import ALL, SurvivalRow, summarised
from spurprune.figures import masked, style
from spurprune.figures.base import Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import METHODS, NAMES, Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KIND = Kind(
    "The share of every layer's weights that masks keep.",
    reads=("masks",),
    required={"settings": NAMES},
    optional=METHODS,
    runs_of=masked.runs_of,
    check=masked.check,
)
LOOK = style.Look("#0072B2", "o", "-")
ROW = 0.16  # inches per layer
FEWEST = 4  # layers that a panel has room for


def make(material: Material, spec: Spec) -> Drawing:
    """Draw a panel for every setting and method, the first layer on top."""
    rows = summarised(material.survivals)
    return Drawing(rows, draw(rows, spec), findings(rows, spec))


def draw(rows: Sequence[SurvivalRow], spec: Spec) -> Figure:
    """Draw the shares of all layers with their intervals."""
    places = [(setting, method) for setting in spec.settings for method in spec.methods]
    most = max([FEWEST, *(sum((row.setting, row.method) == place for row in rows) for place in places)])
    columns = min(2, len(places))
    lines = -(-len(places) // columns)
    figure = style.new_figure(style.PAGE if columns > 1 else style.COLUMN, lines * (ROW * most + 0.8) + 0.2)
    grid = figure.subplots(lines, columns, squeeze=False)
    letters = style.letters()
    for (setting, method), axes in zip(places, grid.flat, strict=False):
        _panel(axes, [row for row in rows if (row.setting, row.method) == (setting, method)])
        style.panel_title(axes, next(letters), spec.titled(spec.settings[setting].description, method), style.PAGE / 2.4)
    for axes in grid.flat[len(places) :]:
        axes.set_axis_off()
    style.note(figure, repeats_note(row.share for row in rows))
    return figure


def _panel(axes: Axes, rows: Sequence[SurvivalRow]) -> None:
    axes.set_xlabel("Weights kept (%)")
    axes.set_xlim(0, 104)
    axes.grid(axis="y", visible=False)
    if not rows:
        axes.set_yticks([])
        style.message(axes, "nothing measured")
        return
    for place, row in enumerate(rows):
        axes.barh(-place, 100 * row.share.mean, 0.6, facecolor="#D6E6F2", edgecolor=LOOK.colour, linewidth=0.6)
        axes.errorbar(100 * row.share.mean, -place, xerr=style.whiskers(row.share), color=LOOK.colour, marker="", elinewidth=1, capsize=2)
    names = style.shortened_apart(row.layer for row in rows)
    axes.set_yticks([-place for place in range(len(rows))], [f"{names[row.layer]} ({row.weights:,})" for row in rows])
    axes.set_ylim(-len(rows) + 0.4, 0.6)


def findings(rows: Sequence[SurvivalRow], spec: Spec) -> list[str]:
    """Return a sentence per setting and method on how much is kept, and where most and least."""
    found = []
    for whole in (row for row in rows if row.layer == ALL):
        layers = [row for row in rows if (row.setting, row.method) == (whole.setting, whole.method) and row.layer != ALL]
        most, least = (end(layers, key=lambda row: row.share.mean) for end in (max, min))
        where = spec.titled(spec.settings[whole.setting].description, whole.method)
        found.append(
            f"{where}: {100 * whole.share.mean:.1f}% of {whole.weights:,} weights are kept, most of '{most.layer}' "
            f"({100 * most.share.mean:.1f}%), least of '{least.layer}' ({100 * least.share.mean:.1f}%)."
        )
    return found

"""Carriers over the whole range of difficulty, one line per strength of the feature (the paper's Fig. 3)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from spurprune.figures import style
from spurprune.figures.base import MISCLASSIFIED_LABEL, Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import METHODS, TEXT, Kind
from spurprune.figures.window import WindowRow, by_strength, final_rows, starts_of
from spurprune.figures.words import is_clear, misclassified, percent, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    "Carriers over the whole range of difficulty (the paper's Fig. 3).",
    reads=("metrics",),
    required={"family": TEXT},
    optional=METHODS,
    needs=("probe", "carriers"),
    sweeps=("carriers.start",),
    several_lines=True,
)


def make(material: Material, spec: Spec) -> Drawing:
    """Draw spurious misclassification against the difficulty rank at which the window of carriers begins."""
    rows = {method: final_rows(material, spec, method) for method in spec.methods}
    found = [sentence for method, of_method in rows.items() for sentence in spec.findings_of(findings(of_method, spec), method)]
    return Drawing([row for of_method in rows.values() for row in of_method], draw(rows, spec), found)


def draw(rows: Mapping[str, Sequence[WindowRow]], spec: Spec) -> Figure:
    """Draw one panel per method with one line per strength, all on one scale."""
    figure, places = style.strips(style.COLUMN, 2.6, list(rows))
    shares = [row.misclassification for of_method in rows.values() for row in of_method]
    looks: dict[str, style.Look] = {}
    for letter, (method, of_method) in zip(style.letters(), rows.items(), strict=False):
        info = spec.settings[of_method[0].setting]
        axes = places[method].subplots()
        lines = by_strength(of_method)
        looks = style.looks_of(lines, style.STRENGTHS)
        for strength, line in lines.items():
            style.line(axes, starts_of(line), [row.misclassification for row in line], looks[strength])
        rank = "Difficulty rank of the easiest carrier\nwithin class {source} (0 = easiest sample)"
        axes.set_xlabel(style.label(rank, source=info.source))
        axes.set_ylabel(info.axis(MISCLASSIFIED_LABEL))
        style.fit_percent(axes, shares, from_zero=True)
        if len(rows) > 1:
            style.panel_title(axes, letter, method, style.COLUMN)
    style.legend(figure, looks)
    style.note(figure, repeats_note(shares))
    return figure


def findings(rows: Sequence[WindowRow], spec: Spec) -> list[str]:
    """Return sentences on the misclassification at both ends of the range, and on how much of a clear rise is in the harder half."""
    found = []
    for strength, line in by_strength(rows).items():
        first, last = line[0], line[-1]
        if not any(row.misclassification.n for row in line):
            found.append(f"{strength}: {misclassified(first.misclassification, spec.settings[first.setting])}.")
            continue
        if first is last:
            found.append(f"{strength}: misclassification is {percent(first.misclassification)} with carriers from rank {first.start} on.")
            continue
        text = (
            f"{strength}: misclassification is {percent(first.misclassification)} with carriers from rank {first.start} on and "
            f"{percent(last.misclassification)} from rank {last.start} on (paired difference {points(last.difference)})"
        )
        if is_clear(last.difference) and last.difference.mean > 0:
            text += f"; {100 * late_share(line):.0f}% of the rise is in the harder half of the range (with linear growth, 50%)"
        found.append(f"{text}.")
    return found


def late_share(line: Sequence[WindowRow]) -> float:
    """Return the part of the rise from the first to the last start that is in the harder half of the range, by linear interpolation.

    Starts without a value are left out.

    Above 1/2, growth is faster than linear; above 1, it begins with a fall. NaN if there is no rise.
    """
    measured = [row for row in line if row.misclassification.n]
    starts, means = starts_of(measured), [row.misclassification.mean for row in measured]
    rise = means[-1] - means[0]
    middle = float(np.interp((starts[0] + starts[-1]) / 2, starts, means))
    return (means[-1] - middle) / rise if rise > 0 else math.nan

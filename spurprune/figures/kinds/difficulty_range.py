"""Carriers over the whole range of difficulty, one line a strength of the feature (the paper's Fig. 3)."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from spurprune.figures import style
from spurprune.figures.base import TAKEN_LABEL, Drawing, Material, Spec, repeats_note
from spurprune.figures.window import WindowRow, by_strength, final_rows, starts_of
from spurprune.figures.words import is_clear, percent, points


def make(material: Material, spec: Spec) -> Drawing:
    """Draw spurious misclassification against the difficulty rank at which the window of carriers begins."""
    rows = final_rows(material, spec)
    return Drawing(rows, draw(rows, spec), findings(rows))


def draw(rows: Sequence[WindowRow], spec: Spec) -> Figure:
    """Draw one line a strength."""
    info = spec.settings[rows[0].setting]
    figure = Figure(figsize=(style.COLUMN, 2.6))
    axes = figure.subplots()
    lines = by_strength(rows)
    looks = style.looks_of(lines, style.STRENGTHS)
    for strength, line in lines.items():
        style.line(axes, starts_of(line), [row.misclassification for row in line], looks[strength])
    axes.set_xlabel(f"Difficulty rank of the easiest carrier\nwithin class {info.source_class} (0 = easiest sample)")
    axes.set_ylabel(TAKEN_LABEL.format(source=info.source_class, target=info.target_class, attribute=info.attribute))
    style.fit_percent(axes, [row.misclassification for row in rows], from_zero=True)
    style.legend(figure, looks)
    style.note(figure, repeats_note(row.misclassification for row in rows))
    return figure


def findings(rows: Sequence[WindowRow]) -> list[str]:
    """Return for every strength the misclassification at both ends of the range, and which part of a clear rise lies in its harder half."""
    told = []
    for strength, line in by_strength(rows).items():
        first, last = line[0], line[-1]
        if first is last:
            told.append(f"{strength}: {percent(first.misclassification)} with carriers from rank {first.start} on.")
            continue
        text = (
            f"{strength}: {percent(first.misclassification)} with carriers from rank {first.start} on, {percent(last.misclassification)} "
            f"from rank {last.start} on (paired difference {points(last.difference)})"
        )
        if is_clear(last.difference) and last.difference.mean > 0:
            text += f"; {100 * late_share(line):.0f}% of the rise lies in the harder half of the range (linear growth: 50%)"
        told.append(f"{text}.")
    return told


def late_share(line: Sequence[WindowRow]) -> float:
    """Return which part of the rise from the first to the last start lies in the harder half of the range, interpolating linearly.

    Above 1/2 the growth is faster than linear; above 1 it began with a fall. NaN if there is no rise.
    """
    starts = starts_of(line)
    means = [row.misclassification.mean for row in line]
    rise = means[-1] - means[0]
    middle = float(np.interp((starts[0] + starts[-1]) / 2, starts, means))
    return (means[-1] - middle) / rise if rise > 0 else math.nan

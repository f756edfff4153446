"""How many carriers it takes to learn a pattern: spurious score and accuracies by their number (Yang, Chou and Chaudhuri 2022)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate, welch_of_shares
from spurprune.figures import rare, style
from spurprune.figures.base import Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import METHODS, NO_PRUNING, TEXT, Configuration, Item, Kind, Study
from spurprune.figures.words import percent, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIGNIFICANT = 0.05  # of Welch's test, the authors' level
HEIGHT = 2.3  # inches of a row of panels
PANELS = (("score", rare.SCORE_AXIS, True), ("spurious_accuracy", "Spurious accuracy (%)", True))
METRICS = {"score": rare.SCORE, "spurious_accuracy": "spurious_accuracy", "accuracy": "accuracy"}


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for a family that varies something else, too, or does not measure the spurious score."""
    rare.require_plain_grid(key, item["family"], config)
    rare.require_scores(key, config.family(item["family"]), config)


KIND = Kind(
    "Spurious score and accuracies by number of carriers, pattern by pattern (Yang, Chou and Chaudhuri 2022).",
    reads=("metrics",),
    required={"family": TEXT},
    optional=METHODS,
    needs=("probe", "carriers"),
    sweeps=("count",),
    several_lines=True,
    check=check,
)


@dataclass(frozen=True)
class CountRow:
    """The score and the accuracies with one pattern on ``carriers`` training samples, shares in [0, 1].

    ``sem`` is the score's standard error over repeats; ``difference`` is its paired difference from no carriers. ``largest_p`` is the
    largest p-value over repeats of Welch's one-sided test against the same repeat's network without carriers, over test samples, and
    ``significant`` the number of repeats below 0.05; without carriers they are NaN and 0.
    """

    setting: str
    method: str
    pattern: str
    carriers: int
    score: Estimate
    sem: float
    spurious_accuracy: Estimate
    accuracy: Estimate
    difference: Estimate
    largest_p: float
    significant: int


def make(material: Material, spec: Spec) -> Drawing:
    """Draw spurious score, accuracy with the pattern and clean accuracy against the number of carriers, a line for every pattern."""
    rows = {method: rows_of(material, spec, method) for method in spec.methods}
    found = [sentence for method, of_method in rows.items() for sentence in spec.findings_of(findings(of_method), method)]
    return Drawing([row for of_method in rows.values() for row in of_method], draw(rows, spec), found)


def rows_of(material: Material, spec: Spec, method: str) -> list[CountRow]:
    """Return a row for every pattern and number of carriers, by pattern in grid order, then ascending."""
    lines: dict[str, list[tuple[int, str]]] = {}
    for name in spec.family:
        info = spec.settings[name]
        lines.setdefault(rare.pattern_of(info), []).append((int(rare.place_of(info, "count") or 0), name))
    return [row for pattern, members in lines.items() for row in _line(material, pattern, sorted(members), method)]


def _line(material: Material, pattern: str, members: Sequence[tuple[int, str]], method: str) -> list[CountRow]:
    clean = members[0][1] if members[0][0] == 0 else None
    rows = []
    for count, name in members:
        values = {of: material.unpruned(metric, name, method) for of, metric in METRICS.items()}
        p = _p_values(material, name, clean, method) if clean not in (None, name) else []
        difference = UNKNOWN if clean in (None, name) else difference_of(values["score"], material.unpruned(rare.SCORE, str(clean), method))
        rows.append(
            CountRow(
                name,
                method,
                pattern,
                count,
                mean_of(values["score"]),
                rare.sem(values["score"]),
                mean_of(values["spurious_accuracy"]),
                mean_of(values["accuracy"]),
                difference,
                max(p, default=math.nan) if not any(map(math.isnan, p)) else math.nan,
                sum(one < SIGNIFICANT for one in p),
            )
        )
    return rows


def _p_values(material: Material, name: str, clean: str | None, method: str) -> list[float]:
    """Return Welch's p-value of every repeat that both settings have."""
    score, reference = (
        (material.unpruned(rare.SCORE, one, method), material.metrics.counts(rare.SCORE, setting=one, method=method, plan=NO_PRUNING))
        for one in (name, str(clean))
    )
    shared = sorted(set(score[0].index) & set(reference[0].index))
    return [welch_of_shares(score[0][r], int(score[1][r]), reference[0][r], int(reference[1][r])) for r in shared]


def draw(rows: Mapping[str, Sequence[CountRow]], spec: Spec) -> Figure:
    """Draw for every method a row of three panels against the number of carriers."""
    everything = [row for of_method in rows.values() for row in of_method]
    figure, places = style.strips(style.PAGE, HEIGHT, list(rows))
    letters = style.letters()
    drawn = dict.fromkeys(row.pattern for row in everything)
    looks = {name: rare.LOOKS.get(name, style.CARRIERS) for name in drawn}
    for method, of_method in rows.items():
        info = spec.settings[of_method[0].setting]
        panels = places[method].subplots(1, len(METRICS), squeeze=False)[0]
        for axes, (of, label, from_zero) in zip(panels, (*PANELS, ("accuracy", rare.ACCURACY_AXIS, False)), strict=True):
            _draw_lines(axes, of_method, of, looks)
            axes.set_xlabel(style.label("Carriers in class {source}", source=info.source))
            axes.set_ylabel(label)
            style.fit_percent(axes, [getattr(row, of) for row in everything], from_zero)
            style.say_if_empty(axes, [getattr(row, of) for row in of_method])
            title = spec.titled(info.description, method) if axes is panels[0] else ""
            style.panel_title(axes, next(letters), title, style.PAGE if axes is panels[0] else style.PAGE / 3)
        if method == next(iter(rows)):
            style.legend(figure if len(rows) == 1 else places[method], looks, columns=7, short=True)
    style.note(figure, repeats_note(row.score for row in everything))
    return figure


def _draw_lines(axes: Axes, rows: Sequence[CountRow], of: str, looks: Mapping[str, style.Look]) -> None:
    """Draw a line per pattern against the rank of the number of carriers, shifted so that intervals do not hide each other."""
    counts = sorted({row.carriers for row in rows})
    for position, (pattern, look) in enumerate(looks.items()):
        mine = [row for row in rows if row.pattern == pattern]
        shift = 0.06 * (position - (len(looks) - 1) / 2)
        style.barred_line(axes, [counts.index(row.carriers) + shift for row in mine], [getattr(row, of) for row in mine], look)
    axes.set_xticks(range(len(counts)), [str(count) for count in counts])
    axes.set_xlim(-0.4, max(len(counts) - 0.6, 0.4))


def findings(rows: Sequence[CountRow]) -> list[str]:
    """Return a sentence for every pattern: the fewest carriers with which it is learned in all repeats, and the score with the most."""
    found = []
    for pattern in dict.fromkeys(row.pattern for row in rows):
        line = [row for row in rows if row.pattern == pattern]
        last = line[-1]
        if not last.score.n:
            found.append(f"{pattern}: no spurious score was measured.")
            continue
        learned = next((row for row in line if row.carriers and row.significant == row.score.n > 0), None)
        text = f"{pattern}: with {rare.counted(line[0].carriers)} the spurious score is {percent(line[0].score)}"
        text += f", with {last.carriers} it is {percent(last.score)}" if last is not line[0] else ""
        text += f" (paired difference {points(last.difference)})" if last.difference.n else ""
        if learned is not None:
            verb = "is" if learned.carriers == 1 else "are"
            text += f"; {rare.counted(learned.carriers)} {verb} the fewest with which it is larger than without any in every repeat"
            text += " (Welch, p < 0.05)"
        elif len(line) > 1:
            text += "; with no number of carriers is it larger than without any in every repeat (Welch, p < 0.05)"
        found.append(f"{text}.")
    accuracies = [100 * row.accuracy.mean for row in rows if row.accuracy.n]
    if accuracies:
        found.append(f"Clean accuracy is between {np.min(accuracies):.1f}% and {np.max(accuracies):.1f}% throughout.")
    return found

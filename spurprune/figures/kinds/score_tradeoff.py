"""What a change of the recipe does to the spurious score, and what it costs in clean accuracy (Yang, Chou and Chaudhuri 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import rare, style
from spurprune.figures.base import Drawing, Material, SettingInfo, Spec, repeats_note
from spurprune.figures.kind import METHODS, TEXT, Configuration, Item, Kind, Study
from spurprune.figures.words import percent, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHANGES = {"weight_decay": "Weight decay", "value": "Gradients clipped at", "input_noise": "Noise on training images (s.d.)"}
WITHOUT = "off"  # the tick of the baseline
HEIGHT = 2.3  # inches of a row of panels


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for settings that do not measure the spurious score."""
    baseline = [item["baseline"]] if "baseline" in item else []
    rare.require_scores(key, [*config.family(item["family"]), *baseline], config)


KIND = Kind(
    "Spurious score against clean accuracy over a change of the recipe (Yang, Chou and Chaudhuri 2022).",
    reads=("metrics",),
    required={"family": TEXT},
    optional={"baseline": TEXT, **METHODS},
    needs=("probe", "carriers"),
    sweeps=tuple(CHANGES),
    check=check,
)


@dataclass(frozen=True)
class ChangeRow:
    """The score and clean accuracy, shares in [0, 1], with the recipe's ``key`` at a value, None for the baseline.

    ``sem`` is the score's standard error over repeats; ``difference`` the score's paired difference from the first row of the method.
    """

    setting: str
    method: str
    key: str
    at: float | None
    score: Estimate
    sem: float
    accuracy: Estimate
    difference: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw for every method the score and the accuracy over the change, and the score against the accuracy."""
    rows = {method: rows_of(material, spec, method) for method in spec.methods}
    found = [sentence for method, of_method in rows.items() for sentence in spec.findings_of(findings(of_method, spec, method), method)]
    return Drawing([row for of_method in rows.values() for row in of_method], draw(rows, spec), found)


def rows_of(material: Material, spec: Spec, method: str) -> list[ChangeRow]:
    """Return the baseline, if any, then a row for every member of the family, the mildest change first."""
    key = next(word for word in CHANGES if rare.place_of(spec.settings[spec.family[0]], word) is not None)
    members: list[tuple[float | None, str]] = [(_at(spec.settings[name], key), name) for name in spec.family]
    members.sort(key=lambda one: one[0] or 0.0, reverse=key == "value")  # a lower bound on gradients is the stronger change
    if "baseline" in spec.options:
        members.insert(0, (None, str(spec.options["baseline"])))
    first = material.unpruned(rare.SCORE, members[0][1], method)
    rows: list[ChangeRow] = []
    for at, name in members:
        score = material.unpruned(rare.SCORE, name, method)
        difference = difference_of(score, first) if rows else UNKNOWN
        accuracy = mean_of(material.unpruned("accuracy", name, method))
        rows.append(ChangeRow(name, method, key, at, mean_of(score), rare.sem(score), accuracy, difference))
    return rows


def _at(info: SettingInfo, key: str) -> float:
    return float(rare.place_of(info, key) or 0.0)


def draw(rows: Mapping[str, Sequence[ChangeRow]], spec: Spec) -> Figure:
    """Draw a row of three panels for every method: score, accuracy, and the one against the other."""
    figure, places = style.strips(style.PAGE, HEIGHT, list(rows))
    letters = style.letters()
    for method, line in rows.items():
        info = spec.settings[line[-1].setting]
        panels = places[method].subplots(1, 3, squeeze=False)[0]
        ticks = [WITHOUT if row.at is None else f"{row.at:g}" for row in line]
        for axes, of, label, look in (
            (panels[0], "score", rare.SCORE_AXIS, style.MISCLASSIFIED),
            (panels[1], "accuracy", rare.ACCURACY_AXIS, style.CORRECT),
        ):
            shares = [getattr(row, of) for row in line]
            style.line(axes, range(len(line)), shares, look)
            axes.set_xticks(range(len(line)), ticks, rotation=45 if len(ticks) > 5 else 0)
            axes.set_xlabel(CHANGES[line[0].key])
            axes.set_ylabel(label)
            style.fit_percent(axes, shares, from_zero=of == "score")
            style.say_if_empty(axes, shares)
        _draw_tradeoff(panels[2], line, ticks)
        title = spec.titled(info.description, method)
        for axes in panels:
            style.panel_title(axes, next(letters), title if axes is panels[0] else "", style.PAGE if axes is panels[0] else style.PAGE / 3)
    style.note(figure, repeats_note(row.score for line in rows.values() for row in line))
    return figure


def _draw_tradeoff(axes: Axes, line: Sequence[ChangeRow], ticks: Sequence[str]) -> None:
    """Draw the score against the accuracy, each point with its value of the change."""
    measured = [(row, tick) for row, tick in zip(line, ticks, strict=True) if row.score.n and row.accuracy.n]
    look = style.MISCLASSIFIED
    x, y = ([100 * getattr(row, of).mean for row, _ in measured] for of in ("accuracy", "score"))
    axes.plot(x, y, color=look.colour, marker=look.marker, linestyle=":")
    for (_, tick), place in zip(measured, zip(x, y, strict=True), strict=True):
        axes.annotate(tick, place, xytext=(3, 3), textcoords="offset points", fontsize=6)
    style.say_if_empty(axes, [row.score for row, _ in measured])
    axes.set_xlabel(rare.ACCURACY_AXIS)
    axes.set_ylabel(rare.SCORE_AXIS)
    style.fit_percent(axes, [row.score for row, _ in measured], from_zero=True)


def findings(line: Sequence[ChangeRow], spec: Spec, method: str) -> list[str]:
    """Return a sentence on the score at first, and one on the lowest score."""
    info = spec.settings[line[-1].setting]
    measured = [row for row in line if row.score.n]
    if not measured:
        return [f"{info.description}: no spurious score was measured."]

    def where(row: ChangeRow) -> str:
        return "without the change" if row.at is None else f"{CHANGES[row.key].lower()} {row.at:g}"

    first, lowest = measured[0], min(measured, key=lambda row: row.score.mean)
    text = (
        f"{info.description}: {where(first)}, the spurious score is {percent(first.score)} at a clean accuracy of {percent(first.accuracy)}"
    )
    if lowest is not first:
        text += f"; it is lowest, {percent(lowest.score)} (paired difference {points(lowest.difference)}), at {where(lowest)}, where clean "
        text += f"accuracy is {percent(lowest.accuracy)}"
    return [f"{text}."]

"""Can rare patterns be undone? The spurious score before and after what deletes the carriers (Yang, Chou and Chaudhuri 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spurprune.config import methods
from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import rare, style
from spurprune.figures.base import Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import METHODS, NAMES, Configuration, Item, Kind, Runs, Study
from spurprune.figures.words import percent, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, ABOVE = 0.19, 0.75  # inches of a method, and of a panel's title and axis
PANELS = (("score", rare.SCORE_AXIS, style.MISCLASSIFIED), ("accuracy", rare.ACCURACY_AXIS, style.CORRECT))


def own_plans(item: Item, study: Study, config: Configuration) -> dict[str, str]:
    """Return the plan of every method, its own."""
    return {name: methods.plan_of(name, config.methods[name]) for name in item.get("methods", study["methods"]) if name in config.methods}


def runs_of(item: Item, study: Study, config: Configuration) -> Runs:
    """Return every method's run on its own plan."""
    plans = own_plans(item, study, config)
    return [(setting, *run, block) for setting in item["settings"] for run in plans.items() for block in study["blocks"]]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for settings that do not measure the spurious score."""
    rare.require_scores(key, [name for name in item["settings"] if name in config.settings], config)


KIND = Kind(
    "Spurious score and accuracy before and after methods that delete the carriers; the first method's network is the one before.",
    reads=("metrics",),
    required={"settings": NAMES},
    optional=METHODS,
    needs=("probe", "carriers"),
    runs_of=runs_of,
    check=check,
    described=lambda item, study, config: {"plans": own_plans(item, study, config)},
)


@dataclass(frozen=True)
class ForgettingRow:
    """The score and clean accuracy of one method, shares in [0, 1].

    ``sem`` is the score's standard error over repeats; ``difference`` is its paired difference from the first method, the network before,
    and ``difference_accuracy`` the accuracy's.
    """

    setting: str
    method: str
    plan: str
    score: Estimate
    sem: float
    accuracy: Estimate
    difference: Estimate
    difference_accuracy: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw for every setting the score and the accuracy of all methods."""
    rows = {name: rows_of(material, spec, name) for name in spec.settings}
    found = [sentence for name, mine in rows.items() for sentence in findings(mine, rare.named(spec.settings[name]))]
    return Drawing([row for mine in rows.values() for row in mine], draw(rows, spec), found)


def rows_of(material: Material, spec: Spec, setting: str) -> list[ForgettingRow]:
    """Return a row for every method, in order."""
    plans: Mapping[str, str] = spec.options["plans"]
    scores, accuracies = (
        [material.metrics.values(metric, setting=setting, method=name, plan=plans[name]) for name in spec.methods]
        for metric in (rare.SCORE, "accuracy")
    )
    return [
        ForgettingRow(
            setting,
            name,
            plans[name],
            mean_of(score),
            rare.sem(score),
            mean_of(accuracy),
            UNKNOWN if score is scores[0] else difference_of(score, scores[0]),
            UNKNOWN if accuracy is accuracies[0] else difference_of(accuracy, accuracies[0]),
        )
        for name, score, accuracy in zip(spec.methods, scores, accuracies, strict=True)
    ]


def draw(rows: Mapping[str, Sequence[ForgettingRow]], spec: Spec) -> Figure:
    """Draw a row of two panels for every setting: the methods from top to bottom, score and accuracy from left to right."""
    figure, places = style.strips(style.PAGE, ROW * len(spec.methods) + ABOVE, list(rows))
    letters = style.letters()
    apart = style.shortened_apart(spec.methods)
    for name, mine in rows.items():
        panels = places[name].subplots(1, len(PANELS), squeeze=False, sharey=True)[0]
        for axes, (of, label, look) in zip(panels, PANELS, strict=True):
            _draw_values(axes, [getattr(row, of) for row in mine], look)
            axes.set_xlabel(label)
            style.panel_title(axes, next(letters), rare.named(spec.settings[name]) if axes is panels[0] else "", style.PAGE / 2)
        panels[0].set_yticks(range(len(mine)), [apart[row.method] for row in mine])
        panels[0].set_ylim(len(mine) - 0.5, -0.5)
    style.note(figure, repeats_note(row.score for mine in rows.values() for row in mine))
    return figure


def _draw_values(axes: Axes, shares: Sequence[Estimate], look: style.Look) -> None:
    """Draw a share per method with its interval, and the first, that of the network before, as a line, too."""
    for place, share in enumerate(shares):
        if share.n:
            across = style.whiskers(share)
            axes.errorbar(100 * share.mean, place, xerr=across, color=look.colour, marker=look.marker, elinewidth=1, capsize=2)
    if shares and shares[0].n:
        axes.axvline(100 * shares[0].mean, color=style.NOTE_COLOUR, linewidth=0.8, linestyle=":")
    axes.grid(axis="y", visible=False)
    style.say_if_empty(axes, shares)


def findings(rows: Sequence[ForgettingRow], description: str) -> list[str]:
    """Return a sentence on the score before, and one on every method's score after."""
    before, *after = rows
    if not before.score.n:
        return [f"{description}: no spurious score was measured."]
    found = [f"{description}: before, the spurious score is {percent(before.score)} at a clean accuracy of {percent(before.accuracy)}."]
    found += [
        f"{description}: after {row.method} it is {percent(row.score)} (paired difference {points(row.difference)}), at a clean accuracy "
        f"of {percent(row.accuracy)}."
        for row in after
        if row.score.n
    ]
    return found

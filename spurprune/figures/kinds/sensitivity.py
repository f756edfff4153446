"""How much of an image networks need: the true class's probability as pixels are removed (Yang, Chou and Chaudhuri 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.figures import looks, style
from spurprune.figures.base import Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import NAMES, TEXT, Configuration, Item, Kind, Study
from spurprune.figures.words import percent

SENSITIVITY = "sensitivity"  # the kind of the analyses shown
HEIGHT = 2.7  # inches
HALF = 0.5  # of the pixels removed: what the findings say
LOOKS = (style.OTHERS, *style.STRENGTHS, style.CARRIERS)


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for a setting without the analysis."""
    looks.require(key, item, item["settings"], SENSITIVITY, config)


KIND = Kind(
    "Mean probability of the true class by share of removed pixels, a line for every setting (Yang, Chou and Chaudhuri 2022).",
    reads=("analyses",),
    required={"settings": NAMES, "analysis": TEXT},
    check=check,
    runs_of=lambda item, study, config: [],
    shown_analyses=looks.named,
)


@dataclass(frozen=True)
class SensitivityRow:
    """The mean probability of the true class once a share of the pixels, ``removed``, is 0; both in [0, 1]."""

    setting: str
    removed: float
    probability: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw a line for every setting."""
    rows = {name: rows_of(material, spec, name) for name in spec.settings}
    everything = [row for mine in rows.values() for row in mine]
    lines = {name: style.Look(look.colour, "", look.dashes) for name, look in style.looks_of(rows, LOOKS).items()}
    figure = style.new_figure(style.COLUMN, HEIGHT)
    axes = figure.subplots()
    for name, mine in rows.items():
        style.line(axes, [100 * row.removed for row in mine], [row.probability for row in mine], lines[name])
    axes.set_xlabel("Pixels removed (%)")
    axes.set_ylabel("Probability of the true class (%)")
    axes.set_ylim(-4, 104)
    style.say_if_empty(axes, [row.probability for row in everything])
    style.legend(figure, {spec.settings[name].description: look for name, look in lines.items()}, columns=1)
    style.note(figure, repeats_note(row.probability for row in everything))
    return Drawing(everything, figure, findings(list(rows.values()), spec))


def rows_of(material: Material, spec: Spec, setting: str) -> list[SensitivityRow]:
    """Return a row for every share of removed pixels, ascending."""
    found = material.analyses.get((setting, spec.options["analysis"]), {})
    by_share: dict[float, list[float]] = {}
    for one in found.values():
        for removed, probability in zip(one.columns["removed"].tolist(), one.columns["probability"].tolist(), strict=True):
            by_share.setdefault(removed, []).append(probability)
    return [SensitivityRow(setting, removed, estimate(np.array(values))) for removed, values in sorted(by_share.items())]


def findings(lines: Sequence[Sequence[SensitivityRow]], spec: Spec) -> list[str]:
    """Return a sentence for every setting on the probability with all pixels and with half of them."""
    found = []
    for line in lines:
        half = min(line, key=lambda row: abs(row.removed - HALF), default=None)
        if half is not None and half.probability.n:
            found.append(
                f"{spec.settings[half.setting].description}: the true class has a probability of {percent(line[0].probability)}, and of "
                f"{percent(half.probability)} once {100 * half.removed:.0f}% of the pixels are removed."
            )
    return found or ["No probability was measured."]

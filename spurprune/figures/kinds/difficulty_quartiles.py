"""The distribution of carriers over the quartiles of their class by difficulty (the paper's Fig. 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spurprune.evaluation.series import mean_of
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.figures import style
from spurprune.figures.base import MISCLASSIFICATION, Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import METHODS, NAMES, TEXT, Kind, own_score
from spurprune.figures.spectrum import Spectrum, spectra
from spurprune.figures.words import misclassified, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    "The distribution of carriers over quartiles of difficulty (the paper's Fig. 5).",
    reads=("metrics", "samples", "difficulty", "manifests"),
    required={"settings": NAMES},
    optional={"score": TEXT, **METHODS},
    needs=("probe", "carriers"),
    scores=own_score,
)

QUARTILES = 4
EASIER_HALF = "1-2"
CHANCE = style.REFERENCES[0]
QUARTILE_NAMES = ("1st\n(easiest)", "2nd", "3rd", "4th\n(hardest)")


@dataclass(frozen=True)
class QuartileRow:
    """The share of a setting's carriers in some quartiles of the source class's difficulty, in [0, 1].

    ``quartiles`` is "1" (easiest) to "4", or "1-2" for the easier half. ``largest_share`` is the largest possible share, below 1 if there
    are more carriers than places. ``misclassification`` is the setting's by one method without pruning; everything else is the same for all
    methods.
    """

    setting: str
    method: str
    quartiles: str
    carriers_share: Estimate
    largest_share: Estimate
    misclassification: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw the share of carriers in every quartile, with the chance level, in one panel per setting."""
    rows = [row for name in spec.settings for row in quartile_rows(material, spec, name)]
    return Drawing(rows, draw(rows, spec), findings(rows, spec))


def quartile_rows(material: Material, spec: Spec, setting: str) -> list[QuartileRow]:
    """Return a setting's rows, for each method: the quartiles from the easiest on, then the easier half."""
    found = spectra(material, spec.settings[setting], setting)
    shares, places = (np.array([of(one) for one in found.values()]) for of in (quartile_shares, places_by_quartile))
    parts = {str(quartile + 1): slice(quartile, quartile + 1) for quartile in range(QUARTILES)} | {EASIER_HALF: slice(0, QUARTILES // 2)}
    return [
        QuartileRow(
            setting,
            method,
            name,
            estimate(shares[:, part].sum(axis=1)),
            estimate(np.minimum(places[:, part].sum(axis=1), 1)),
            mean_of(material.unpruned(MISCLASSIFICATION, setting, method)),
        )
        for method in spec.methods
        for name, part in parts.items()
    ]


def quartile_shares(spectrum: Spectrum) -> np.ndarray:
    """Return the share of carriers in each quartile of the class's n samples by rank, float64 [4], easiest first; NaN without carriers.

    Rank r is in quartile ⌊4r / n⌋, both counted from 0.
    """
    ranks = np.flatnonzero(spectrum.is_carrier)
    if not len(ranks):
        return np.full(QUARTILES, np.nan)
    counts = np.bincount(QUARTILES * ranks // len(spectrum.is_carrier), minlength=QUARTILES)
    return np.asarray(counts / len(ranks))


def places_by_quartile(spectrum: Spectrum) -> np.ndarray:
    """Return each quartile's number of samples divided by the number of carriers, float64 [4]; NaN without carriers."""
    carriers = int(spectrum.is_carrier.sum())
    if not carriers:
        return np.full(QUARTILES, np.nan)
    n = len(spectrum.is_carrier)
    return np.asarray(np.bincount(QUARTILES * np.arange(n) // n, minlength=QUARTILES) / carriers)


def draw(rows: Sequence[QuartileRow], spec: Spec) -> Figure:
    """Draw one panel of bars per setting, two side by side, all on one scale."""
    columns, lines = min(2, len(spec.settings)), math.ceil(len(spec.settings) / 2)
    figure = style.new_figure(style.COLUMN * columns, 1.9 * lines + 0.5)
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    panels = list(grid.flat)
    bars = [row for row in rows if row.quartiles != EASIER_HALF and row.method == spec.methods[0]]
    for letter, axes, (name, info) in zip(style.letters(), panels, spec.settings.items(), strict=False):
        mine = [row for row in bars if row.setting == name]
        style.bars(axes, QUARTILE_NAMES, [row.carriers_share for row in mine], style.CARRIERS)
        style.level(axes, 1 / QUARTILES, CHANCE)
        axes.set_xlabel(style.label("Difficulty quartile of class {source}", source=info.source))
        halves = [row for row in rows if row.setting == name and row.quartiles == EASIER_HALF]
        misclassified = ", ".join(spec.titled(percent(row.misclassification), row.method) for row in halves)
        style.panel_title(axes, letter, f"{info.description}\nmisclassified without pruning: {misclassified}", style.COLUMN)
    for axes in grid[:, 0]:
        axes.set_ylabel("Carriers (%)")
    for axes in panels[len(spec.settings) :]:
        axes.remove()
    style.fit_percent(panels[0], [row.carriers_share for row in bars], from_zero=True)
    style.legend(figure, {f"chance level ({100 / QUARTILES:g}%)": CHANCE})
    style.note(figure, repeats_note(row.carriers_share for row in bars))
    return figure


def findings(rows: Sequence[QuartileRow], spec: Spec) -> list[str]:
    """Return sentences on every setting's carriers by quartile, and on its misclassification without pruning by every method."""
    found = []
    for name, info in spec.settings.items():
        halves = [row for row in rows if row.setting == name and row.quartiles == EASIER_HALF]
        half = halves[0]
        quartiles = [row for row in rows if (row.setting, row.method) == (name, half.method) and row is not half]
        shares = ", ".join(spec.titled(percent(row.misclassification), row.method) for row in halves)
        without = f"Without pruning, {shares} of the test samples of {info.tested} {info.shown} are misclassified as class {info.source}."
        if not any(row.misclassification.n for row in halves):
            without = f"Without pruning, {misclassified(half.misclassification, info)}."
        if not half.carriers_share.n:
            found.append(f"{info.description}: no training sample of class {info.source} is known to carry the feature. {without}")
            continue
        largest = half.largest_share.mean
        at_most = f"; at most {100 * largest:.1f}%, since most of the class are carriers" if largest < 1 else ""
        by_quartile = ", ".join(f"{100 * row.carriers_share.mean:.0f}%" for row in quartiles)
        found.append(
            f"{info.description}: from easiest to hardest, the quartiles hold {by_quartile} of the carriers, and the easier half holds "
            f"{percent(half.carriers_share)} (50% by chance{at_most}). {without}"
        )
    return found

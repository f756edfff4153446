"""Where carriers lie in their class's range of difficulty, by quartile (the paper's Fig. 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spurprune.evaluation.series import mean_of
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.figures import style
from spurprune.figures.base import Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import METHODS, NAMES, TEXT, Kind, own_score
from spurprune.figures.spectrum import Spectrum, spectra
from spurprune.figures.words import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KIND = Kind(
    "Carriers by quartile of difficulty (the paper's Fig. 5).",
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
MISCLASSIFICATION = "spurious_misclassification"


@dataclass(frozen=True)
class QuartileRow:
    """The share of a setting's carriers in some quartiles of the source class's difficulty, in [0, 1].

    ``quartiles`` is "1" (easiest) to "4", or "1-2" for the easier half. ``largest_share`` is what could lie there at most: less than
    all where there are more carriers than places. ``misclassification`` is the setting's own by one method, without pruning; the rest is
    the same for all methods.
    """

    setting: str
    method: str
    quartiles: str
    carriers_share: Estimate
    largest_share: Estimate
    misclassification: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw the share of carriers in every quartile, one panel for each setting, with the chance level."""
    rows = [row for name in spec.settings for row in quartile_rows(material, spec, name)]
    return Drawing(rows, draw(rows, spec), findings(rows, spec))


def quartile_rows(material: Material, spec: Spec, setting: str) -> list[QuartileRow]:
    """Return a setting's rows, for each method its quartiles from the easiest, then the easier half."""
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
    """Return the share of the carriers in each quartile of the class's n samples by rank, float64 [4], easiest first; NaN without carriers.

    The rank r (from 0) lies in the quartile ⌊4r / n⌋ (from 0).
    """
    ranks = np.flatnonzero(spectrum.is_carrier)
    if not len(ranks):
        return np.full(QUARTILES, np.nan)
    counts = np.bincount(QUARTILES * ranks // len(spectrum.is_carrier), minlength=QUARTILES)
    return np.asarray(counts / len(ranks))


def places_by_quartile(spectrum: Spectrum) -> np.ndarray:
    """Return how many samples of the class lie in each quartile, in units of its carriers, float64 [4]; NaN without carriers."""
    carriers = int(spectrum.is_carrier.sum())
    if not carriers:
        return np.full(QUARTILES, np.nan)
    n = len(spectrum.is_carrier)
    return np.asarray(np.bincount(QUARTILES * np.arange(n) // n, minlength=QUARTILES) / carriers)


def draw(rows: Sequence[QuartileRow], spec: Spec) -> Figure:
    """Draw one panel of bars for each setting, two side by side, all on one scale."""
    columns, lines = min(2, len(spec.settings)), math.ceil(len(spec.settings) / 2)
    figure = style.new_figure(style.COLUMN * columns, 1.9 * lines + 0.5)
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    panels = list(grid.flat)
    bars = [row for row in rows if row.quartiles != EASIER_HALF and row.method == spec.methods[0]]
    for letter, axes, (name, info) in zip(style.letters(), panels, spec.settings.items(), strict=False):
        mine = [row for row in bars if row.setting == name]
        style.bars(axes, QUARTILE_NAMES, [row.carriers_share for row in mine], style.CARRIERS)
        style.level(axes, 1 / QUARTILES, CHANCE)
        axes.set_xlabel(f"Difficulty quartile of class {info.source}")
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
    """Return for every setting where its carriers lie, beside its misclassification without pruning by every method."""
    found = []
    for name, info in spec.settings.items():
        halves = [row for row in rows if row.setting == name and row.quartiles == EASIER_HALF]
        half = halves[0]
        quartiles = [row for row in rows if (row.setting, row.method) == (name, half.method) and row is not half]
        taken = ", ".join(spec.titled(percent(row.misclassification), row.method) for row in halves)
        without = f"Without pruning, {taken} of the test samples of {info.tested} {info.shown} are taken for class {info.source}."
        if not half.carriers_share.n:
            found.append(f"{info.description}: no training sample of class {info.source} is known to carry the feature. {without}")
            continue
        largest = half.largest_share.mean
        at_most = f", {100 * largest:.1f}% at most, as most of the class are carriers" if largest < 1 else ""
        shares = ", ".join(f"{100 * row.carriers_share.mean:.0f}%" for row in quartiles)
        found.append(
            f"{info.description}: from the easiest to the hardest quartile lie {shares} of the carriers, {percent(half.carriers_share)} in "
            f"the easier half (50% by chance{at_most}). {without}"
        )
    return found

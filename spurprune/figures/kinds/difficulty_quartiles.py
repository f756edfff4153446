"""Where carriers lie in their class's range of difficulty, by quartile (the paper's Fig. 5)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style
from spurprune.figures.base import Drawing, Material, MetricKey, Spec, mean_of, repeats_note
from spurprune.figures.spectrum import Spectrum, spectra
from spurprune.figures.words import percent

QUARTILES = 4
EASIER_HALF = "1-2"
CHANCE = style.REFERENCES[0]
NAMES = ("1st\n(easiest)", "2nd", "3rd", "4th\n(hardest)")
MISCLASSIFICATION = "spurious_misclassification"


@dataclass(frozen=True)
class QuartileRow:
    """The share of a setting's carriers in some quartiles of the source class's difficulty, in [0, 1].

    ``quartiles`` is "1" (easiest) to "4", or "1-2" for the easier half. ``largest_share`` is what could lie there at most: less than
    all where there are more carriers than places. ``misclassification`` is the setting's own, without pruning.
    """

    setting: str
    quartiles: str
    carriers_share: Estimate
    largest_share: Estimate
    misclassification: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw the share of carriers in every quartile, one panel a setting, with the chance level."""
    rows = [row for name in spec.settings for row in quartile_rows(material, spec, name)]
    return Drawing(rows, draw(rows, spec), findings(rows, spec))


def quartile_rows(material: Material, spec: Spec, setting: str) -> list[QuartileRow]:
    """Return a setting's rows: its quartiles from the easiest, then the easier half."""
    misclassification = mean_of(material.metrics.get(MetricKey(setting, "none", MISCLASSIFICATION), {}))
    found = spectra(material, spec.settings[setting], setting)
    shares, largest = ({repeat: of(one) for repeat, one in found.items()} for of in (quartile_shares, places_by_quartile))
    parts = {str(quartile + 1): slice(quartile, quartile + 1) for quartile in range(QUARTILES)} | {EASIER_HALF: slice(0, QUARTILES // 2)}
    return [
        QuartileRow(
            setting,
            name,
            mean_of({repeat: float(one[part].sum()) for repeat, one in shares.items()}),
            mean_of({repeat: float(np.minimum(one[part].sum(), 1)) for repeat, one in largest.items()}),
            misclassification,
        )
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
    """Draw one panel of bars a setting, two side by side, all on one scale."""
    columns, lines = min(2, len(spec.settings)), math.ceil(len(spec.settings) / 2)
    figure = Figure(figsize=(style.COLUMN * columns, 1.9 * lines + 0.5))
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    panels = list(grid.flat)
    bars = [row for row in rows if row.quartiles != EASIER_HALF]
    for letter, axes, (name, info) in zip(style.LETTERS, panels, spec.settings.items(), strict=False):
        mine = [row for row in bars if row.setting == name]
        style.bars(axes, NAMES, [row.carriers_share for row in mine], style.CARRIERS)
        style.level(axes, 1 / QUARTILES, CHANCE)
        axes.set_xlabel(f"Difficulty quartile of class {info.source_class}")
        title = f"{info.description}\nmisclassified without pruning: {percent(mine[0].misclassification)}"
        style.panel_title(axes, letter, title, style.COLUMN)
    for axes in grid[:, 0]:
        axes.set_ylabel("Carriers (%)")
    for axes in panels[len(spec.settings) :]:
        axes.remove()
    style.fit_percent(panels[0], [row.carriers_share for row in bars], from_zero=True)
    style.legend(figure, {f"chance level ({100 / QUARTILES:g}%)": CHANCE})
    style.note(figure, repeats_note(row.carriers_share for row in bars))
    return figure


def findings(rows: Sequence[QuartileRow], spec: Spec) -> list[str]:
    """Return for every setting where its carriers lie, beside its misclassification without pruning."""
    told = []
    for name, info in spec.settings.items():
        *quartiles, half = (row for row in rows if row.setting == name)
        without = (
            f"Without pruning, {percent(half.misclassification)} of the test samples of class {info.target_class} with the "
            f"{info.attribute} are taken for class {info.source_class}."
        )
        if not half.carriers_share.n:
            told.append(f"{info.description}: no training sample of class {info.source_class} is known to carry the feature. {without}")
            continue
        largest = half.largest_share.mean
        at_most = f", {100 * largest:.1f}% at most, as most of the class are carriers" if largest < 1 else ""
        shares = ", ".join(f"{100 * row.carriers_share.mean:.0f}%" for row in quartiles)
        told.append(
            f"{info.description}: from the easiest to the hardest quartile lie {shares} of the carriers, {percent(half.carriers_share)} in "
            f"the easier half (50% by chance{at_most}). {without}"
        )
    return told

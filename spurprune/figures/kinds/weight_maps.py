"""Where first layers look: the largest weight of any unit on each pixel, beside the pattern (Yang, Chou and Chaudhuri 2022)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spurprune.evaluation.series import UNKNOWN
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.figures import looks, rare, style
from spurprune.figures.base import Drawing, Material, Spec
from spurprune.figures.kind import NAMES, TEXT, Configuration, Item, Kind, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spurprune.data.analysis import Found

WEIGHT_MAP = "weight_map"  # the kind of the analyses shown
COLUMNS = 4  # panels in a row


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for a setting without the analysis."""
    looks.require(key, item, item["settings"], WEIGHT_MAP, config)


KIND = Kind(
    "The largest first-layer weight of any unit on each pixel, a map for every setting (Yang, Chou and Chaudhuri 2022).",
    reads=("analyses",),
    required={"settings": NAMES, "analysis": TEXT},
    needs=("carriers",),
    check=check,
    runs_of=lambda item, study, config: [],
    shown_analyses=looks.named,
)


@dataclass(frozen=True)
class MapRow:
    """How a setting's maps go with its pattern: Pearson's ``correlation`` over pixels, in [-1, 1], and mean weights over repeats.

    ``on_pattern`` is the mean over pixels that the pattern changes by more than its mean, ``elsewhere`` that over the others; NaN without
    such pixels.
    """

    setting: str
    pattern: str
    correlation: Estimate
    on_pattern: float
    elsewhere: float


def make(material: Material, spec: Spec) -> Drawing:
    """Draw the first repeat's map of every setting, all on one scale."""
    found = {name: material.analyses.get((name, spec.options["analysis"]), {}) for name in spec.settings}
    rows = [row_of(name, spec, list(by_repeat.values())) for name, by_repeat in found.items()]
    maps = {name: map_of(by_repeat[min(by_repeat)]) for name, by_repeat in found.items() if by_repeat}
    figure = draw(maps, spec)
    repeats = sorted({min(by_repeat) for by_repeat in found.values() if by_repeat})
    style.note(figure, f"repeat {', '.join(map(str, repeats))}" if repeats else "nothing measured")
    return Drawing(rows, figure, findings(rows, spec))


def row_of(setting: str, spec: Spec, found: Sequence[Found]) -> MapRow:
    """Return a setting's row over all repeats."""
    correlations, inside, outside = [], [], []
    for one in found:
        weight, feature = (one.columns[name].astype(np.float64) for name in ("weight", "feature"))
        strong = feature > feature.mean()
        if strong.any():
            inside.append(weight[strong].mean())
        outside.append(weight[~strong].mean())
        if np.ptp(feature) > 0 and np.ptp(weight) > 0:
            correlations.append(np.corrcoef(weight, feature)[0, 1])
    correlation = estimate(np.array(correlations)) if correlations else UNKNOWN
    on, off = (float(np.mean(values)) if values else math.nan for values in (inside, outside))
    return MapRow(setting, rare.pattern_of(spec.settings[setting]), correlation, on, off)


def map_of(found: Found) -> np.ndarray:
    """Return one repeat's map, float64 [H, W]; of several channels, the largest weight."""
    channel, row, column = (found.columns[name].astype(np.int64) for name in ("channel", "row", "column"))
    shown = np.full((channel.max() + 1, row.max() + 1, column.max() + 1), math.nan)
    shown[channel, row, column] = found.columns["weight"]
    largest: np.ndarray = shown.max(axis=0)
    return largest


def draw(maps: Mapping[str, np.ndarray], spec: Spec) -> Figure:
    """Draw all maps on one scale."""
    rows, columns = max(1, math.ceil(len(maps) / COLUMNS)), max(1, min(COLUMNS, len(maps)))
    figure = style.new_figure(style.PAGE * (columns + 0.5) / (COLUMNS + 0.5), 2.1 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    letters = style.letters()
    for axes in grid.flat:
        axes.set_axis_off()
    if not maps:
        style.message(grid[0, 0], "nothing measured")
        return figure
    low, high = (pick(float(pick(shown.flat)) for shown in maps.values()) for pick in (min, max))
    images = [
        axes.imshow(shown, vmin=low, vmax=high, cmap="cividis", interpolation="nearest")
        for axes, shown in zip(grid.flat, maps.values(), strict=False)
    ]
    for axes, name in zip(grid.flat, maps, strict=False):
        style.panel_title(axes, next(letters), spec.settings[name].description, style.PAGE / (COLUMNS + 0.5) + 0.3)
    figure.colorbar(images[0], ax=grid, location="right", shrink=0.8, label="Largest weight of any unit")
    return figure


def findings(rows: Sequence[MapRow], spec: Spec) -> list[str]:
    """Return a sentence for every setting on the correlation between map and pattern, or on why there is none."""
    found = []
    for row in rows:
        description, one = spec.settings[row.setting].description, row.correlation
        if one.n:
            interval = "" if math.isnan(one.low) else f" [{one.low:.2f}, {one.high:.2f}]"
            text = f"correlate with r = {one.mean:.2f}{interval} over pixels".replace("-", "−")
            found.append(f"{description}: first-layer weights and {row.pattern} {text}.")
        elif not math.isnan(row.elsewhere):
            found.append(f"{description}: first-layer weights, or the overlay's changes, are the same at all pixels, so none correlate.")
    return found or ["No weights were measured."]

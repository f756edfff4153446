"""Whether patterns of larger norm are learned more (Yang, Chou and Chaudhuri 2022)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spurprune.data import patterns
from spurprune.errors import ConfigError
from spurprune.evaluation.series import mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import rare, style
from spurprune.figures.base import Drawing, Material, SettingInfo, Spec, repeats_note
from spurprune.figures.kind import METHODS, TEXT, Configuration, Item, Kind, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT = 2.6  # inches of a row
FEWEST = 3  # patterns for a correlation


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for settings without a pattern or the spurious score, and for a family that varies something else, too."""
    for setting in config.family(item["family"]):
        if config.settings[setting]["overlay"]["name"] != "pattern":
            raise ConfigError(f"{key}: '{setting}' lays no pattern over its carriers, so it has no norm; name another family.")
    rare.require_plain_grid(key, item["family"], config)
    rare.require_scores(key, config.family(item["family"]), config)


KIND = Kind(
    "Spurious score against the norm of the pattern, by number of carriers (Yang, Chou and Chaudhuri 2022).",
    reads=("metrics", "manifests"),
    required={"family": TEXT},
    optional=METHODS,
    needs=("probe", "carriers"),
    sweeps=("pattern",),
    several_lines=True,
    check=check,
)


@dataclass(frozen=True)
class NormRow:
    """The score of one pattern, a share in [0, 1], with its L2 ``norm`` for pixels in [0, 1], the mean over repeats.

    ``correlation`` is Pearson's between norm and mean score over the patterns with as many ``carriers``; NaN for fewer than three.
    """

    setting: str
    method: str
    pattern: str
    carriers: int | None
    norm: float
    score: Estimate
    sem: float
    correlation: float


def make(material: Material, spec: Spec) -> Drawing:
    """Draw the score of every pattern against its norm, a panel for every number of carriers above 0, a row for every method."""
    rows = {method: rows_of(material, spec, method) for method in spec.methods}
    found = [sentence for method, of_method in rows.items() for sentence in spec.findings_of(findings(of_method), method)]
    return Drawing([row for of_method in rows.values() for row in of_method], draw(rows, spec), found)


def rows_of(material: Material, spec: Spec, method: str) -> list[NormRow]:
    """Return a row for every pattern, by number of carriers, then by norm; settings without carriers are left out."""
    rows = []
    for name in spec.family:
        info, score = spec.settings[name], material.unpruned(rare.SCORE, name, method)
        count = rare.place_of(info, "count")
        if count != 0:
            norm = norm_of(info, material.manifests[info.dataset].shape, score.index.tolist())
            carriers = None if count is None else int(count)
            rows.append(NormRow(name, method, rare.pattern_of(info), carriers, norm, mean_of(score), rare.sem(score), math.nan))
    rows.sort(key=lambda row: (row.carriers or 0, row.norm))
    return [with_correlation(row, [one for one in rows if one.carriers == row.carriers]) for row in rows]


def norm_of(info: SettingInfo, shape: tuple[int, ...], repeats: Sequence[int]) -> float:
    """Return the norm of a setting's pattern on images of ``shape``, the mean over the ``repeats`` if each draws its own."""
    overlay = info.overlay or {}
    seeds = repeats if overlay.get("seed") is None else [overlay["seed"]]
    return float(np.mean([patterns.norm(overlay["pattern"], shape, seed) for seed in seeds or [0]]))


def with_correlation(row: NormRow, alike: Sequence[NormRow]) -> NormRow:
    """Return a row with the correlation over the rows of as many carriers."""
    measured = [one for one in alike if one.score.n]
    norms, scores = np.array([one.norm for one in measured]), np.array([one.score.mean for one in measured])
    if len(measured) < FEWEST or np.ptp(norms) == 0 or np.ptp(scores) == 0:
        return row
    return replace(row, correlation=float(np.corrcoef(norms, scores)[0, 1]))


def draw(rows: Mapping[str, Sequence[NormRow]], spec: Spec) -> Figure:
    """Draw a row of panels for every method, a panel for every number of carriers."""
    everything = [row for of_method in rows.values() for row in of_method]
    counts = list(dict.fromkeys(row.carriers for row in everything))
    figure, places = style.strips(style.PAGE if len(counts) > 1 else style.COLUMN, HEIGHT, list(rows))
    letters = style.letters()
    for method, of_method in rows.items():
        panels = places[method].subplots(1, max(1, len(counts)), squeeze=False, sharey=True)[0]
        for axes, count in zip(panels, counts, strict=False):
            alike = [row for row in of_method if row.carriers == count]
            for row in alike:
                style.point(axes, row.norm, row.score, rare.LOOKS.get(row.pattern, style.CARRIERS))
                if row.score.n:
                    axes.annotate(row.pattern, (row.norm, 100 * row.score.mean), xytext=(3, 3), textcoords="offset points", fontsize=6)
            style.say_if_empty(axes, [row.score for row in alike])
            axes.set_xlabel("Norm of the pattern (L2)")
            r = alike[0].correlation if alike else math.nan
            said = "" if math.isnan(r) else f"r = {r:.2f}".replace("-", "−")
            carriers = "" if count is None else rare.counted(count)
            style.panel_title(axes, next(letters), spec.titled(", ".join(filter(None, (carriers, said))), method), style.PAGE / len(counts))
        panels[0].set_ylabel(rare.SCORE_AXIS)
        style.fit_percent(panels[0], [row.score for row in everything], from_zero=True)
    style.note(figure, repeats_note(row.score for row in everything))
    return figure


def findings(rows: Sequence[NormRow]) -> list[str]:
    """Return a sentence for every number of carriers on the correlation between norm and score."""
    found = []
    for count in dict.fromkeys(row.carriers for row in rows):
        alike = [row for row in rows if row.carriers == count]
        which = "" if count is None else f"With {rare.counted(count)}: "
        r = alike[0].correlation
        said = "cannot be correlated" if math.isnan(r) else f"correlate with r = {r:.2f}".replace("-", "−")
        found.append(f"{which}the norms and spurious scores of {len(alike)} patterns {said} (Pearson, over patterns).")
    return found

"""Does data pruning prevent rare spurious correlations? Carriers among the hardest, and the spurious score once these are pruned.

This is not in Yang, Chou and Chaudhuri (2022), whose patterns these are, nor in Mulchandani and Kim (2025), whose pruning it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spurprune.evaluation.series import difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import rare, style
from spurprune.figures.base import Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import METHODS, NAMES, NO_PRUNING, SPARSITIES, TEXT, Configuration, Item, Kind, Study
from spurprune.figures.words import percent, points
from spurprune.pruning import plan as plans

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 1.95  # inches of a row of panels
ORDERS = ("hardest", plans.RANDOM)
PANELS = (("pruned_carriers", "Carriers pruned (%)", True), ("score", rare.SCORE_AXIS, True), ("accuracy", rare.ACCURACY_AXIS, False))


def plans_of(item: Item, study: Study) -> list[str]:
    """Return no pruning, and every sparsity hardest first and at random."""
    score = item.get("score", study["score"])
    return [
        NO_PRUNING,
        *(f"per_class-{score}-hardest-{sparsity}" for sparsity in item["sparsities"]),
        *(f"random-{sparsity}" for sparsity in item["sparsities"]),
    ]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for settings that do not measure the spurious score."""
    rare.require_scores(key, [name for name in item["settings"] if name in config.settings], config)


KIND = Kind(
    "Carriers of a rare pattern among the hardest samples of their class, and the spurious score once these are pruned.",
    reads=("metrics",),
    required={"settings": NAMES, "sparsities": SPARSITIES},
    optional={"score": TEXT, **METHODS},
    needs=("probe", "carriers"),
    plans=plans_of,
    check=check,
)


@dataclass(frozen=True)
class PruningRow:
    """What one plan does, shares in [0, 1]: of the carriers that it prunes, to the spurious score, to clean accuracy.

    ``order`` is hardest or random, empty without pruning; ``sparsity`` the pruned share of every class; ``difference`` the score's paired
    difference from no pruning.
    """

    setting: str
    method: str
    plan: str
    order: str
    sparsity: float
    pruned_carriers: Estimate
    score: Estimate
    sem: float
    accuracy: Estimate
    difference: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw for every setting and method the share of carriers pruned, the score and the accuracy by pruned share of every class."""
    rows = [row for name in spec.settings for method in spec.methods for row in rows_of(material, name, method)]
    return Drawing(rows, draw(rows, spec), findings(rows, spec))


def rows_of(material: Material, setting: str, method: str) -> list[PruningRow]:
    """Return a row for every plan of a setting's runs by one method: no pruning, then by order and sparsity."""
    metrics = material.metrics
    start = metrics.values(rare.SCORE, setting=setting, method=method, plan=NO_PRUNING)
    rows = []
    for name in metrics.plans(setting, method):
        plan = plans.parse(name)
        score = metrics.values(rare.SCORE, setting=setting, method=method, plan=name)
        order = "" if name == NO_PRUNING else plan.order or plans.RANDOM
        rows.append(
            PruningRow(
                setting,
                method,
                name,
                order,
                float(plan.sparsity or 0),
                mean_of(_carriers_pruned(material, setting, method, name)),
                mean_of(score),
                rare.sem(score),
                mean_of(metrics.values("accuracy", setting=setting, method=method, plan=name)),
                difference_of(score, start),
            )
        )
    return sorted(rows, key=lambda row: (row.order != "", row.order, row.sparsity))


def _carriers_pruned(material: Material, setting: str, method: str, plan: str) -> pd.Series:
    """Return the share of the carriers that a plan prunes, by repeat; NaN without carriers."""
    pruned, all_carriers = (
        material.metrics.values(f"{which}_samples", setting=setting, method=method, plan=plan, split="train")
        for which in ("pruned_carriers", "carriers")
    )
    return pruned / all_carriers.where(all_carriers > 0)


def draw(rows: Sequence[PruningRow], spec: Spec) -> Figure:
    """Draw one row of three panels per setting and method."""
    strips = list(dict.fromkeys((row.setting, row.method) for row in rows))
    figure = style.new_figure(style.PAGE, HEIGHT * len(strips) + 0.4)
    grid = figure.subplots(len(strips), len(PANELS), squeeze=False)
    letters = style.letters()
    for panels, (name, method) in zip(grid, strips, strict=True):
        mine = [row for row in rows if (row.setting, row.method) == (name, method)]
        title = spec.titled(spec.settings[name].description, method)
        for axes, (of, label, from_zero) in zip(panels, PANELS, strict=True):
            _draw_lines(axes, mine, of)
            axes.set_xlabel("Samples of every class pruned (%)")
            axes.set_ylabel(label)
            shares = [getattr(row, of) for row in mine]
            style.fit_percent(axes, shares, from_zero)
            style.say_if_empty(axes, shares)
            style.panel_title(axes, next(letters), title if axes is panels[0] else "", style.PAGE if axes is panels[0] else style.PAGE / 3)
    style.legend(figure, {f"{order} pruned": style.ORDERS[order] for order in ORDERS})
    style.note(figure, repeats_note(row.score for row in rows))
    return figure


def _draw_lines(axes: Axes, rows: Sequence[PruningRow], of: str) -> None:
    lines: Mapping[str, list[PruningRow]] = {order: [row for row in rows if row.order in ("", order)] for order in ORDERS}
    sparsities = sorted({100 * row.sparsity for row in rows})
    for order, line in lines.items():
        shift = 0.006 * sparsities[-1] * (1 if order == ORDERS[0] else -1)
        style.barred_line(axes, [100 * row.sparsity + shift for row in line], [getattr(row, of) for row in line], style.ORDERS[order])
    style.value_ticks(axes, sparsities)


def findings(rows: Sequence[PruningRow], spec: Spec) -> list[str]:
    """Return for every setting and method a sentence on the score without pruning, and one per order on its largest sparsity."""
    found = []
    for name, method in dict.fromkeys((row.setting, row.method) for row in rows):
        mine = [row for row in rows if (row.setting, row.method) == (name, method)]
        title = spec.titled(spec.settings[name].description, method)
        text = (
            f"{title}: without pruning, the spurious score is {percent(mine[0].score)} at a clean accuracy of {percent(mine[0].accuracy)}"
        )
        for order in ORDERS:
            line = [row for row in mine if row.order == order]
            which = "the hardest" if order == "hardest" else "a random"
            for row in dict.fromkeys((line[0], line[-1]) if line else ()):
                text += (
                    f"; pruning {which} {100 * row.sparsity:g}% of every class takes {percent(row.pruned_carriers)} of the carriers and "
                    f"leaves a score of {percent(row.score)} (paired difference {points(row.difference)})"
                )
        found.append(f"{text}.")
    return found

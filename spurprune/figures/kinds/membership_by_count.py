"""Do rare patterns leak who was trained on? Membership inference by number of carriers (Yang, Chou and Chaudhuri 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spurprune.evaluation.series import UNKNOWN
from spurprune.evaluation.statistics import Estimate, estimate, paired_difference
from spurprune.figures import looks, rare, style
from spurprune.figures.base import Drawing, Material, Spec, repeats_note
from spurprune.figures.kind import TEXT, Configuration, Item, Kind, Study
from spurprune.figures.words import percent, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spurprune.data.analysis import Found

MEMBERSHIP = "membership"  # the kind of the analyses shown
HEIGHT = 2.2  # inches of a row of panels
MEASURES = {
    "spurious": ("members with the pattern", style.CARRIERS),
    "control": ("other members of the class", style.OTHERS),
    "auc": ("AUC", style.MISCLASSIFIED),
    "balanced_accuracy": ("balanced accuracy", style.CORRECT),
}
PANELS = (("Taken for members (%)", ("spurious", "control")), ("Attack on all samples (%)", ("auc", "balanced_accuracy")))
CHANCE = 0.5


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for a family that varies something else, too, or that has not the analysis."""
    rare.require_plain_grid(key, item["family"], config)
    looks.require(key, item, config.family(item["family"]), MEMBERSHIP, config)


KIND = Kind(
    "Membership inference by number of carriers: who is taken for a member, and the attack as a whole (Yang, Chou and Chaudhuri 2022).",
    reads=("analyses",),
    required={"family": TEXT, "analysis": TEXT},
    needs=("probe", "carriers"),
    sweeps=("count",),
    several_lines=True,
    check=check,
    runs_of=lambda item, study, config: [],
    shown_analyses=looks.named,
)


@dataclass(frozen=True)
class MembershipRow:
    """What the attack finds out with one pattern on ``carriers`` training samples: shares in [0, 1], as is ``auc``.

    ``difference`` is the paired difference of the spurious members from the controls that are taken for members.
    """

    setting: str
    pattern: str
    carriers: int
    spurious: Estimate
    control: Estimate
    difference: Estimate
    auc: Estimate
    balanced_accuracy: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw for every pattern who is taken for a member, and how well the attack does, by number of carriers."""
    rows = rows_of(material, spec)
    return Drawing(rows, draw(rows, spec), findings(rows))


def rows_of(material: Material, spec: Spec) -> list[MembershipRow]:
    """Return a row for every pattern and number of carriers, by pattern in grid order, then ascending."""
    rows = []
    for name in spec.family:
        info, found = spec.settings[name], material.analyses.get((name, spec.options["analysis"]), {})
        values = {measure: _by_repeat(found, measure) for measure in MEASURES}
        means = {measure: estimate(np.array(list(one.values()))) if one else UNKNOWN for measure, one in values.items()}
        difference = paired_difference(values["spurious"], values["control"]) if values["spurious"] else UNKNOWN
        rows.append(MembershipRow(name, rare.pattern_of(info), int(rare.place_of(info, "count") or 0), difference=difference, **means))
    order = list(dict.fromkeys(row.pattern for row in rows))
    return sorted(rows, key=lambda row: (order.index(row.pattern), row.carriers))


def _by_repeat(found: Mapping[int, Found], measure: str) -> dict[int, float]:
    return {
        repeat: float(value)
        for repeat, one in found.items()
        for name, value in zip(one.columns["measure"], one.columns["value"], strict=True)
        if name == measure
    }


def draw(rows: Sequence[MembershipRow], spec: Spec) -> Figure:
    """Draw a row of two panels for every pattern, against the rank of the number of carriers."""
    lines: dict[str, list[MembershipRow]] = {}
    for row in rows:
        lines.setdefault(row.pattern, []).append(row)
    figure, places = style.strips(style.PAGE, HEIGHT, list(lines))
    letters = style.letters()
    for pattern, mine in lines.items():
        info = spec.settings[mine[0].setting]
        panels = places[pattern].subplots(1, len(PANELS), squeeze=False)[0]
        for axes, (label, measures) in zip(panels, PANELS, strict=True):
            for shift, measure in zip((-0.05, 0.05), measures, strict=True):
                shifted = [place + shift for place in range(len(mine))]
                style.barred_line(axes, shifted, [getattr(row, measure) for row in mine], MEASURES[measure][1])
            style.level(axes, CHANCE, style.REFERENCES[0])
            axes.set_xticks(range(len(mine)), [str(row.carriers) for row in mine])
            axes.set_xlim(-0.4, max(len(mine) - 0.6, 0.4))
            axes.set_xlabel(style.label("Carriers in class {source}", source=info.source))
            axes.set_ylabel(label)
            axes.set_ylim(-4, 104)
            style.say_if_empty(axes, [getattr(row, measure) for row in mine for measure in measures])
            style.panel_title(axes, next(letters), f"{info.description}, {pattern}" if axes is panels[0] else "", style.PAGE / 2)
    style.legend(figure, dict(MEASURES.values()))
    style.note(figure, repeats_note(getattr(row, measure) for row in rows for measure in MEASURES))
    return figure


def findings(rows: Sequence[MembershipRow]) -> list[str]:
    """Return a sentence for every pattern and number of carriers."""
    found = []
    for row in rows:
        if not row.auc.n:
            found.append(f"{row.pattern}, {rare.counted(row.carriers)}: no attack was measured.")
            continue
        text = f"{row.pattern}, {rare.counted(row.carriers)}: the attack's AUC is {percent(row.auc)}"
        if row.spurious.n:
            text += f"; it takes {percent(row.spurious)} of the members with the pattern for members"
            text += f", of the other members of their class {percent(row.control)} (paired difference {points(row.difference)})"
        found.append(f"{text}.")
    return found

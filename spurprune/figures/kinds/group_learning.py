"""When each group is learned, in several settings side by side (the paper's Fig. 1b)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style
from spurprune.figures.base import Drawing, Material, SettingInfo, Spec, repeats_note
from spurprune.figures.kind import METHODS, NAMES, Kind
from spurprune.figures.words import is_clear, is_repeated, percent, points

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from spurprune.data.grouping import Grouping
    from spurprune.evaluation.frame import History

KIND = Kind(
    "Training accuracy of each group over epochs, in several settings (the paper's Fig. 1b).",
    reads=("history", "manifests"),
    required={"settings": NAMES},
    optional=METHODS,
    course="train",
)
# In the order of the groups: those of the source class, carriers first, then those of the target class.
LOOKS = (
    style.CARRIERS,
    style.OTHERS,
    style.Look("#D55E00", "o", "-."),
    style.Look("#0072B2", "s", ":"),
    style.Look("#009E73", "^", "-"),
    style.Look("#E69F00", "P", "--"),
    style.Look("#56B4E9", "X", "-."),
    style.Look("#000000", "*", ":"),
)
ACROSS = 3  # panels side by side
PANEL_HEIGHT = 2.7  # inches, legend included


@dataclass(frozen=True)
class GroupRow:
    """The accuracy, in [0, 1], on one group's training samples after one epoch; ``group`` is its name, such as "Male with eyeglasses".

    ``difference`` is the paired difference from the source class's samples without the feature, only in rows of its groups with the
    feature.
    """

    setting: str
    method: str
    group: str
    epoch: int
    accuracy: Estimate
    difference: Estimate = UNKNOWN


@dataclass(frozen=True)
class Learning:
    """The learning of one setting's groups over epochs.

    ``looks`` has an entry for every group shown, ``hidden`` counts the groups with training samples that are not; ``first_lead`` is the
    paired lead of the source class's samples with the feature over those without it after the first recorded epoch. ``repeats`` is the
    number of repeats, 0 without recorded epochs.
    """

    rows: list[GroupRow]
    looks: Mapping[str, style.Look]
    hidden: int
    first_lead: Estimate
    repeats: int


def make(material: Material, spec: Spec) -> Drawing:
    """Draw the training accuracy of groups over the recorded epochs, in one panel per setting and method.

    With a probe, these are the groups of its classes, without one, all groups; if there are more groups than looks, the largest.
    """
    panels = list(product(spec.settings, spec.methods))
    learning = {(name, method): learning_of(material, spec.settings[name], name, method) for name, method in panels}
    rows = [row for one in learning.values() for row in one.rows]
    return Drawing(rows, draw(learning, spec), findings(learning, spec))


def learning_of(material: Material, info: SettingInfo, setting: str, method: str) -> Learning:
    """Return the learning of one setting by one method, without groups that have no training samples; empty without recorded epochs."""
    history = material.history[setting, method]
    labels = list(range(len(history.grouping.classes)))
    source = None
    if info.source is not None:
        source, targets = material.labels(info)
        labels = [source, *targets]
    looks, hidden = looks_of(history, labels, source)
    feature = {
        with_feature: {} if source is None else learned(history, labels=[source], carrier=with_feature) for with_feature in (True, False)
    }
    rows = []
    for group in looks:
        name, (label, _) = history.grouping.name(group), history.grouping.cell(group)
        is_carriers = label == source and not learned(history, group=group, carrier=False)
        for epoch, values in learned(history, group=group).items():
            difference = difference_of(values, feature[False].get(epoch)) if is_carriers else UNKNOWN
            rows.append(GroupRow(setting, method, name, epoch, mean_of(values), difference))
    leads = [difference_of(values, feature[False].get(epoch)) for epoch, values in feature[True].items()]
    shown = {history.grouping.name(group): look for group, look in looks.items()}
    return Learning(rows, shown, hidden, leads[0] if leads else UNKNOWN, history.repeats)


def learned(
    history: History, *, labels: list[int] | None = None, group: int | None = None, carrier: bool | None = None
) -> dict[int, pd.Series]:
    """Return the training accuracy of some samples after every recorded epoch, each a series by repeat."""
    return history.shares("n_correct", split="train", view="natural", labels=labels, group=group, carrier=carrier)


def looks_of(history: History, labels: list[int], source: int | None) -> tuple[dict[int, style.Look], int]:
    """Return the looks of the groups shown, by group number, and how many groups with training samples are not shown.

    Classes are in the order of ``labels``, their groups in reverse order of their numbers, so that "with" precedes "without". If not all
    can be shown, the source class's are, and the largest of the others.
    """
    trained = history.frame[(history.frame["split"] == "train") & (history.frame["view"] == "natural")]
    largest_n = trained[trained["group"] >= 0].groupby("group")["n"].max()
    sizes: dict[int, int] = dict(zip(largest_n.index.tolist(), largest_n.tolist(), strict=True))
    cells = [group for label in labels for group in reversed(_cells(history.grouping, label))]
    if len(cells) <= len(LOOKS):  # so that a group has the same look if another is missing
        return {group: look for group, look in zip(cells, LOOKS, strict=False) if group in sizes}, 0
    present = [group for group in cells if group in sizes]
    chosen = sorted(present, key=lambda group: (history.grouping.cell(group)[0] != source, -sizes[group]))[: len(LOOKS)]
    shown = [group for group in present if group in chosen]
    return dict(zip(shown, LOOKS, strict=False)), len(present) - len(shown)


def _cells(grouping: Grouping, label: int) -> list[int]:
    return [group for group in range(grouping.num_groups) if grouping.cell(group)[0] == label]


def draw(learning: Mapping[tuple[str, str], Learning], spec: Spec) -> Figure:
    """Draw one panel per setting and method with its groups' legend above it, up to three side by side, all on one scale."""
    columns, lines = min(ACROSS, len(learning)), math.ceil(len(learning) / ACROSS)
    figure = style.new_figure(style.PAGE, PANEL_HEIGHT * lines)
    places = figure.subfigures(lines, columns, squeeze=False)
    shares = [row.accuracy for one in learning.values() for row in one.rows]
    for position, (letter, ((name, method), one)) in enumerate(zip(style.letters(), learning.items(), strict=False)):
        place = places.flat[position]
        axes = place.subplots()
        for group, look in one.looks.items():
            mine = [row for row in one.rows if row.group == group]
            style.line(axes, [row.epoch for row in mine], [row.accuracy for row in mine], look)
        style.epoch_axis(axes, [row.epoch for row in one.rows])
        style.fit_percent(axes, shares, from_zero=False)
        if position % columns == 0:
            axes.set_ylabel("Training accuracy (%)")
        title = spec.titled(spec.settings[name].description, method)
        style.panel_title(axes, letter, title, style.PAGE / columns - 0.15)
        style.legend(place, one.looks, columns=1, short=True)
    style.note(figure, repeats_note(shares))
    return figure


def findings(learning: Mapping[tuple[str, str], Learning], spec: Spec) -> list[str]:
    """Return sentences on every group's accuracy after the first recorded epoch, and on whether carriers were ahead by then."""
    found = []
    for (name, method), one in learning.items():
        info = spec.settings[name]
        title = spec.titled(info.description, method)
        if not one.rows:
            why = "no training sample is known to belong to one of them" if one.repeats else "no epochs were recorded"
            found.append(f"{title}: groups cannot be compared over epochs, since {why}.")
            continue
        first = min(row.epoch for row in one.rows)
        accuracies = ", ".join(f"{percent(row.accuracy)} for {row.group}" for row in one.rows if row.epoch == first)
        text = f"{title}: after epoch {first}, training accuracy is {accuracies}"
        if one.hidden:
            text += f"; {one.hidden} smaller {'group is' if one.hidden == 1 else 'groups are'} not shown"
        if one.first_lead.n:
            differ = "differ clearly" if is_clear(one.first_lead) else "do not differ clearly"
            if not is_repeated(one.first_lead):
                only = f", since only one of {one.repeats} repeats has both" if one.repeats > 1 else ", which takes two repeats"
                differ = f"cannot be compared{only}"
            text += f"; within class {info.source}, samples with and without the feature {differ} ({points(one.first_lead)})"
        found.append(f"{text}.")
    return found

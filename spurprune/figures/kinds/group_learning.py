"""When each group of the source and the target class is learned, several settings side by side (the paper's Fig. 1b)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from spurprune.data.samples import group_name
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style
from spurprune.figures.base import (
    UNKNOWN,
    Drawing,
    Material,
    SettingInfo,
    Spec,
    difference_of,
    group_label,
    mean_of,
    repeats_note,
    shares_over_epochs,
)
from spurprune.figures.words import is_clear, percent, points

# The source class's samples with the feature and without it, then the target class's.
LOOKS = (style.CARRIERS, style.OTHERS, style.Look("#D55E00", "o", "-."), style.Look("#0072B2", "s", ":"))
ACROSS = 3  # panels side by side
PANEL_HEIGHT = 2.7  # inches, legend included


@dataclass(frozen=True)
class GroupRow:
    """The accuracy, in [0, 1], on one group's training samples after one epoch; ``group`` is its name, such as "Male, eyeglasses".

    ``difference`` is paired, of the source class's samples with the feature to those without it, in the rows of the former alone.
    """

    setting: str
    group: str
    epoch: int
    accuracy: Estimate
    difference: Estimate = UNKNOWN


@dataclass(frozen=True)
class Learning:
    """The learning of one setting's groups over epochs.

    ``looks`` has an entry for every group present in training; ``first_lead`` is the paired lead of the source class's samples with the
    feature over those without it after the first epoch recorded.
    """

    rows: list[GroupRow]
    looks: Mapping[str, style.Look]
    first_lead: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw the training accuracy of the source and the target class's groups over the recorded epochs, one panel a setting."""
    learning = {name: learning_of(material, info, name) for name, info in spec.settings.items()}
    rows = [row for one in learning.values() for row in one.rows]
    return Drawing(rows, draw(learning, spec), findings(learning, spec))


def learning_of(material: Material, info: SettingInfo, setting: str) -> Learning:
    """Return the learning of one setting; groups without training samples are left out, and so is all where no epochs were recorded."""
    manifest = material.manifests[info.dataset]
    rows: list[GroupRow] = []
    looks = {}
    curves = []
    sides = [(name, with_feature) for name in (info.source_class, info.target_class) for with_feature in (True, False)]
    for (name, with_feature), look in zip(sides, LOOKS, strict=True):
        group = group_label(manifest.class_index(name), with_feature)
        curve = shares_over_epochs(material.history[setting], "train", "natural", group, "n_correct")
        curves.append(curve)
        if curve:
            called = group_name(group, manifest.classes, info.attribute)
            looks[called] = look
            rows += [GroupRow(setting, called, epoch, mean_of(values)) for epoch, values in curve.items()]
    carriers, others, *_ = curves
    leads = [difference_of(values, others.get(epoch, {})) for epoch, values in carriers.items()]
    rows[: len(leads)] = [replace(row, difference=lead) for row, lead in zip(rows, leads, strict=False)]  # the carriers' come first
    return Learning(rows, looks, leads[0] if leads else UNKNOWN)


def draw(learning: Mapping[str, Learning], spec: Spec) -> Figure:
    """Draw one panel a setting with its groups' names above it, up to three side by side, all on one scale."""
    columns, lines = min(ACROSS, len(learning)), math.ceil(len(learning) / ACROSS)
    figure = Figure(figsize=(style.PAGE, PANEL_HEIGHT * lines))
    places = figure.subfigures(lines, columns, squeeze=False)
    shares = [row.accuracy for one in learning.values() for row in one.rows]
    for position, (name, one) in enumerate(learning.items()):
        place = places.flat[position]
        axes = place.subplots()
        for group, look in one.looks.items():
            mine = [row for row in one.rows if row.group == group]
            style.line(axes, [row.epoch for row in mine], [row.accuracy for row in mine], look)
        style.epoch_axis(axes, [row.epoch for row in one.rows])
        style.fit_percent(axes, shares, from_zero=False)
        if position % columns == 0:
            axes.set_ylabel("Training accuracy (%)")
        style.panel_title(axes, style.LETTERS[position], spec.settings[name].description, style.PAGE / columns - 0.15)  # a legend beside
        style.legend(place, one.looks, columns=1)
    style.note(figure, repeats_note(shares))
    return figure


def findings(learning: Mapping[str, Learning], spec: Spec) -> list[str]:
    """Return every group's accuracy after the first recorded epoch, and whether the feature told its carriers apart by then."""
    told = []
    for name, one in learning.items():
        info = spec.settings[name]
        if not one.rows:
            told.append(f"{info.description}: groups cannot be compared over epochs, since none were recorded.")
            continue
        first = min(row.epoch for row in one.rows)
        accuracies = ", ".join(f"{percent(row.accuracy)} of ({row.group})" for row in one.rows if row.epoch == first)
        text = f"{info.description}: after epoch {first}, the network has learned {accuracies}"
        if one.first_lead.n:
            lead = "clear" if is_clear(one.first_lead) else "no clear"
            text += (
                f"; within class {info.source_class}, {lead} difference between samples with the feature and those without "
                f"({points(one.first_lead)})"
            )
        told.append(f"{text}.")
    return told

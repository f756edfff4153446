"""How many carriers it takes, and when carriers and other samples are learned (the paper's Fig. 1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style
from spurprune.figures.base import (
    UNKNOWN,
    Drawing,
    Material,
    MetricKey,
    SettingInfo,
    Spec,
    difference_of,
    group_label,
    mean_of,
    repeats_note,
    shares_over_epochs,
)
from spurprune.figures.words import percent, points

WIDE = 50  # from this ratio of the largest to the smallest number of carriers on, the axis is logarithmic
SWEPT = "count"  # the last word of the coordinate: carriers.count, or the count of a subset's part
LOOKS = {"correct": style.CORRECT, "taken": style.TAKEN, "carriers": style.CARRIERS, "others": style.OTHERS}


@dataclass(frozen=True)
class ShareRow:
    """One point of the figure: a share in [0, 1].

    ``of`` says which: of the target's test samples with the feature, those classified correctly ("correct") or taken for the source
    class ("taken"), against ``carriers`` in training; or of the source class's training samples with the feature ("carriers") or without
    it ("others"), those classified correctly after ``epoch``. ``difference`` is that of carriers to others, paired, in the rows of
    carriers alone.
    """

    setting: str
    of: str
    carriers: int | None
    epoch: int | None
    share: Estimate
    difference: Estimate = UNKNOWN


@dataclass(frozen=True)
class Learning:
    """The learning of one setting over epochs: its points, and the paired lead of carriers over others after the first epoch recorded."""

    rows: list[ShareRow]
    first_lead: Estimate


def make(material: Material, spec: Spec) -> Drawing:
    """Draw accuracy and misclassification against the number of carriers, and the learning of any ``learned`` settings over epochs."""
    counts = count_rows(material, spec)
    learning = {name: learning_of(material, spec.settings[name], name) for name in spec.options.get("learned", ())}
    rows = [*counts, *(row for one in learning.values() for row in one.rows)]
    return Drawing(rows, draw(counts, learning, spec), findings(counts, learning, spec))


def count_rows(material: Material, spec: Spec) -> list[ShareRow]:
    """Return two rows for every number of carriers in the family, ascending."""
    rows = []
    for count, name in sorted((_count(spec.settings[name]), name) for name in spec.family):
        for of, metric in (("correct", "spurious_accuracy"), ("taken", "spurious_misclassification")):
            rows.append(ShareRow(name, of, count, None, mean_of(material.metrics.get(MetricKey(name, "none", metric), {}))))
    return rows


def _count(info: SettingInfo) -> int:
    counts = [value for key, value in info.coordinates.items() if key.rsplit(".", 1)[-1] == SWEPT]
    return int(counts[0])


def learning_of(material: Material, info: SettingInfo, setting: str) -> Learning:
    """Return the training accuracy of a setting's source class over the recorded epochs; no rows where none were recorded."""
    source = material.manifests[info.dataset].class_index(info.source_class)
    curves = {
        of: shares_over_epochs(material.history[setting], "train", "natural", group_label(source, with_feature), "n_correct")
        for of, with_feature in (("carriers", True), ("others", False))
    }
    leads = {epoch: difference_of(values, curves["others"].get(epoch, {})) for epoch, values in curves["carriers"].items()}
    carriers = [ShareRow(setting, "carriers", None, epoch, mean_of(values), leads[epoch]) for epoch, values in curves["carriers"].items()]
    others = [ShareRow(setting, "others", None, epoch, mean_of(values)) for epoch, values in curves["others"].items()]
    return Learning([*carriers, *others], next(iter(leads.values()), UNKNOWN))


def draw(counts: Sequence[ShareRow], learning: Mapping[str, Learning], spec: Spec) -> Figure:
    """Draw panel a against the number of carriers and one panel over epochs for every setting in ``learning``."""
    if not learning:
        figure = Figure(figsize=(style.COLUMN, 2.4))
        _draw_counts(figure, counts, spec.settings[counts[0].setting], style.COLUMN)
        style.note(figure, repeats_note(row.share for row in counts))
        return figure
    figure = Figure(figsize=(style.PAGE, 2.4))
    width = style.PAGE / (1 + len(learning))
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[1, len(learning)])[0]
    _draw_counts(left, counts, spec.settings[counts[0].setting], width + 0.3)  # beside the next panel's vertical axis
    panels = right.subplots(1, len(learning), sharey=True, squeeze=False)[0]
    for letter, axes, (name, one) in zip(style.LETTERS[1:], panels, learning.items(), strict=False):
        _draw_lines(axes, one.rows, "epoch")
        style.epoch_axis(axes, [row.epoch for row in one.rows if row.epoch is not None])
        style.panel_title(axes, letter, spec.settings[name].description, width)
    shares = [row.share for one in learning.values() for row in one.rows]
    panels[0].set_ylabel("Training accuracy (%)")
    style.fit_percent(panels[0], shares, from_zero=False)
    style.legend(right, {"carriers": LOOKS["carriers"], "other samples of the source class": LOOKS["others"]})
    style.note(figure, repeats_note([*(row.share for row in counts), *shares]))
    return figure


def _draw_counts(place: Figure | SubFigure, counts: Sequence[ShareRow], info: SettingInfo, inches: float) -> None:
    """Draw panel a, with its legend; its title has so many inches of room."""
    axes = place.subplots()
    _draw_lines(axes, counts, "carriers")
    numbers = sorted({row.carriers for row in counts if row.carriers})
    if numbers and numbers[-1] > WIDE * numbers[0]:
        axes.set_xscale("symlog", linthresh=numbers[0], linscale=0.5)
        axes.set_xticks([0, *numbers], [str(number) for number in (0, *numbers)])
        axes.minorticks_off()
    axes.set_xlabel(f"Carriers in class {info.source_class}")
    axes.set_ylabel(f"Class {info.target_class} with {info.attribute} (%)")
    style.fit_percent(axes, [row.share for row in counts], from_zero=True)
    style.panel_title(axes, "a", info.description, inches)
    style.legend(place, {"correct": LOOKS["correct"], f"taken for class {info.source_class}": LOOKS["taken"]})


def _draw_lines(axes: Axes, rows: Sequence[ShareRow], against: str) -> None:
    for of in dict.fromkeys(row.of for row in rows):
        mine = [row for row in rows if row.of == of]
        style.line(axes, [getattr(row, against) for row in mine], [row.share for row in mine], LOOKS[of])


def findings(counts: Sequence[ShareRow], learning: Mapping[str, Learning], spec: Spec) -> list[str]:
    """Return what is seen at the ends of the family, and how far carriers are ahead after the first recorded epoch."""
    told = []
    info = spec.settings[counts[0].setting]
    for correct, taken in (counts[:2], counts[-2:]):
        told.append(
            f"With {correct.carriers} carriers, {percent(correct.share)} of the test samples of class {info.target_class} with the "
            f"{info.attribute} are classified correctly and {percent(taken.share)} are taken for class {info.source_class}."
        )
    for name, one in learning.items():
        setting = spec.settings[name]
        if not one.first_lead.n:
            told.append(f"{setting.description}: carriers and others cannot be compared over epochs, since none were recorded.")
            continue
        first = {row.of: row for row in reversed(one.rows)}
        told.append(
            f"{setting.description}: after epoch {first['carriers'].epoch}, {percent(first['carriers'].share)} of the carriers are learned "
            f"and {percent(first['others'].share)} of the other samples of class {setting.source_class} "
            f"(paired difference {points(one.first_lead)})."
        )
    return told

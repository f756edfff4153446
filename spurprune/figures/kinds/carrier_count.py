"""How many carriers it takes to learn a spurious correlation, and when carriers are learned (the paper's Fig. 1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style, words
from spurprune.figures.base import MISCLASSIFICATION, TESTED_LABEL, Drawing, Material, SettingInfo, Spec, repeats_note
from spurprune.figures.kind import METHODS, NAMES, TEXT, Item, Kind
from spurprune.figures.words import percent, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

SWEPT = "count"  # the last word of the coordinate: carriers.count, or the count of a subset's part
WIDE = 50  # the axis is logarithmic if the largest number of carriers is more than this many times the smallest
HEIGHT = 2.4  # inches
LOOKS = {"correct": style.CORRECT, "taken": style.MISCLASSIFIED, "carriers": style.CARRIERS, "others": style.OTHERS}


def watched(item: Item, settings: Sequence[str]) -> list[str]:
    """Return the settings whose histories are drawn: those ``learned``."""
    return list(item.get("learned", []))


KIND = Kind(
    "Predictions on target samples with the feature by number of carriers, and when carriers are learned (the paper's Fig. 1).",
    reads=("metrics", "history", "manifests"),
    required={"family": TEXT},
    optional={"learned": NAMES, **METHODS},
    needs=("probe", "carriers"),
    sweeps=(SWEPT,),
    watched=watched,
    course="train",
)


@dataclass(frozen=True)
class ShareRow:
    """One point of the figure: a share in [0, 1].

    ``of`` says which share: of the target's test samples with the feature, those classified correctly ("correct") or misclassified as the
    source class ("taken"), for ``carriers`` in training; or of the source class's training samples with the feature ("carriers") or without
    it ("others"), those classified correctly after ``epoch``. ``difference`` is the paired difference between carriers and others, in rows
    of carriers only.
    """

    setting: str
    method: str
    of: str
    carriers: int | None
    epoch: int | None
    share: Estimate
    difference: Estimate = UNKNOWN


@dataclass(frozen=True)
class Learning:
    """The learning of one setting over epochs: its points, and the paired lead of carriers over others after the first recorded epoch.

    ``repeats`` is the number of repeats, 0 without recorded epochs.
    """

    rows: list[ShareRow]
    first_lead: Estimate
    repeats: int


@dataclass(frozen=True)
class Strip:
    """The results of one method: its points by number of carriers, and the learning of the ``learned`` settings."""

    counts: list[ShareRow]
    learning: Mapping[str, Learning]

    @property
    def rows(self) -> list[ShareRow]:
        """All points."""
        return [*self.counts, *(row for one in self.learning.values() for row in one.rows)]


def make(material: Material, spec: Spec) -> Drawing:
    """Draw accuracy and misclassification against the number of carriers, and the learning of any ``learned`` settings over epochs."""
    strips = {method: strip_of(material, spec, method) for method in spec.methods}
    found = [sentence for method, strip in strips.items() for sentence in spec.findings_of(findings(strip, spec), method)]
    return Drawing([row for strip in strips.values() for row in strip.rows], draw(strips, spec), found)


def strip_of(material: Material, spec: Spec, method: str) -> Strip:
    """Return the results of one method."""
    learned = {name: learning_of(material, spec.settings[name], name, method) for name in spec.options.get("learned", ())}
    return Strip(count_rows(material, spec, method), learned)


def count_rows(material: Material, spec: Spec, method: str) -> list[ShareRow]:
    """Return two rows for every number of carriers in the family, in ascending order."""
    rows = []
    for count, name in sorted((_count(spec.settings[name]), name) for name in spec.family):
        for of, metric in (("correct", "spurious_accuracy"), ("taken", MISCLASSIFICATION)):
            rows.append(ShareRow(name, method, of, count, None, mean_of(material.unpruned(metric, name, method))))
    return rows


def _count(info: SettingInfo) -> int:
    counts = [value for key, value in info.coordinates.items() if key.rsplit(".", 1)[-1] == SWEPT]
    return int(counts[0])


def learning_of(material: Material, info: SettingInfo, setting: str, method: str) -> Learning:
    """Return the training accuracy of a setting's source class after every recorded epoch, without rows if none were recorded."""
    source, _ = material.labels(info)
    history = material.history[setting, method]
    carriers, others = (
        history.shares("n_correct", split="train", view="natural", labels=[source], carrier=carrier) for carrier in (True, False)
    )
    leads = {epoch: difference_of(values, others.get(epoch)) for epoch, values in carriers.items()}
    rows = [ShareRow(setting, method, "carriers", None, epoch, mean_of(values), leads[epoch]) for epoch, values in carriers.items()]
    rows += [ShareRow(setting, method, "others", None, epoch, mean_of(values)) for epoch, values in others.items()]
    return Learning(rows, next(iter(leads.values()), UNKNOWN), history.repeats)


def draw(strips: Mapping[str, Strip], spec: Spec) -> Figure:
    """Draw for every method a panel by number of carriers, and a panel over epochs for each of the ``learned`` settings."""
    shares = [row.share for strip in strips.values() for row in strip.rows]
    letters = style.letters()
    wide = bool(spec.options.get("learned"))
    figure, places = style.strips(style.PAGE if wide else style.COLUMN, HEIGHT, list(strips))
    for method, strip in strips.items():
        info = spec.settings[strip.counts[0].setting]
        if wide:
            _draw_strip(places[method], strip, spec, method, letters)
        else:
            _draw_counts(places[method], strip.counts, info, spec.titled(info.description, method), style.COLUMN, next(letters))
    style.note(figure, repeats_note(shares))
    return figure


def _draw_strip(place: Figure | SubFigure, strip: Strip, spec: Spec, method: str, letters: Iterator[str]) -> None:
    width = style.PAGE / (1 + len(strip.learning))
    left, right = place.subfigures(1, 2, squeeze=False, width_ratios=[1, len(strip.learning)])[0]
    info = spec.settings[strip.counts[0].setting]
    title = spec.titled(info.description, method)
    _draw_counts(left, strip.counts, info, title, width + 0.3, next(letters))  # the title may extend over the next vertical axis
    panels = right.subplots(1, len(strip.learning), sharey=True, squeeze=False)[0]
    for axes, (name, one) in zip(panels, strip.learning.items(), strict=True):
        _draw_lines(axes, one.rows, "epoch")
        style.epoch_axis(axes, [row.epoch for row in one.rows if row.epoch is not None])
        style.panel_title(axes, next(letters), spec.titled(spec.settings[name].description, method), width)
    panels[0].set_ylabel("Training accuracy (%)")
    style.fit_percent(panels[0], [row.share for one in strip.learning.values() for row in one.rows], from_zero=False)
    style.legend(right, {"carriers": LOOKS["carriers"], "other samples of the source class": LOOKS["others"]})


def _draw_counts(place: Figure | SubFigure, counts: Sequence[ShareRow], info: SettingInfo, title: str, inches: float, letter: str) -> None:
    """Draw the panel by number of carriers with its legend; its title may be ``inches`` wide."""
    axes = place.subplots()
    _draw_lines(axes, counts, "carriers")
    numbers = sorted({row.carriers for row in counts if row.carriers})
    if numbers and numbers[-1] > WIDE * numbers[0]:
        axes.set_xscale("symlog", linthresh=numbers[0], linscale=0.5)
        axes.set_xticks([0, *numbers], [str(number) for number in (0, *numbers)])
        axes.minorticks_off()
    axes.set_xlabel(style.label("Carriers in class {source}", source=info.source))
    axes.set_ylabel(info.axis(TESTED_LABEL))
    style.fit_percent(axes, [row.share for row in counts], from_zero=True)
    style.panel_title(axes, letter, title, inches)
    taken = style.label("predicted as class {source}", source=info.source)
    style.legend(place, {"correct": LOOKS["correct"], taken: LOOKS["taken"]})


def _draw_lines(axes: Axes, rows: Sequence[ShareRow], against: str) -> None:
    for of in dict.fromkeys(row.of for row in rows):
        mine = [row for row in rows if row.of == of]
        style.line(axes, [getattr(row, against) for row in mine], [row.share for row in mine], LOOKS[of])


def findings(strip: Strip, spec: Spec) -> list[str]:
    """Return sentences on the fewest and the most carriers, and on the lead of carriers after the first recorded epoch."""
    counts = strip.counts
    found = []
    info = spec.settings[counts[0].setting]
    for correct, misclassified in (counts[:2], counts[-2:]) if len(counts) > 2 else (counts,):
        if not misclassified.share.n:
            found.append(f"With {correct.carriers} carriers, {words.misclassified(misclassified.share, info)}.")
            continue
        found.append(
            f"With {correct.carriers} carriers, {percent(correct.share)} of the test samples of {info.tested} {info.shown} are classified "
            f"correctly and {percent(misclassified.share)} are misclassified as class {info.source}."
        )
    for name, one in strip.learning.items():
        setting = spec.settings[name]
        if not one.first_lead.n:
            both = f"no repeat has training samples of class {setting.source} that are known to have the feature and others that lack it"
            why = both if one.repeats else "no epochs were recorded"
            found.append(f"{setting.description}: carriers and others cannot be compared over epochs, since {why}.")
            continue
        first = {row.of: row for row in reversed(one.rows)}
        found.append(
            f"{setting.description}: after epoch {first['carriers'].epoch}, {percent(first['carriers'].share)} of the carriers and "
            f"{percent(first['others'].share)} of the other training samples of class {setting.source} are classified correctly "
            f"(paired difference {points(one.first_lead)})."
        )
    return found

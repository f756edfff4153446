"""Carriers among the easiest against carriers among the hardest samples, for every strength of the feature (the paper's Fig. 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from spurprune.config.known import require_known
from spurprune.errors import ConfigError
from spurprune.evaluation.published import COMPARISONS, comparison
from spurprune.evaluation.series import difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import baseline, style
from spurprune.figures.base import MISCLASSIFICATION, MISCLASSIFIED_LABEL, WORST, Drawing, Material, Spec, published_lines, repeats_note
from spurprune.figures.kind import METHODS, TEXT, Configuration, Item, Kind, Study, require_dataset
from spurprune.figures.window import WindowRow, by_strength, common_words, final_rows, is_one_strength
from spurprune.figures.words import misclassified, percent, points

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

ENDS = {"easiest": style.EASIEST, "hardest": style.HARDEST}
SHARED = ("dataset", "image_size", "validation", "subset", "groups", "probe")  # what a baseline has in common with the family
APART = 0.12  # the distance of the two points of a strength from its tick; ticks are 1 apart


def ends_of_family(item: Item, config: Configuration) -> list[str]:
    """Return the members of the item's family with the easiest and with the hardest carriers."""
    members = config.family(item["family"])
    starts = {name: config.coordinates(name).get("carriers.start") for name in members}
    ranks = [start for start in starts.values() if start is not None]  # none where the family chooses the easiest and the hardest
    return [name for name in members if not ranks or starts[name] in (min(ranks), max(ranks))]


def published(item: Item) -> dict[str, Any]:
    """Return the published comparison that a figure shows."""
    return {"published": comparison(item["published"])} if "published" in item else {}


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError for carriers that are not at the ends of difficulty, and for a baseline or published values that do not fit."""
    members = config.family(item["family"])
    ways = {str(way) for name in members if (way := config.coordinates(name).get("carriers.choose"))}
    if ways and ways != set(ENDS):
        raise ConfigError(
            f"{key}.family is '{item['family']}', which varies carriers.choose over {', '.join(sorted(ways))}; name one that varies it "
            f"over {' and '.join(ENDS)}."
        )
    for name in members:
        if not _has_carriers(config.settings[name]):
            raise ConfigError(f"{key}.family is '{item['family']}', whose member '{name}' has no carriers; raise its carriers.count.")
    if "baseline" in item:
        _check_baseline(f"{key}.baseline", item["baseline"], members, config)
    if "published" in item:
        name = item["published"]
        require_known(name, COMPARISONS, f"{key}.published: '{name}'", "set of published values for a carrier_difficulty")
        if "baseline" not in item:
            raise ConfigError(f"{key}.published is '{name}', which includes a setting without carriers; name yours as {key}.baseline.")
        for setting in members:
            require_dataset(f"{key}.family", setting, COMPARISONS[name], config)


def _check_baseline(key: str, name: str, members: Sequence[str], config: Configuration) -> None:
    """Raise ConfigError unless a baseline is a setting without carriers that is tested on the family's samples in the family's groups."""
    block = config.settings[name]
    if name in members:
        raise ConfigError(f"{key} is '{name}', a member of the family; name a setting without carriers.")
    if _has_carriers(block):
        carriers = block["carriers"]
        which = f"{carriers['count']:,} carriers" if "count" in carriers else "carriers in its data"
        raise ConfigError(f"{key} is '{name}', which has {which}; name a setting without any, such as one with 'carriers.count: 0'.")
    for option in SHARED:
        if any(config.settings[member][option] != block[option] for member in members):
            raise ConfigError(f"{key} is '{name}', whose '{option}' is not the family's; name one with the same {', '.join(SHARED)}.")


def _has_carriers(block: Mapping[str, Any]) -> bool:
    """Return whether a setting has training samples with the feature, an overlay's or a natural one."""
    carriers = block["carriers"]
    return bool(carriers["choose"] == "natural" or carriers.get("count", 0))


KIND = Kind(
    "Carriers among the easiest against carriers among the hardest samples, for several strengths (the paper's Fig. 2).",
    reads=("metrics", "history", "manifests"),
    required={"family": TEXT},
    optional={"baseline": TEXT, "published": TEXT, **METHODS},
    needs=("probe", "carriers"),
    sweeps=("carriers.start", "carriers.choose"),
    several_lines=True,
    members=ends_of_family,
    published=published,
    check=check,
    course="test",
)


@dataclass(frozen=True)
class Strip:
    """The results of one method: its values after training, over epochs and, if there is a baseline, compared with it."""

    finals: list[WindowRow]
    courses: list[WindowRow]
    compared: list[baseline.ComparedRow]

    @property
    def shares(self) -> list[Estimate]:
        """All values of misclassification, including the baseline's."""
        level = [baseline.level(self.compared, MISCLASSIFICATION)] if self.compared else []
        return [*(row.misclassification for row in (*self.finals, *self.courses)), *level]


def make(material: Material, spec: Spec) -> Drawing:
    """Draw misclassification after training and over epochs, for the easiest and the hardest carriers of every strength.

    With the option ``baseline``, a setting without carriers, its final misclassification is drawn as a line in these panels, and another
    panel shows final worst-group accuracy (the paper's App. A.4), with any published values as lines.
    """
    without = spec.options.get("baseline")
    strips = {method: strip_of(material, spec, method) for method in spec.methods}
    rows: list[Any] = []
    found: list[str] = []
    for method, strip in strips.items():
        sentences = findings(strip.finals, spec)
        if without is None:
            rows += [*strip.finals, *strip.courses]
        else:
            rows += [*strip.compared, *baseline.over_epochs(strip.finals, strip.courses)]
            sentences += baseline.findings(strip.compared, spec, material.metrics)
        found += spec.findings_of(sentences, method)
    lines = published_lines(spec)
    return Drawing([*rows, *baseline.published_rows(lines)], draw(strips, spec), [*found, *baseline.published_findings(lines)])


def strip_of(material: Material, spec: Spec, method: str) -> Strip:
    """Return the results of one method."""
    finals = ends_of(final_rows(material, spec, method))
    without = spec.options.get("baseline")
    compared = [] if without is None else baseline.compared(material, finals, without, method)
    return Strip(finals, epoch_rows(material, spec, finals), compared)


def ends_of(rows: Sequence[WindowRow]) -> list[WindowRow]:
    """Return two rows for every strength: that of the easiest carriers, then that of the hardest."""
    return [row for line in by_strength(rows).values() for row in (line[0], line[-1])]


def epoch_rows(material: Material, spec: Spec, finals: Sequence[WindowRow]) -> list[WindowRow]:
    """Return the misclassification of the members in ``finals`` after every recorded epoch; none if no epochs were recorded."""
    rows = []
    for line in by_strength(finals).values():
        courses = [_course(material, spec, row) for row in line]
        for row, course in zip(line, courses, strict=True):
            for epoch, values in course.items():
                difference = difference_of(values, courses[0].get(epoch))
                rows.append(replace(row, epoch=epoch, misclassification=mean_of(values), difference=difference))
    return rows


def _course(material: Material, spec: Spec, row: WindowRow) -> dict[int, pd.Series]:
    """Return the share of the target's test samples with the feature that are misclassified as the source class, by epoch and repeat."""
    info = spec.settings[row.setting]
    _, targets = material.labels(info)
    carrier = None if info.view == "featured" else True  # in the featured view, all samples show it
    return material.history[row.setting, row.method].shares("n_as_source", split="test", view=info.view, labels=targets, carrier=carrier)


def draw(strips: Mapping[str, Strip], spec: Spec) -> Figure:
    """Draw for every method a panel of final values, and one over epochs for every strength, all on one scale.

    With a baseline, its level is drawn as a line in these panels, and another panel shows final worst-group accuracy on its own scale.
    """
    is_compared = "baseline" in spec.options
    shares = [share for strip in strips.values() for share in strip.shares]
    figure, places = style.strips(style.PAGE, 2.5 if is_compared else 2.2, list(strips))  # a comparison's legend has one more line
    letters = style.letters()
    for method, strip in strips.items():
        _draw_strip(places[method], strip, spec, method, shares, letters)
    looks = {f"carriers among the {end} samples": look for end, look in ENDS.items()}
    if is_compared:
        looks["no carriers"] = baseline.LOOK
        looks |= {baseline.label_of(one): baseline.PUBLISHED_LOOKS[one.name] for one in published_lines(spec)}
    style.legend(figure, looks)
    style.note(figure, repeats_note(shares))
    return figure


def _draw_strip(
    place: Figure | SubFigure, strip: Strip, spec: Spec, method: str, shares: Sequence[Estimate], letters: Iterator[str]
) -> None:
    info = spec.settings[strip.finals[0].setting]
    lines = by_strength(strip.finals)
    ahead = 2 if strip.compared else 1  # panels before those over epochs
    width = style.PAGE / (ahead + len(lines))
    panels = place.subplots(1, ahead + len(lines), sharey=not strip.compared)
    final, over_epochs = panels[0], panels[ahead:]
    style.panel_title(final, next(letters), spec.titled("after training", method), width)
    final.set_ylabel(info.axis(MISCLASSIFIED_LABEL))
    if strip.compared:
        _draw_worst(panels[1], lines, strip.compared, spec)
        style.panel_title(panels[1], next(letters), spec.titled("after training", method), width)
    for position, (axes, (strength, line)) in enumerate(zip(over_epochs, lines.items(), strict=True)):
        for row, look, shift in zip(line, ENDS.values(), (-APART, APART), strict=True):
            style.point(final, position + shift, row.misclassification, look)
            course = {one.epoch: one.misclassification for one in strip.courses if one.setting == row.setting and one.epoch is not None}
            style.line(axes, list(course), list(course.values()), look)
        style.epoch_axis(axes, [one.epoch for one in strip.courses if one.strength == strength and one.epoch is not None])
        style.panel_title(axes, next(letters), strength, width)
    _strength_axis(final, lines, spec)
    if strip.compared:
        for axes in (final, *over_epochs):
            style.level(axes, baseline.level(strip.compared, MISCLASSIFICATION).mean, baseline.LOOK)
            style.fit_percent(axes, shares, from_zero=True)
    style.fit_percent(final, shares, from_zero=True)


def _strength_axis(axes: Axes, lines: Mapping[str, Sequence[WindowRow]], spec: Spec) -> None:
    """Label the strengths below their points or, if the family has only one, the two difficulties."""
    axes.set_xlim(-0.5, len(lines) - 0.5)
    if is_one_strength(spec):
        axes.set_xticks((-APART, APART), list(ENDS))
        axes.set_xlim(-3 * APART, 3 * APART)
        axes.set_xlabel("Difficulty of the carriers")
        return
    shared, rest = common_words(list(lines))
    axes.set_xticks(range(len(lines)), rest)
    axes.set_xlabel(shared.capitalize())


def _draw_worst(axes: Axes, lines: Mapping[str, Sequence[WindowRow]], compared: Sequence[baseline.ComparedRow], spec: Spec) -> None:
    values: dict[str, Estimate] = {row.setting: row.value for row in compared if row.metric == WORST}
    for position, line in enumerate(lines.values()):
        for row, look, shift in zip(line, ENDS.values(), (-APART, APART), strict=True):
            style.point(axes, position + shift, values[row.setting], look)
    style.level(axes, baseline.level(compared, WORST).mean, baseline.LOOK)
    published = published_lines(spec)
    for one in published:
        style.level(axes, one.value, baseline.PUBLISHED_LOOKS[one.name])
    style.fit_percent(axes, [*values.values(), *(one.level for one in published)], from_zero=True)
    _strength_axis(axes, lines, spec)
    axes.set_ylabel("Worst-group accuracy (%)")


def findings(finals: Sequence[WindowRow], spec: Spec) -> list[str]:
    """Return sentences on the misclassification with the easiest and the hardest carriers of every strength."""
    found = []
    for strength, (easiest, hardest) in by_strength(finals).items():
        if not easiest.misclassification.n and not hardest.misclassification.n:
            found.append(f"{strength}: {misclassified(easiest.misclassification, spec.settings[easiest.setting])}.")
            continue
        found.append(
            f"{strength}: misclassification is {percent(easiest.misclassification)} with carriers among the easiest samples and "
            f"{percent(hardest.misclassification)} with carriers among the hardest (paired difference {points(hardest.difference)})."
        )
    return found

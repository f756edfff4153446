"""Carriers among the easiest and among the hardest samples, for every strength of the feature (the paper's Fig. 2)."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spurprune.evaluation.statistics import Estimate
from spurprune.figures import baseline, style
from spurprune.figures.base import (
    TAKEN_LABEL,
    Drawing,
    Material,
    PublishedLine,
    Spec,
    difference_of,
    group_label,
    mean_of,
    repeats_note,
    shares_over_epochs,
)
from spurprune.figures.window import MISCLASSIFICATION, WindowRow, by_strength, common_words, final_rows, is_one_strength
from spurprune.figures.words import percent, points

ENDS = {"easiest": style.EASIEST, "hardest": style.HARDEST}
APART = 0.12  # how far each end's point stands off the middle of its strength, which are 1 apart


def make(material: Material, spec: Spec) -> Drawing:
    """Draw final misclassification for every strength, and its course over epochs, for the easiest and the hardest carriers.

    With the option ``baseline``, which names a setting without carriers, its final misclassification is drawn across these panels, and
    one more panel shows final worst-group accuracy likewise (the paper's App. A.4), with the values that the option ``published`` lists
    (see ``spurprune.evaluation.published.told``) as lines.
    """
    finals = ends_of(final_rows(material, spec))
    courses = epoch_rows(material, spec, finals)
    without = spec.options.get("baseline")
    if without is None:
        return Drawing([*finals, *courses], draw(finals, courses, [], spec), findings(finals))
    compared = baseline.compared(material, finals, without)
    published = _published(spec)
    told = [*findings(finals), *baseline.findings(compared, spec.settings[without].description, published)]
    rows = [*compared, *baseline.over_epochs(finals, courses), *baseline.published_rows(published)]
    return Drawing(rows, draw(finals, courses, compared, spec), told)


def _published(spec: Spec) -> list[PublishedLine]:
    return [PublishedLine(**one) for one in spec.options.get("published", ())]


def ends_of(rows: Sequence[WindowRow]) -> list[WindowRow]:
    """Return for every strength the row of the easiest and that of the hardest carriers, in this order."""
    return [row for line in by_strength(rows).values() for row in (line[0], line[-1])]


def epoch_rows(material: Material, spec: Spec, finals: Sequence[WindowRow]) -> list[WindowRow]:
    """Return the misclassification after every recorded epoch of the members in ``finals``; none where no epochs were recorded."""
    rows = []
    for line in by_strength(finals).values():
        courses = [_course(material, spec, row.setting) for row in line]
        for row, course in zip(line, courses, strict=True):
            for epoch, values in course.items():
                difference = difference_of(values, courses[0].get(epoch, {}))
                rows.append(WindowRow(row.strength, row.setting, row.start, epoch, mean_of(values), difference))
    return rows


def _course(material: Material, spec: Spec, setting: str) -> dict[int, dict[int, float]]:
    """Return the share of the target's test samples with the feature that are taken for the source class, by epoch and repeat."""
    info = spec.settings[setting]
    featured = group_label(material.manifests[info.dataset].class_index(info.target_class), with_feature=True)
    return shares_over_epochs(material.history[setting], "test", info.view, featured, "n_as_source")


def draw(finals: Sequence[WindowRow], courses: Sequence[WindowRow], compared: Sequence[baseline.ComparedRow], spec: Spec) -> Figure:
    """Draw final values in panel a, and one panel over epochs for every strength, all on one scale.

    With rows that compare with a baseline, its level is drawn across them, and panel b shows final worst-group accuracy on its own scale.
    """
    info = spec.settings[finals[0].setting]
    lines = by_strength(finals)
    ahead = 2 if compared else 1  # panels before those over epochs
    width = style.PAGE / (ahead + len(lines))
    figure = Figure(figsize=(style.PAGE, 2.5 if compared else 2.2))  # the legend of a comparison takes one more line
    panels = figure.subplots(1, ahead + len(lines), sharey=not compared)
    final, over_epochs = panels[0], panels[ahead:]
    for position, (axes, (strength, line)) in enumerate(zip(over_epochs, lines.items(), strict=True)):
        for row, look, shift in zip(line, ENDS.values(), (-APART, APART), strict=True):
            style.point(final, position + shift, row.misclassification, look)
            course = {one.epoch: one.misclassification for one in courses if one.setting == row.setting and one.epoch is not None}
            style.line(axes, list(course), list(course.values()), look)
        style.epoch_axis(axes, [one.epoch for one in courses if one.strength == strength and one.epoch is not None])
        style.panel_title(axes, style.LETTERS[ahead + position], strength, width)
    _strength_axis(final, lines, spec)
    final.set_ylabel(TAKEN_LABEL.format(source=info.source_class, target=info.target_class, attribute=info.attribute))
    style.panel_title(final, "a", "after training", width)
    shares = [row.misclassification for row in (*finals, *courses)]
    looks = {f"carriers among the {end} samples": look for end, look in ENDS.items()}
    if compared:
        shares = [*shares, baseline.level(compared, MISCLASSIFICATION)]
        for axes in (final, *over_epochs):
            style.level(axes, shares[-1].mean, baseline.LOOK)
            style.fit_percent(axes, shares, from_zero=True)
        _draw_worst(panels[1], lines, compared, spec)
        style.panel_title(panels[1], "b", "after training", width)
        looks["no carriers"] = baseline.LOOK
        looks |= {baseline.label_of(one): baseline.PUBLISHED_LOOKS[one.name] for one in _published(spec)}
    style.fit_percent(final, shares, from_zero=True)
    style.legend(figure, looks)
    style.note(figure, repeats_note(shares))
    return figure


def _strength_axis(axes: Axes, lines: Mapping[str, Sequence[WindowRow]], spec: Spec) -> None:
    """Name the strengths below their points; where the family has only one, there is nothing to tell apart but the two ends."""
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
    values: dict[str, Estimate] = {row.setting: row.value for row in compared if row.metric == baseline.WORST}
    for position, line in enumerate(lines.values()):
        for row, look, shift in zip(line, ENDS.values(), (-APART, APART), strict=True):
            style.point(axes, position + shift, values[row.setting], look)
    style.level(axes, baseline.level(compared, baseline.WORST).mean, baseline.LOOK)
    published = _published(spec)
    for one in published:
        style.level(axes, one.value, baseline.PUBLISHED_LOOKS[one.name])
    style.fit_percent(axes, [*values.values(), *(one.level for one in published)], from_zero=True)
    _strength_axis(axes, lines, spec)
    axes.set_ylabel("Worst-group accuracy (%)")


def findings(finals: Sequence[WindowRow]) -> list[str]:
    """Return the misclassification for the easiest and the hardest carriers of every strength."""
    told = []
    for strength, (easiest, hardest) in by_strength(finals).items():
        told.append(
            f"{strength}: {percent(easiest.misclassification)} with carriers among the easiest samples, "
            f"{percent(hardest.misclassification)} with carriers among the hardest (paired difference {points(hardest.difference)})."
        )
    return told

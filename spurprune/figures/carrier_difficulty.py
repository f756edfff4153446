"""Carriers among the easiest and among the hardest samples, for every strength of the feature (the paper's Fig. 2)."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from spurprune.figures import _style
from spurprune.figures._base import (
    TAKEN_LABEL,
    Drawing,
    Material,
    Spec,
    difference_of,
    group_label,
    mean_of,
    repeats_note,
    shares_over_epochs,
)
from spurprune.figures._window import WindowRow, by_strength, common_words, final_rows
from spurprune.figures._words import percent, points

ENDS = {"easiest": _style.EASIEST, "hardest": _style.HARDEST}


def make(material: Material, spec: Spec) -> Drawing:
    """Draw final misclassification for every strength, and its course over epochs, for the easiest and the hardest carriers."""
    finals = ends_of(final_rows(material, spec))
    courses = epoch_rows(material, spec, finals)
    return Drawing([*finals, *courses], draw(finals, courses, spec), findings(finals))


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


def draw(finals: Sequence[WindowRow], courses: Sequence[WindowRow], spec: Spec) -> Figure:
    """Draw final values in panel a, and one panel over epochs for every strength, all on one scale."""
    info = spec.settings[finals[0].setting]
    lines = by_strength(finals)
    width = _style.PAGE / (1 + len(lines))
    figure = Figure(figsize=(_style.PAGE, 2.2))
    final, *over_epochs = figure.subplots(1, 1 + len(lines), sharey=True)
    for position, (axes, (strength, line)) in enumerate(zip(over_epochs, lines.items(), strict=True)):
        for row, look, shift in zip(line, ENDS.values(), (-0.12, 0.12), strict=True):
            _style.point(final, position + shift, row.misclassification, look)
            course = {one.epoch: one.misclassification for one in courses if one.setting == row.setting and one.epoch is not None}
            _style.line(axes, list(course), list(course.values()), look)
        _style.epoch_axis(axes, [one.epoch for one in courses if one.strength == strength and one.epoch is not None])
        _style.panel_title(axes, _style.LETTERS[1 + position], strength, width)
    shared, rest = common_words(list(lines))
    final.set_xticks(range(len(lines)), rest)
    final.set_xlim(-0.5, len(lines) - 0.5)
    final.set_xlabel(shared.capitalize())
    final.set_ylabel(TAKEN_LABEL.format(source=info.source_class, target=info.target_class, attribute=info.attribute))
    _style.panel_title(final, "a", "after training", width)
    shares = [row.misclassification for row in (*finals, *courses)]
    _style.fit_percent(final, shares, from_zero=True)
    _style.legend(figure, {f"carriers among the {end} samples": look for end, look in ENDS.items()})
    _style.note(figure, repeats_note(shares))
    return figure


def findings(finals: Sequence[WindowRow]) -> list[str]:
    """Return the misclassification for the easiest and the hardest carriers of every strength."""
    told = []
    for strength, (easiest, hardest) in by_strength(finals).items():
        told.append(
            f"{strength}: {percent(easiest.misclassification)} with carriers among the easiest samples, "
            f"{percent(hardest.misclassification)} with carriers among the hardest (paired difference {points(hardest.difference)})."
        )
    return told

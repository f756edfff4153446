"""Families of settings whose carriers are chosen by difficulty: the misclassification of each, by strength of the feature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spurprune.evaluation.series import difference_of, mean_of
from spurprune.evaluation.statistics import Estimate
from spurprune.figures.base import MISCLASSIFICATION, Material, SettingInfo, Spec

SWEPT = ("carriers.start", "carriers.choose")  # a family varies one of them: ranks, or "easiest" and "hardest"


@dataclass(frozen=True)
class WindowRow:
    """Spurious misclassification (share in [0, 1]) with carriers from difficulty rank ``start`` of the source class on.

    ``start`` is None if carriers are chosen as the easiest or the hardest; ``epoch`` is None after training; ``difference`` is the paired
    difference from the family's easiest carriers with the same strength and method at the same time.
    """

    strength: str
    setting: str
    method: str
    start: int | None
    epoch: int | None
    misclassification: Estimate
    difference: Estimate


def strengths(spec: Spec) -> dict[str, list[tuple[Any, str]]]:
    """Return a family's members as a list of (place, setting), easiest first, for every combination of the grid's other coordinates.

    A place is the rank at which a window starts, or "easiest" or "hardest", which also sort correctly. The keys name the combinations, such
    as "line width 2", in grid order; a family without other coordinates has one key, its description.
    """
    lines: dict[str, list[tuple[Any, str]]] = {}
    for name in spec.family:
        info = spec.settings[name]
        others = [_in_words(info, key, value) for key, value in info.coordinates.items() if key not in SWEPT]
        (place,) = [value for key, value in info.coordinates.items() if key in SWEPT]
        lines.setdefault(", ".join(others) or info.description, []).append((place, name))
    return {name: sorted(members) for name, members in lines.items()}


def is_one_strength(spec: Spec) -> bool:
    """Return whether a family varies only the difficulty of its carriers."""
    return all(set(spec.settings[name].coordinates) <= set(SWEPT) for name in spec.family)


def _in_words(info: SettingInfo, key: str, value: Any) -> str:
    """Return a coordinate in words: "overlay.width": 2 becomes "line width 2" if the overlay is a line."""
    overlay = info.overlay["attribute"] if info.overlay else "overlay"
    return " ".join([*(overlay if word == "overlay" else word for word in key.split(".")), str(value)])


def final_rows(material: Material, spec: Spec, method: str) -> list[WindowRow]:
    """Return a row for each member of the family after training, by strength in grid order, then from the easiest to the hardest."""
    rows = []
    for strength, members in strengths(spec).items():
        values = [material.unpruned(MISCLASSIFICATION, name, method) for _, name in members]
        for (place, name), mine in zip(members, values, strict=True):
            start = place if isinstance(place, int) else None
            rows.append(WindowRow(strength, name, method, start, None, mean_of(mine), difference_of(mine, values[0])))
    return rows


def by_strength(rows: Sequence[WindowRow]) -> dict[str, list[WindowRow]]:
    """Return the rows by strength, in order."""
    lines: dict[str, list[WindowRow]] = {}
    for row in rows:
        lines.setdefault(row.strength, []).append(row)
    return lines


def starts_of(line: Sequence[WindowRow]) -> list[int]:
    """Return the ranks at which the windows of a line start."""
    return [row.start for row in line if row.start is not None]


def common_words(names: Sequence[str]) -> tuple[str, list[str]]:
    """Split off the words with which all names begin: return them and the rest of each name, such as "line width" and ["1", "2"]."""
    words = [name.split() for name in names]
    shared = 0
    while len(names) > 1 and all(len(one) > shared + 1 and one[shared] == words[0][shared] for one in words):
        shared += 1
    return " ".join(words[0][:shared]), [" ".join(one[shared:]) for one in words]

"""Tallies: of the samples of every group, how many a run gets right; the groups are known, or inferred from partitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.samples import Samples
from spurprune.storage.words import DIVISIONS

KINDS = WHOLE, CLASSES, GROUPS, ATTRIBUTE, INFERRED = DIVISIONS


@dataclass(frozen=True)
class Division:
    """Some samples divided into parts: ``part`` int [N] are positions in ``names``, negative where it is unknown."""

    kind: str
    name: str
    part: np.ndarray
    names: Sequence[str]


def known(samples: Samples, rows: np.ndarray, grouping: Grouping, attributes: Sequence[Attribute]) -> list[Division]:
    """Return the divisions of some rows that need no network: all of them, classes, groups if there are some, classes by attribute."""
    label = samples.label[rows].astype(np.int64)
    found = [
        Division(WHOLE, WHOLE, np.zeros(len(rows), dtype=np.int64), ("all samples",)),
        Division(CLASSES, CLASSES, label, grouping.classes),
    ]
    if grouping.attributes:
        names = tuple(grouping.name(number) for number in range(grouping.num_groups))
        found.append(Division(GROUPS, GROUPS, samples.group[rows].astype(np.int64), names))
    for attribute in attributes:
        codes = samples.attributes[attribute.name][rows].astype(np.int64)
        part = np.where(codes < 0, -1, label * len(attribute.values) + codes)
        names = tuple(f"{one}, {attribute.name} {value}" for one in grouping.classes for value in attribute.values)
        found.append(Division(ATTRIBUTE, attribute.name, part, names))
    return found


def tally(division: Division, correct: np.ndarray) -> Mapping[str, tuple[int, int]]:
    """Return (number of samples, number of these that are ``correct``, bool [N]) of every part that has samples."""
    inside = division.part >= 0
    n = np.bincount(division.part[inside], minlength=len(division.names))
    right = np.bincount(division.part[inside & correct], minlength=len(division.names))
    return {division.names[number]: (int(n[number]), int(right[number])) for number in np.flatnonzero(n).tolist()}

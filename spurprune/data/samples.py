"""Samples of one setting: splits, labels, attributes, groups; which of them carry the spurious feature. Pure functions on arrays."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.errors import DataError
from spurprune.storage.tables import labels, rows_of, to_numpy

SPLITS = ("train", "validation", "test")
ATTRIBUTE_VALUES = 2  # without and with the spurious feature; group = label * ATTRIBUTE_VALUES + attribute


@dataclass(frozen=True)
class Samples:
    """The samples of one repeat, as arrays over the same rows.

    ``sample_id`` int64, ``split`` str, ``label`` int16, ``attribute`` int16 (-1 unknown), ``aligned`` int8 (1 yes, 0 no, -1 not
    applicable), ``group`` int16 (-1 unknown).
    """

    repeat: int
    sample_id: np.ndarray
    split: np.ndarray
    label: np.ndarray
    attribute: np.ndarray
    aligned: np.ndarray
    group: np.ndarray

    def rows(self, split: str) -> np.ndarray:
        """Return the positions of one split's rows, int64."""
        return np.flatnonzero(self.split == split)


def group_of(label: np.ndarray, attribute: np.ndarray) -> np.ndarray:
    """Return the group index of each sample, int16: label * 2 + attribute, and -1 where the attribute is unknown (-1)."""
    return np.where(attribute >= 0, label.astype(np.int16) * ATTRIBUTE_VALUES + attribute, -1).astype(np.int16)


def group_name(group: int, classes: tuple[str, ...] | list[str], attribute: str) -> str:
    """Return a group's name, such as "5, line" or "5, no line"."""
    label, value = divmod(group, ATTRIBUTE_VALUES)
    return f"{classes[label]}, {attribute if value else 'no ' + attribute}"


def alignment(label: np.ndarray, attribute: np.ndarray, aligned: dict[int, int]) -> np.ndarray:
    """Return for each sample whether its attribute is the one tied to its own class, int8 (1, 0, or -1 where nothing is tied or known).

    ``aligned`` maps a label to the attribute value that goes with it in training.
    """
    result = np.full(len(label), -1, dtype=np.int8)
    for tied_label, value in aligned.items():
        members = (label == tied_label) & (attribute >= 0)
        result[members] = attribute[members] == value
    return result


def choose_carriers(
    choose: str, candidates: np.ndarray, count: int, rng: np.random.Generator, rank: np.ndarray | None, start: int
) -> np.ndarray:
    """Return the positions of the samples that get the feature, sorted.

    ``candidates`` are the positions of the source class's training samples; ``rank`` their difficulty ranks in the same order, where a
    choice goes by difficulty (0 = easiest). ``window`` takes ``count`` samples from the ``start``-th easiest on.

    Raises DataError if there are fewer candidates than the choice needs.
    """
    needed = count + (start if choose == "window" else 0)
    if needed > len(candidates):
        raise DataError(f"carriers: {needed} samples of the source class are needed, but its training split has only {len(candidates)}.")
    if choose == "random":
        return np.sort(rng.choice(candidates, size=count, replace=False))
    if rank is None:
        raise ValueError(f"'{choose}' goes by difficulty, so ranks are needed")
    by_rank = candidates[np.argsort(rank, kind="stable")]
    first = {"easiest": 0, "hardest": len(candidates) - count, "window": start}[choose]
    return np.sort(by_rank[first : first + count])


def hold_out(label: np.ndarray, split: np.ndarray, share: float) -> np.ndarray:
    """Return the splits with a share of every class's training samples moved to validation, by a fixed seed.

    An official validation split, if there is one, joins training first, so that the share is of all that may be trained on.
    """
    result = np.where(split == "validation", "train", split)
    rng = seeds.generator(seeds.SPLIT, "validation")
    for value in np.unique(label):
        members = rng.permutation(np.flatnonzero((result == "train") & (label == value)))
        result[members[: round(share * len(members))]] = "validation"
    return result


def to_table(samples: list[Samples], attribute: str) -> pa.Table:
    """Return the samples of several repeats as one table (schema ``tables.SAMPLES``)."""

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(s, name) for s in samples])

    known, aligned, group = column("attribute"), column("aligned"), column("group")
    return pa.table(
        {
            "repeat": np.concatenate([np.full(len(s.sample_id), s.repeat, dtype=np.int16) for s in samples]),
            "sample_id": column("sample_id"),
            "split": labels(column("split"), SPLITS),
            "label": column("label"),
            f"attribute_{attribute}": pa.array(known, pa.int16(), mask=known < 0),
            "aligned": pa.array(aligned == 1, mask=aligned < 0),
            "group": pa.array(group, pa.int16(), mask=group < 0),
        }
    )


def from_table(table: pa.Table, attribute: str) -> dict[int, Samples]:
    """Return the samples of every repeat in a table of schema ``tables.SAMPLES``, by repeat."""
    repeats = np.unique(to_numpy(table.column("repeat"))).tolist()
    return {repeat: _one_repeat(rows_of(table, repeat), repeat, attribute) for repeat in repeats}


def _one_repeat(rows: pa.Table, repeat: int, attribute: str) -> Samples:
    return Samples(
        repeat,
        to_numpy(rows.column("sample_id")),
        to_numpy(rows.column("split")),
        to_numpy(rows.column("label")),
        to_numpy(rows.column(f"attribute_{attribute}").fill_null(-1)),
        to_numpy(rows.column("aligned").cast(pa.int8()).fill_null(-1)),
        to_numpy(rows.column("group").fill_null(-1)),
    )


def check(samples: Samples, split_counts: dict[str, int], where: str) -> None:
    """Assert the invariants of one repeat: ids unique (so the splits are disjoint), counts as declared; raises DataError."""
    if len(np.unique(samples.sample_id)) != len(samples.sample_id):
        raise DataError(f"{where}: repeat {samples.repeat} holds a sample twice.")
    found = {name: int((samples.split == name).sum()) for name in split_counts}
    if found != split_counts or sum(found.values()) != len(samples.sample_id):
        raise DataError(f"{where}: repeat {samples.repeat} has the splits {found}, but {split_counts} are declared.")

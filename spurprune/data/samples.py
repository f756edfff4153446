"""A setting's samples: splits, labels, attributes and groups, and which of them carry the spurious feature."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.data.grouping import Grouping
from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels, to_numpy, words_of
from spurprune.storage.provenance import Provenance
from spurprune.storage.words import SPLITS

KEPT = 4  # repeats whose samples are kept in memory


@dataclass(frozen=True)
class Samples:
    """The samples of one repeat, as arrays over the same rows.

    ``sample_id`` int64, ``split`` str, ``label`` int16; ``attributes`` maps names to value codes, int16 (-1 unknown); ``carrier`` int8,
    whether a sample shows the spurious feature; ``aligned`` int8, whether its attributes are those tied to its class (both 1 yes, 0 no, -1
    unknown or not applicable); ``group`` int32 (-1 unknown), as the setting's ``Grouping`` numbers them.
    """

    repeat: int
    sample_id: np.ndarray
    split: np.ndarray
    label: np.ndarray
    attributes: Mapping[str, np.ndarray]
    carrier: np.ndarray
    aligned: np.ndarray
    group: np.ndarray

    def rows(self, split: str) -> np.ndarray:
        """Return the positions of one split's rows, int64."""
        if split not in self._rows:
            self._rows[split] = np.flatnonzero(self.split == split)
        return self._rows[split].copy()

    def positions(self, sample_id: np.ndarray) -> np.ndarray:
        """Return where the samples with these ids are, int64 [N]; all must be among them."""
        if self._order is None:
            return np.searchsorted(self.sample_id, sample_id)
        found: np.ndarray = self._order[np.searchsorted(self.sample_id, sample_id, sorter=self._order)]
        return found

    @cached_property
    def _order(self) -> np.ndarray | None:
        """What sorts the samples by their ids; None if they are sorted."""
        return None if (np.diff(self.sample_id) > 0).all() else np.argsort(self.sample_id)

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        return {}


class _Stored(Mapping[int, Samples]):
    """The samples of a file by repeat, ascending, converted when they are asked for; the latest few repeats are kept."""

    def __init__(self, path: Path, grouping: Grouping) -> None:
        self._path, self._grouping = path, grouping
        self._stored = tables.StoredByRepeat(path, schemas.SAMPLES)
        self._kept: dict[int, Samples] = {}

    def __getitem__(self, repeat: int) -> Samples:
        if repeat not in self._kept:
            rows = self._stored[repeat]
            for name, count in (("group", self._grouping.num_groups), ("label", len(self._grouping.classes))):
                if _known(rows.column(name)).max(initial=-1) >= count:
                    raise DataError(f"{self._path} holds a {name} that is not one of its {count}; delete the file and rerun.")
            self._kept = {**dict([*self._kept.items()][1 - KEPT :]), repeat: _one_repeat(rows, repeat)}
        return self._kept[repeat]

    def __iter__(self) -> Iterator[int]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def column_names(self) -> list[str]:
        return self._stored.column_names


@dataclass(frozen=True)
class SampleSet:
    """A setting's samples by repeat, and its groups."""

    grouping: Grouping
    by_repeat: Mapping[int, Samples]


def has(values: Mapping[str, np.ndarray], wanted: Mapping[str, int], count: int) -> np.ndarray:
    """Return whether each of ``count`` samples has the attribute codes ``wanted``, int8 [N]: 1, 0, or -1 where one is unknown."""
    result = np.ones(count, dtype=np.int8)
    for name, code in wanted.items():
        result = np.where(values[name] < 0, -1, np.where(result < 0, -1, result & (values[name] == code)))
    return result.astype(np.int8)


def alignment(label: np.ndarray, values: Mapping[str, np.ndarray], aligned: Mapping[int, Mapping[str, int]]) -> np.ndarray:
    """Return whether each sample's attributes are those tied to its class, int8: 1, 0, or -1 where none is tied or one is unknown.

    ``aligned`` maps a label to the attribute codes that go with it in training.
    """
    result = np.full(len(label), -1, dtype=np.int8)
    for tied_label, wanted in aligned.items():
        members = label == tied_label
        result[members] = has(values, wanted, len(label))[members]
    return result


def choose_carriers(
    choose: str, candidates: np.ndarray, count: int, rng: np.random.Generator, rank: np.ndarray | None, start: int
) -> np.ndarray:
    """Return the positions of the samples that get the feature, sorted.

    ``candidates`` are the positions of the source class's training samples, ``rank`` their difficulty ranks in the same order (0 =
    easiest), None if ``choose`` is "random". "window" takes ``count`` samples from the ``start``-th easiest on. Raises DataError if there
    are too few candidates, ValueError if ranks are needed but missing.
    """
    needed = count + (start if choose == "window" else 0)
    if needed > len(candidates):
        raise DataError(
            f"carriers: {needed} samples of the source class are needed, but its training split has only {len(candidates)}; "
            "choose fewer carriers."
        )
    if choose == "random":
        return np.sort(rng.choice(candidates, size=count, replace=False))
    if rank is None:
        raise ValueError(f"'{choose}' needs difficulty ranks")
    by_rank = candidates[np.argsort(rank, kind="stable")]
    first = {"easiest": 0, "hardest": len(candidates) - count, "window": start}[choose]
    return np.sort(by_rank[first : first + count])


def choose_by_random_state(candidates: Sequence[np.ndarray], count: int, seed: int) -> np.ndarray:
    """Return the positions of the samples that get the feature, sorted: ``count`` of the candidates of every class, by one generator.

    This is the choice of the public code of Yang, Chou and Chaudhuri (2022): ``numpy.random.RandomState(seed).choice`` among the positions
    of one class's training samples, ascending, then of the next class's. Raises DataError if a class has too few.
    """
    fewest = min(len(positions) for positions in candidates)
    if count > fewest:
        raise DataError(
            f"carriers: {count} samples of a class are needed, but its training split has only {fewest}; choose fewer carriers."
        )
    generator = np.random.RandomState(seed)
    return np.sort(np.concatenate([generator.choice(positions, size=count, replace=False) for positions in candidates]))


def hold_out(label: np.ndarray, split: np.ndarray, share: float) -> np.ndarray:
    """Return the splits, str [N], with a share of each class's training samples moved to validation, by a fixed seed.

    An official validation split is first merged into training, so that the share refers to all samples available for training.
    """
    result = np.where(split == "validation", "train", split)
    rng = seeds.generator(seeds.SPLIT, "validation")
    for value in np.unique(label):
        members = rng.permutation(np.flatnonzero((result == "train") & (label == value)))
        result[members[: round(share * len(members))]] = "validation"
    return result


def to_table(samples: Sequence[Samples]) -> pa.Table:
    """Return the samples of several repeats as one table (schema ``schemas.SAMPLES``)."""

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(one, name) for one in samples])

    attributes = {name: np.concatenate([one.attributes[name] for one in samples]) for name in samples[0].attributes}
    carrier, aligned, group = column("carrier"), column("aligned"), column("group")
    return pa.table(
        {
            "repeat": np.concatenate([np.full(len(one.sample_id), one.repeat, dtype=np.int16) for one in samples]),
            "sample_id": column("sample_id"),
            "split": labels(column("split"), SPLITS),
            "label": column("label"),
            **{f"attribute_{name}": pa.array(codes, pa.int16(), mask=codes < 0) for name, codes in attributes.items()},
            "carrier": pa.array(carrier == 1, mask=carrier < 0),
            "aligned": pa.array(aligned == 1, mask=aligned < 0),
            "group": pa.array(group, pa.int32(), mask=group < 0),
        }
    )


def write(path: Path, samples: Sequence[Samples], grouping: Grouping, provenance: Provenance) -> None:
    """Write a setting's samples with the grouping in the file's metadata; raises DataError if a repeat holds a sample twice."""
    table = to_table(samples)
    notes = {**provenance.notes, "grouping": grouping.to_plain()}
    tables.write(path, table, schemas.SAMPLES, replace(provenance, notes=notes))


def read(path: Path, overlay_attribute: str | None = None) -> SampleSet:
    """Read what ``write`` wrote; ``overlay_attribute`` is that of the setting's overlay, if any.

    Raises DataError if the file is missing or damaged, or lacks the grouping, an attribute of it, or that of the overlay; reading a
    repeat's samples raises it if they are damaged.
    """
    grouping = grouping_of(path)
    stored = _Stored(path, grouping)
    named = [attribute.name for attribute in grouping.attributes]
    for name in [*named, *([] if overlay_attribute is None else [overlay_attribute])]:
        if f"attribute_{name}" not in stored.column_names:  # the setting has changed since
            raise DataError(f"{path} does not hold the setting's attribute '{name}'; delete the file and rerun.")
    return SampleSet(grouping, stored)


def grouping_of(path: Path) -> Grouping:
    """Return the grouping that a samples file carries; raises DataError if it carries none."""
    try:
        return Grouping.of_plain(tables.read_metadata(path, schemas.SAMPLES)["notes"]["grouping"])
    except (KeyError, TypeError):
        raise DataError(f"{path} does not describe its groups; delete it and rerun.") from None


def _one_repeat(rows: pa.Table, repeat: int) -> Samples:
    names = [name for name in rows.column_names if name.startswith("attribute_")]
    found = Samples(
        repeat,
        to_numpy(rows.column("sample_id")),
        to_numpy(rows.column("split")),
        to_numpy(rows.column("label")),
        {name.removeprefix("attribute_"): _known(rows.column(name)) for name in names},
        _known(rows.column("carrier")).astype(np.int8),
        _known(rows.column("aligned")).astype(np.int8),
        _known(rows.column("group")),
    )
    found._rows.update({split: np.flatnonzero(members) for split, members in words_of(rows.column("split")).items()})
    return found


def _known(column: pa.ChunkedArray) -> np.ndarray:
    """Return the values of a column, -1 where they are unknown; of truth values 1 and 0."""
    if not column.null_count:
        return to_numpy(column)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return to_numpy(column.fill_null(-1))


def check(samples: Samples, split_counts: dict[str, int], where: str) -> None:
    """Raise DataError unless one repeat's ids are unique (so the splits are disjoint) and its split sizes as declared."""
    if len(np.unique(samples.sample_id)) != len(samples.sample_id):
        raise DataError(f"{where}: repeat {samples.repeat} holds a sample twice.")
    found = {name: int((samples.split == name).sum()) for name in split_counts}
    if found != split_counts or sum(found.values()) != len(samples.sample_id):
        raise DataError(f"{where}: repeat {samples.repeat} has the split sizes {found}, but {split_counts} are declared.")

"""The parts of the training samples as a plan or a method sees them: of a partition's file, or the classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.errors import DataError
from spurprune.storage import columns, schemas, tables
from spurprune.storage.words import BY_REPEAT


@dataclass(frozen=True)
class Parts:
    """The ``names`` of a partition's parts, and its table; None stands for the classes, which need no file.

    ``where`` names the file. ``notes`` are those of its kind, by repeat as text; ``block`` is the setting's block of the partition.
    """

    names: tuple[str, ...]
    table: pa.Table | None = None
    where: str = ""
    notes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    block: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Parts":
        """Return the parts in a partition's file; raises DataError if it is missing or damaged."""
        notes = tables.read_metadata(path, schemas.PARTITION)["notes"]
        table = tables.read(path, schemas.PARTITION)
        return cls(tuple(notes["parts"]), table, str(path), notes.get(BY_REPEAT, {}), notes["partition"])

    def of(self, repeat: int, sample_id: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Return the part of each of one repeat's training samples, int32 [N], a position in ``names``.

        Raises DataError if the file lacks one of the samples, or names fewer parts than it holds.
        """
        if self.table is None:
            return label.astype(np.int32)
        part = columns.values_of(self._by_repeat, "part", repeat, sample_id, self.where)
        if part.max(initial=-1) >= len(self.names):
            raise DataError(f"{self.where} holds the part {part.max()} of {len(self.names)}; delete the file and rerun.")
        return part

    @cached_property
    def _by_repeat(self) -> columns.ByRepeat:
        assert self.table is not None
        return columns.ByRepeat(self.table)

    def silhouette(self, repeat: int, classes: Sequence[str]) -> np.ndarray | None:
        """Return the mean silhouette of each class's clusters in one repeat, float64 [classes], NaN for a class with fewer than two.

        None if the parts are no clusters.
        """
        noted = self.notes.get(str(repeat), {}).get("silhouette")
        return None if noted is None else np.array([noted[name] for name in classes], dtype=np.float64)

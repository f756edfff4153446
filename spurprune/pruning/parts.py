"""The parts of the training samples as a plan or a method sees them: of a partition's file, or the classes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune.errors import DataError
from spurprune.storage import columns, schemas, tables


@dataclass(frozen=True)
class Parts:
    """The ``names`` of a partition's parts, and its table; None stands for the classes, which need no file. ``where`` names the file."""

    names: tuple[str, ...]
    table: pa.Table | None = None
    where: str = ""

    @classmethod
    def read(cls, path: Path) -> "Parts":
        """Return the parts in a partition's file; raises DataError if it is missing or damaged."""
        names = tuple(tables.read_metadata(path, schemas.PARTITION)["notes"]["parts"])
        return cls(names, tables.read(path, schemas.PARTITION), str(path))

    def of(self, repeat: int, sample_id: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Return the part of each of one repeat's training samples, int32 [N], a position in ``names``.

        Raises DataError if the file lacks one of the samples, or names fewer parts than it holds.
        """
        if self.table is None:
            return label.astype(np.int32)
        part = columns.values_of(self.table, "part", repeat, sample_id, self.where)
        if part.max(initial=-1) >= len(self.names):
            raise DataError(f"{self.where} holds the part {part.max()} of {len(self.names)}; delete the file and rerun.")
        return part

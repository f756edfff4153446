"""Embeddings: features and logits of a setting's samples, computed by a kept model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spurprune.data.views import NATURAL
from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels, positions_of, to_numpy
from spurprune.storage.words import SPLITS, VIEWS

VALUES_AT_ONCE = 1 << 26  # features per table, far below the limit of a list column's 32-bit offsets


@dataclass(frozen=True)
class Embedding:
    """Features and logits of one repeat's samples, as arrays over the same rows.

    ``sample_id`` int64 [N], ``split`` and ``view`` str [N], ``features`` float32 [N, D], ``logits`` float32 [N, C]. A sample has one row
    per view in which it is shown.
    """

    repeat: int
    sample_id: np.ndarray
    split: np.ndarray
    view: np.ndarray
    features: np.ndarray
    logits: np.ndarray

    def rows(self, split: str, view: str) -> np.ndarray:
        """Return the positions of the rows of one split and view, int64."""
        return np.flatnonzero((self.split == split) & (self.view == view))

    def require_classes(self, count: int, where: str) -> None:
        """Raise DataError unless the embedding, read from the file ``where``, has a logit for each of ``count`` classes."""
        if self.logits.shape[1] != count:
            raise DataError(f"{where} holds {self.logits.shape[1]} logits per sample, but there are {count} classes; delete it and rerun.")

    def rows_of(self, split: str, sample_id: np.ndarray, where: str) -> np.ndarray:
        """Return the positions of one split's rows in the natural view, int64 [N], in the order of ``sample_id``.

        Raises DataError if the embedding, read from the file ``where``, holds other samples than these.
        """
        rows = self.rows(split, NATURAL)
        position = positions_of(sample_id, self.sample_id[rows])
        if position is None:
            raise DataError(f"{where} holds other samples than repeat {self.repeat}'s {split} split; delete the file and rerun.")
        found: np.ndarray = rows[position]
        return found


def to_tables(repeat: int, split: str, view: str, sample_id: np.ndarray, features: np.ndarray, logits: np.ndarray) -> Iterator[pa.Table]:
    """Yield the rows of one repeat, split and view as tables (schema ``schemas.EMBEDDING``) of bounded size, in order."""
    step = max(1, VALUES_AT_ONCE // features.shape[1])
    for start in range(0, len(sample_id), step):
        part = slice(start, start + step)
        table = predictions_table(repeat, split, view, sample_id[part], logits[part])
        yield table.add_column(4, "features", lists_of(features[part]))


def predictions_table(repeat: int, split: str, view: str, sample_id: np.ndarray, logits: np.ndarray) -> pa.Table:
    """Return the logits of one repeat, split and view as a table (schema ``schemas.PREDICTIONS``)."""
    n = len(sample_id)
    return pa.table(
        {
            "repeat": np.full(n, repeat, dtype=np.int16),
            "sample_id": sample_id,
            "split": labels(np.full(n, SPLITS.index(split)), SPLITS),
            "view": labels(np.full(n, VIEWS.index(view)), VIEWS),
            "logits": lists_of(logits),
        }
    )


def lists_of(values: np.ndarray) -> pa.ListArray:
    """Return an array [N, M] as a column of N lists."""
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32) * values.shape[1])
    return pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))


def arrays_of(column: pa.ChunkedArray) -> np.ndarray:
    """Return a column of N lists of one length M as an array [N, M]; raises ValueError if their lengths differ."""
    if not len(column):
        return np.empty((0, 0), dtype=np.float32)
    lengths = pc.unique(pc.list_value_length(column))
    if len(lengths) != 1:
        raise ValueError("lists of different lengths")
    return np.concatenate([chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]).reshape(len(column), -1)


def counted(rows: Iterable[tuple[str, str, int]]) -> dict[str, int]:
    """Return numbers of rows, given as (split, view, number), by a text for each split and view that has some."""
    return {f"{split}, {view}": number for split, view, number in rows if number}


def read(path: Path, repeat: int, schema: schemas.TableSchema = schemas.EMBEDDING) -> Embedding:
    """Read one repeat's embedding, of all samples or of test samples alone, as the schema says.

    Raises DataError if the file is missing or damaged or lacks the repeat.
    """
    table = tables.read(path, schema, repeat=repeat)
    if not len(table):
        raise DataError(f"{path} lacks repeat {repeat}; delete the file and rerun.")
    try:
        features, logits = arrays_of(table.column("features")), arrays_of(table.column("logits"))
    except ValueError:
        raise DataError(f"{path} holds features or logits of different lengths in repeat {repeat}; delete the file and rerun.") from None
    sample_id, split, view = (to_numpy(table.column(name)) for name in ("sample_id", "split", "view"))
    found = counted((one, shown, int(((split == one) & (view == shown)).sum())) for one in SPLITS for shown in VIEWS)
    expected = tables.read_metadata(path, schema)["counts"].get("rows", {}).get(str(repeat), found)
    if found != expected:
        raise DataError(f"{path} holds {found} rows of repeat {repeat}, not {expected}; delete the file and rerun.")
    return Embedding(repeat, sample_id, split, view, features, logits)

"""Columns of tables as NumPy arrays and back, and rows of one repeat."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from spurprune.errors import DataError


def to_numpy(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return a column as a writable NumPy array; a dictionary column as an object array of str."""
    if pa.types.is_dictionary(column.type):
        if column.null_count:
            column = column.cast(column.type.value_type)
        else:
            return _words(column.chunks if isinstance(column, pa.ChunkedArray) else [column])
    values = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return np.require(values, requirements="W")  # copies only read-only memory, of which torch would warn


def _words(chunks: Sequence[pa.DictionaryArray]) -> np.ndarray:
    """Return dictionary-encoded strings as an object array with one str per word; casting makes one per row, ten times slower."""
    parts = [np.array(chunk.dictionary.to_pylist(), dtype=object)[chunk.indices.to_numpy(zero_copy_only=False)] for chunk in chunks]
    return np.concatenate(parts) if parts else np.empty(0, dtype=object)


def rows_of(table: pa.Table, repeat: int) -> pa.Table:
    """Return one repeat's rows in order, without a copy if they are contiguous, as the stages write them."""
    mine = np.flatnonzero(to_numpy(table.column("repeat")) == repeat)
    if len(mine) and mine[-1] - mine[0] + 1 == len(mine):
        return table.slice(int(mine[0]), len(mine))
    return table.take(pa.array(mine))


def values_of(table: pa.Table, column: str, repeat: int, sample_id: np.ndarray, where: str) -> np.ndarray:
    """Return one repeat's values of a column in the order of ``sample_id``; raises DataError if the table holds other samples."""
    rows = rows_of(table, repeat)
    found, values = to_numpy(rows.column("sample_id")), to_numpy(rows.column(column))
    if np.array_equal(found, sample_id):
        return values
    position = positions_of(sample_id, found)
    if position is None:
        raise DataError(f"{where} holds other samples than repeat {repeat}'s training split; delete the file and rerun.")
    result: np.ndarray = values[position]
    return result


def positions_of(wanted: np.ndarray, found: np.ndarray) -> np.ndarray | None:
    """Return where in ``found`` each of the unique ids ``wanted`` is, int64 [N]; None if the two do not hold the same ids."""
    theirs, ours = np.argsort(found), np.argsort(wanted)
    if not np.array_equal(found[theirs], wanted[ours]):
        return None
    position = np.empty(len(wanted), dtype=np.int64)
    position[ours] = theirs
    return position


def labels(values: Sequence[str] | np.ndarray, dictionary: Sequence[str]) -> pa.DictionaryArray:
    """Return a dictionary-encoded string column from values that are all in ``dictionary``, or from integer codes into it."""
    array = np.asarray(values)
    if array.dtype.kind in "iu":
        codes = array.astype(np.int8)
    else:
        lookup = {name: code for code, name in enumerate(dictionary)}
        codes = np.fromiter((lookup[str(v)] for v in array), dtype=np.int8, count=len(array))
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(list(dictionary), pa.string()))

"""Columns of tables as NumPy arrays and back, and rows by repeat."""

from collections.abc import Iterator, Mapping, Sequence

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


def words_of(column: pa.Array | pa.ChunkedArray) -> dict[str, np.ndarray]:
    """Return which rows of a dictionary column without nulls hold each of its words, bool [N]; a word of no row may be absent."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    found: dict[str, list[np.ndarray]] = {word: [] for chunk in chunks for word in chunk.dictionary.to_pylist()}
    for chunk in chunks:
        codes, words = chunk.indices.to_numpy(zero_copy_only=False), chunk.dictionary.to_pylist()
        for word, parts in found.items():
            mine = [code for code, one in enumerate(words) if one == word]
            parts.append(codes == mine[0] if len(mine) == 1 else np.isin(codes, mine))
    return {word: parts[0] if len(parts) == 1 else np.concatenate(parts) for word, parts in found.items()}


class ByRepeat(Mapping[int, pa.Table]):
    """The rows of a table by repeat, ascending, each repeat's in their order; found in one pass and not copied if they lie together."""

    def __init__(self, table: pa.Table) -> None:
        """Take a table with a column ``repeat``."""
        repeat = to_numpy(table.column("repeat"))
        starts = np.flatnonzero(np.diff(repeat, prepend=repeat[:1] - 1)) if len(repeat) else np.empty(0, dtype=np.int64)
        if len(np.unique(repeat[starts])) < len(starts):  # some repeat's rows lie apart
            order = np.argsort(repeat, kind="stable")
            table, repeat = table.take(pa.array(order)), repeat[order]
            starts = np.flatnonzero(np.diff(repeat, prepend=repeat[:1] - 1))
        ends = [*starts[1:].tolist(), len(repeat)]
        self._table = table
        found = {int(repeat[start]): (start, end - start) for start, end in zip(starts.tolist(), ends, strict=False)}
        self._places = dict(sorted(found.items()))

    def __getitem__(self, repeat: int) -> pa.Table:
        return self._table.slice(*self._places[repeat])

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, repeat: int) -> pa.Table:
        """Return the rows of a repeat, none if the table has no such repeat."""
        return self[repeat] if repeat in self._places else self._table.slice(0, 0)


def values_of(table: ByRepeat, column: str, repeat: int, sample_id: np.ndarray, where: str) -> np.ndarray:
    """Return one repeat's values of a column in the order of ``sample_id``; raises DataError if the table holds other samples."""
    rows = table.rows(repeat)
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
    if np.array_equal(wanted, found):  # as the stages write them
        return np.arange(len(wanted))
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

"""What a table's values must fulfil beyond their types: bounds, words, unique keys, rankings."""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from spurprune.errors import DataError
from spurprune.storage.columns import to_numpy
from spurprune.storage.schemas import TableSchema

Check = Callable[[pa.Table], str | None]  # returns what is wrong, None if nothing is


def check(table: pa.Table, schema: TableSchema, where: str) -> None:
    """Raise DataError that names the first value of a table, or of some of its columns, that its schema does not allow."""
    for name in table.column_names:
        declared = schema.declared(name) or name
        if declared in schema.bounds:
            _within(table.column(name), name, schema.bounds[declared], f"{where}: the {schema.name} table")
        if declared in schema.words:
            _among(table.column(name), name, schema.words[declared], f"{where}: the {schema.name} table")
    needed, wrong = INVARIANTS.get(schema.name, ((), lambda _: None))
    if set(needed) <= set(table.column_names) and (reason := wrong(table)) is not None:
        raise DataError(f"{where}: the {schema.name} table {reason}; delete the file and rerun.")


def require_unique(table: pa.Table, schema: TableSchema, where: str) -> None:
    """Raise DataError if two rows of a table share the values of the schema's key columns."""
    keys = table.select(list(schema.key)).unify_dictionaries()
    numbers = _numbered(keys)
    if numbers is not None:
        if not (numbers[1:] > numbers[:-1]).all():
            numbers.sort()
        if (numbers[1:] != numbers[:-1]).all():
            return
    for position, field in enumerate(keys.schema):
        if pa.types.is_dictionary(field.type):
            keys = keys.set_column(position, field.name, keys.column(position).cast(field.type.value_type))
    counted = keys.group_by(list(schema.key), use_threads=False).aggregate([([], "count_all")])
    twice = np.flatnonzero(to_numpy(counted.column("count_all")) > 1)
    if len(twice):
        row = counted.select(list(schema.key)).slice(int(twice[0]), 1).to_pylist()[0]
        raise DataError(f"{where}: two rows of the {schema.name} table share {row}.")


def require_place(table: pa.Table, schema: TableSchema, place: Mapping[str, str], where: str) -> None:
    """Raise DataError unless columns that name the table's setting, method and so on hold what its provenance says."""
    for key in schema.place:
        if place.get(key) and schema.columns.get(key) == pa.string() and key in table.column_names:
            others = [found for found in table.column(key).unique().to_pylist() if found != place[key]]
            if others:
                raise DataError(
                    f"{where}: the {schema.name} table of the {key} '{place[key]}' holds the {key} '{others[0]}'; delete it and rerun."
                )


def _numbered(keys: pa.Table) -> np.ndarray | None:
    """Return one int64 per row that only equal keys share; None unless all keys are whole numbers or coded words, few enough to number."""
    numbers, size = np.zeros(len(keys), dtype=np.int64), 1
    for column in keys.columns:
        if pa.types.is_dictionary(column.type):
            column = pa.chunked_array([chunk.indices for chunk in column.chunks], column.type.index_type)
        if not pa.types.is_integer(column.type) or column.null_count or not len(column):
            return None
        values = column.to_numpy().astype(np.int64)
        low, high = int(values.min()), int(values.max())
        size *= high - low + 1
        if size >= 1 << 62:
            return None
        numbers = numbers * (high - low + 1) + (values - low)
    return numbers


def _within(column: pa.ChunkedArray, name: str, bounds: tuple[float, float], where: str) -> None:
    for chunk in column.drop_null().chunks if column.null_count else column.chunks:
        values = chunk.to_numpy(zero_copy_only=False)
        outside = ~((values >= bounds[0]) & (values <= bounds[1]))  # NaN is outside
        if outside.any():
            raise DataError(
                f"{where} holds {values[outside][0]} in the column '{name}', which is not a valid value; delete the file and rerun."
            )


def _among(column: pa.ChunkedArray, name: str, words: tuple[str, ...], where: str) -> None:
    for chunk in column.chunks:
        unknown = sorted({str(word) for word in chunk.dictionary.to_pylist()} - set(words))
        if unknown:
            raise DataError(
                f"{where} holds '{unknown[0]}' in the column '{name}', which is not one of {', '.join(words)}; delete the file and rerun."
            )


def _ranks(table: pa.Table) -> str | None:
    """Ranks are a permutation of 0 … N - 1 within every repeat, ranks within a class one of its samples."""
    repeat, label, rank, within = (to_numpy(table.column(name)) for name in _RANKED)
    wrong = _not_permuted(rank, repeat)
    if wrong is not None:
        return f"holds ranks in repeat {repeat[wrong]} that are not a permutation"
    wrong = _not_permuted(within, repeat, label)
    if wrong is not None:
        return f"holds ranks in repeat {repeat[wrong]} within class {label[wrong]} that are not a permutation"
    return None


def _counts(table: pa.Table) -> str | None:
    """No count of some samples exceeds their number."""
    total = to_numpy(table.column("n"))
    for name in ("n_correct", "n_as_source"):
        more = to_numpy(table.column(name).fill_null(0)) > total
        if more.any():
            return f"holds {name} {to_numpy(table.column(name).fill_null(0))[more][0]} of {total[more][0]} samples"
    return None


def _not_permuted(ranks: np.ndarray, *groups: np.ndarray) -> int | None:
    """Return a row of a group whose ranks are not 0 … n - 1 in any order, None if there is none; groups are given by equal values."""
    order = np.lexsort((ranks, *reversed(groups)))
    first = np.ones(len(order), dtype=bool)  # of its group
    first[1:] = np.any([one[order][1:] != one[order][:-1] for one in groups], axis=0)
    place = np.arange(len(order))
    start = np.maximum.accumulate(np.where(first, place, 0))
    wrong = np.flatnonzero(ranks[order] != place - start)
    return int(order[wrong[0]]) if len(wrong) else None


_RANKED = ("repeat", "label", "rank", "rank_in_class")
INVARIANTS: dict[str, tuple[tuple[str, ...], Check]] = {
    "difficulty": (_RANKED, _ranks),
    "history": (("n", "n_correct", "n_as_source"), _counts),
}

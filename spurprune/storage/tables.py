"""The tables between the stages, checked against their schemas on writing and reading.

Every table is one Parquet file with its provenance in the file's metadata (see ``Provenance``). Files are written to a temporary name
and renamed, so a killed job leaves nothing half-written; they carry no timestamps, so equal content gives equal bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spurprune import __version__
from spurprune.errors import DataError, first_sentence
from spurprune.storage.canonical import config_hash
from spurprune.storage.files import replacing
from spurprune.storage.schemas import TableSchema

METADATA_KEY = b"spurprune"


@dataclass(frozen=True)
class Provenance:
    """Where a table comes from; stored as JSON in the Parquet file's metadata.

    ``code_version`` is the package's version and the hash of the stage's code; ``config_hash`` covers the part of the configuration
    that the stage received; ``counts`` and ``notes`` hold what a reader wants to know before opening the table. ``method``, ``plan`` and
    ``candidate`` are empty where the file does not belong to one.
    """

    setting: str
    block: str
    code_version: str
    config_hash: str
    counts: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    method: str = ""
    plan: str = ""
    candidate: str = ""

    @classmethod
    def of(cls, wildcards: Mapping[str, str], params: Mapping[str, Any]) -> "Provenance":
        """Return the provenance of a job from its wildcards and its parameters, among which ``code`` is the hash of its code."""
        given = {key: value for key, value in params.items() if key != "code"}
        place = dict(wildcards.items())
        setting = place.get("setting") or place.get("study") or place.get("dataset", "")
        return cls(
            setting,
            place.get("block", ""),
            f"{__version__}+{params['code']}",
            config_hash(given),
            method=place.get("method", ""),
            plan=place.get("plan", ""),
            candidate=place.get("candidate", ""),
        )


def write(path: Path, table: pa.Table, schema: TableSchema, provenance: Provenance) -> None:
    """Write one table, checked against its schema; raises DataError if it does not conform."""
    table = conform(table, schema, str(path))
    table = table.replace_schema_metadata(_metadata(schema, provenance))
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=1 << 20)


def write_parts(path: Path, parts: Iterable[pa.Table], schema: TableSchema, provenance: Provenance) -> None:
    """Write one table part by part, so that at most one is in memory; raises DataError as ``write`` does, ValueError without any part.

    Each part becomes one row group.
    """
    with replacing(path) as temporary, ExitStack() as stack:
        writer = None
        for part in parts:
            table = conform(part, schema, str(path))
            table = table.replace_schema_metadata(_metadata(schema, provenance))
            writer = writer or stack.enter_context(pq.ParquetWriter(temporary, table.schema, compression="zstd"))
            writer.write_table(table, row_group_size=max(1, len(table)))
        if writer is None:
            raise ValueError(f"{path}: a table needs at least one part")


def _metadata(schema: TableSchema, provenance: Provenance) -> dict[bytes, bytes]:
    content = {"table": schema.name, "version": schema.version, **asdict(provenance)}
    return {METADATA_KEY: json.dumps(content, sort_keys=True).encode()}


def read(path: Path, schema: TableSchema, columns: Sequence[str] | None = None, rows: pc.Expression | None = None) -> pa.Table:
    """Read one table, or some of its columns, or only the rows for which the expression ``rows`` holds.

    Raises DataError that names the file and the reason if it is missing, damaged or not a table of this schema.
    """
    metadata = read_metadata(path, schema)
    missing = [name for name in columns or () if name not in pq.read_schema(path).names]
    if missing:
        raise DataError(f"{path} lacks the column '{missing[0]}' of a {schema.name} table; delete the file and rerun.")
    try:
        table = pq.read_table(path, columns=list(columns) if columns is not None else None, filters=rows, memory_map=True)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, schema, error) from error
    if columns is None:
        return conform(table, schema, str(path)).replace_schema_metadata({METADATA_KEY: json.dumps(metadata).encode()})
    return table


def read_metadata(path: Path, schema: TableSchema) -> dict[str, Any]:
    """Return the provenance that ``write`` stored; raises DataError if the file is not a table of this schema."""
    if not path.is_file():
        raise DataError(f"{path} is missing; rerun the workflow to create it.")
    try:
        stored = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, schema, error) from error
    try:
        metadata: dict[str, Any] = dict(json.loads(stored[METADATA_KEY]))
    except (KeyError, ValueError, TypeError):
        raise DataError(f"{path} was not written by spurprune (its metadata names no table); delete the file and rerun.") from None
    if metadata.get("table") != schema.name or metadata.get("version") != schema.version:
        found = f"{metadata.get('table')} v{metadata.get('version')}"
        raise DataError(f"{path} holds a table '{found}', not '{schema.name} v{schema.version}'; delete the file and rerun.")
    return metadata


def conform(table: pa.Table, schema: TableSchema, where: str) -> pa.Table:
    """Return the table with exactly the declared columns, types and order; raises DataError naming the first deviation."""
    names: list[str] = []
    for declared in schema.columns:
        if declared.endswith("*"):
            names.extend(n for n in table.column_names if n not in schema.columns and n.startswith(declared[:-1]))
        elif declared in table.column_names:
            names.append(declared)
        else:
            raise DataError(f"{where}: the {schema.name} table lacks the column '{declared}'.")
    unknown = [n for n in table.column_names if n not in names]
    if unknown:
        raise DataError(f"{where}: the {schema.name} table has an unknown column '{unknown[0]}'.")
    fields: list[pa.Field] = []
    for name in names:
        kind = schema.type_of(name)
        assert kind is not None
        if table.column(name).null_count and not schema.may_be_null(name):
            raise DataError(f"{where}: the column '{name}' of the {schema.name} table holds nulls.")
        fields.append(pa.field(name, kind, nullable=schema.may_be_null(name)))
    try:
        return table.select(names).cast(pa.schema(fields))
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{where}: the {schema.name} table has a column of another type ({first_sentence(error)}).") from error


def require_unique(table: pa.Table, schema: TableSchema, where: str) -> None:
    """Raise DataError if two rows of a table share the values of the schema's key columns."""
    keys = table.select(list(schema.key))
    for position, field_ in enumerate(keys.schema):
        if pa.types.is_dictionary(field_.type):
            keys = keys.set_column(position, field_.name, keys.column(position).cast(field_.type.value_type))
    counted = keys.group_by(list(schema.key), use_threads=False).aggregate([([], "count_all")])
    twice = np.flatnonzero(to_numpy(counted.column("count_all")) > 1)
    if len(twice):
        row = counted.select(list(schema.key)).slice(int(twice[0]), 1).to_pylist()[0]
        raise DataError(f"{where}: two rows of the {schema.name} table share {row}.")


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


def _damaged(path: Path, schema: TableSchema, error: Exception) -> DataError:
    return DataError(
        f"{path} is damaged or not a Parquet file, so no {schema.name} table can be read ({first_sentence(error)}); delete it and rerun."
    )

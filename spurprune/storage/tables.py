"""The tables between the stages, checked against their schemas on writing and reading.

Every table is one Parquet file with its provenance in the file's metadata (see ``storage.provenance``). Files are written to a temporary
name and renamed, so a killed job leaves nothing half-written; they carry no timestamps, so equal content gives equal bytes. A reader
notices damage: pages carry checksums, which are checked before they are decoded, and the metadata a digest of itself and the CRC-32 of
the values of every column.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spurprune.errors import DataError, first_sentence
from spurprune.storage import contents, layout, provenance
from spurprune.storage.column_checksums import crc_of
from spurprune.storage.columns import ByRepeat, to_numpy
from spurprune.storage.files import replacing
from spurprune.storage.provenance import Origin, Provenance
from spurprune.storage.schemas import TableSchema

METADATA_KEY = b"spurprune"
ROWS_IN_PART = 1 << 20


def write(path: Path, table: pa.Table, schema: TableSchema, origin: Provenance) -> None:
    """Write one table; raises DataError if it does not conform to its schema, if two rows share a key or the repeats are not its own."""
    table = conform(table, schema, str(path))
    contents.require_unique(table, schema, str(path))
    contents.require_place(table, schema, origin.place, str(path))
    _write(path, (table.slice(start, ROWS_IN_PART) for start in range(0, max(1, len(table)), ROWS_IN_PART)), schema, origin)


def write_parts(path: Path, parts: Iterable[pa.Table], schema: TableSchema, origin: Provenance) -> None:
    """Write one table part by part, so that at most one is in memory; each becomes one row group.

    Raises DataError if a part does not conform to the schema, or if the parts' repeats are not the table's own; ValueError if there is no
    part. Keys are not compared.
    """
    _write(path, (conform(part, schema, str(path)) for part in parts), schema, origin)


def _write(path: Path, parts: Iterable[pa.Table], schema: TableSchema, origin: Provenance) -> None:
    """Write parts that conform to the schema, each as a row group, with their checksums."""
    with replacing(path) as temporary, ExitStack() as stack:
        writer = None
        written: list[dict[str, Any]] = []
        repeats: set[int] = set()
        for part in parts:
            table = part.replace_schema_metadata()
            written.append({"rows": len(table), "crc": {name: crc_of(table.column(name)) for name in table.column_names}})
            if "repeat" in table.column_names:
                written[-1]["repeats"] = np.unique(to_numpy(table.column("repeat"))).tolist()
                repeats.update(written[-1]["repeats"])
            if writer is None:
                writer = pq.ParquetWriter(temporary, table.schema, compression="zstd", write_page_checksum=True, write_statistics=False)
                stack.callback(writer.close)
            writer.write_table(table, row_group_size=max(1, len(table)))
        if writer is None:
            raise ValueError(f"{path}: a table needs at least one part")
        own = repeats if origin.repeats is None else set(origin.repeats)
        if repeats and (repeats != own if schema.every_repeat else repeats - own):
            raise DataError(f"{path}: the {schema.name} table holds the repeats {sorted(repeats)}, not {sorted(own)}.")
        writer.add_key_value_metadata({METADATA_KEY: provenance.to_json(schema.name, schema.version, origin, parts=written)})


def read(path: Path, schema: TableSchema, columns: Sequence[str] | None = None, repeat: int | None = None) -> pa.Table:
    """Read one table, or some of its columns, or the rows of one repeat.

    Raises DataError that names the file and the reason if it is missing, damaged or not a table of this schema.
    """
    metadata, file = _open(path, schema)
    with file:
        _require_declared(file.schema_arrow, schema, path)
        missing = [name for name in columns or () if name not in file.schema_arrow.names]
        if missing:
            raise DataError(f"{path} lacks the column '{missing[0]}' of a {schema.name} table; delete the file and rerun.")
        wanted = None if columns is None else list(dict.fromkeys([*columns, *(["repeat"] if repeat is not None else [])]))
        parts = [i for i, part in enumerate(metadata["parts"]) if repeat is None or repeat in part["repeats"]]
        table = _parts(path, schema, file, metadata, parts, wanted)
    if repeat is not None:
        table = ByRepeat(table).rows(repeat)
    _check(path, schema, table, metadata)
    return table if columns is None else table.select(list(columns))


class StoredByRepeat(Mapping[int, pa.Table]):
    """The rows of a file's table by repeat, ascending, read when they are asked for; the last two parts read stay in memory.

    Parts have about a million rows, so going through all repeats in order reads each part once.
    """

    def __init__(self, path: Path, schema: TableSchema) -> None:
        """Open a file; raises DataError if it is missing, damaged or not a table of this schema, as does reading rows."""
        self._path, self._schema = path, schema
        self._metadata, self._file = _open(path, schema)
        _require_declared(self._file.schema_arrow, schema, path)
        self._holding: dict[int, list[int]] = {}
        for number, part in enumerate(self._metadata["parts"]):
            for repeat in part["repeats"]:
                self._holding.setdefault(repeat, []).append(number)
        self._read: dict[int, ByRepeat] = {}  # parts, the latest last

    def __getitem__(self, repeat: int) -> pa.Table:
        parts = [self._part(number).rows(repeat) for number in self._holding[repeat]]
        return parts[0] if len(parts) == 1 else pa.concat_tables(parts)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._holding))

    def __len__(self) -> int:
        return len(self._holding)

    @property
    def column_names(self) -> list[str]:
        """The names of the table's columns."""
        names: list[str] = self._file.schema_arrow.names
        return names

    def rows(self, repeat: int) -> pa.Table:
        """Return the rows of a repeat, none if the table has no such repeat."""
        return self[repeat] if repeat in self._holding else self._file.schema_arrow.empty_table()

    def _part(self, number: int) -> ByRepeat:
        if number not in self._read:
            table = _parts(self._path, self._schema, self._file, self._metadata, [number], None)
            _check(self._path, self._schema, table, self._metadata)
            self._read = {**dict([*self._read.items()][-1:]), number: ByRepeat(table)}
        return self._read[number]


def _parts(
    path: Path, schema: TableSchema, file: pq.ParquetFile, metadata: Mapping[str, Any], numbers: Sequence[int], columns: list[str] | None
) -> pa.Table:
    """Return some parts of a file, or some columns of these, as they were written; raises DataError if they are not."""
    table = _decoded(path, schema, lambda: file.read_row_groups(numbers, columns=columns))
    table = _checked(table.replace_schema_metadata(), schema, path)
    try:
        _require_intact(table, [metadata["parts"][i] for i in numbers])
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise _damaged(path, schema, error) from error
    return table


def _check(path: Path, schema: TableSchema, table: pa.Table, metadata: Mapping[str, Any]) -> None:
    """Raise DataError unless rows of a table hold what the schema allows and are of the file's place."""
    contents.check(table, schema, str(path))
    contents.require_place(table, schema, metadata["place"], str(path))


def read_metadata(path: Path, schema: TableSchema) -> dict[str, Any]:
    """Return what ``write`` stored beside the table; raises DataError if the file is not a table of this schema."""
    metadata, file = _open(path, schema)
    file.close()
    return metadata


def origin_of(path: Path, schema: TableSchema, place: Mapping[str, str], repeats: Sequence[int] | None = None) -> Origin:
    """Return a table's origin; raises DataError unless it is a table of this schema, of this place and of these repeats.

    A table in the results folder must also be of the place that its path names.
    """
    try:
        found = provenance.origin(str(path), read_metadata(path, schema), schema.place)
    except ValueError as error:
        raise _damaged(path, schema, error) from error
    lies_at = layout.place_of(schema.name, path)
    if lies_at and not found.is_complete:
        raise DataError(f"{path} does not say which {schema.name} it holds; delete it and rerun.")
    return found.require(lies_at).require(place, repeats)


def _open(path: Path, schema: TableSchema) -> tuple[dict[str, Any], pq.ParquetFile]:
    """Return a file's checked metadata and the open file."""
    if not path.is_file():
        raise DataError(f"{path} is missing; rerun the workflow to create it.")
    file = _decoded(path, schema, lambda: pq.ParquetFile(path, memory_map=True, page_checksum_verification=True))
    stored = (file.metadata.metadata or {}).get(METADATA_KEY)
    if stored is None:
        file.close()
        raise DataError(f"{path} was not written by spurprune (its metadata names no table); delete the file and rerun.")
    try:
        metadata = provenance.from_json(stored)
    except ValueError as error:
        file.close()
        raise _damaged(path, schema, error) from error
    if metadata.get("table") != schema.name or metadata.get("version") != schema.version:
        file.close()
        found = f"{metadata.get('table')} v{metadata.get('version')}"
        raise DataError(f"{path} holds a table '{found}', not '{schema.name} v{schema.version}'; delete the file and rerun.")
    return metadata, file


def _decoded(path: Path, schema: TableSchema, decode: Callable[[], Any]) -> Any:
    """Return what ``decode`` returns; raises DataError if the file's bytes cannot be decoded."""
    try:
        return decode()
    except PermissionError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); correct its permissions and rerun.") from error
    except (OSError, pa.ArrowException, ValueError, OverflowError, IndexError) as error:
        raise _damaged(path, schema, error) from error


def _require_intact(table: pa.Table, parts: Sequence[Mapping[str, Any]]) -> None:
    """Raise ValueError unless the columns read have the values that were written."""
    if sum(part["rows"] for part in parts) != len(table):
        raise ValueError(f"it holds {len(table)} rows instead of {sum(part['rows'] for part in parts)}")
    start = 0
    for part in parts:
        rows = table.slice(start, part["rows"])
        start += part["rows"]
        for name in table.column_names:
            if crc_of(rows.column(name)) != part["crc"][name]:
                raise ValueError(f"the checksum of its column '{name}' is wrong")


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
    table = _checked(table.select(names), schema, where)
    contents.check(table, schema, where)
    return table


def _checked(table: pa.Table, schema: TableSchema, where: Path | str) -> pa.Table:
    """Return some columns of a table with their declared types; raises DataError naming the first that deviates."""
    fields: list[pa.Field] = []
    for name in table.column_names:
        kind = schema.type_of(name)
        assert kind is not None
        if table.column(name).null_count and not schema.may_be_null(name):
            raise DataError(f"{where}: the column '{name}' of the {schema.name} table holds nulls.")
        fields.append(pa.field(name, kind, nullable=schema.may_be_null(name)))
    try:
        return table.cast(pa.schema(fields))
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{where}: the {schema.name} table has a column of another type ({first_sentence(error)}).") from error


def _require_declared(found: pa.Schema, schema: TableSchema, path: Path) -> None:
    """Raise DataError unless a file has the declared columns, and only these, with their types."""
    for field in found:
        kind = schema.type_of(field.name)
        if kind is None:
            raise DataError(f"{path}: the {schema.name} table has an unknown column '{field.name}'; delete the file and rerun.")
        if not field.type.equals(kind):
            raise DataError(
                f"{path}: the column '{field.name}' of the {schema.name} table is {field.type} instead of {kind}; delete it and rerun."
            )
    lacking = [name for name in schema.columns if not name.endswith("*") and name not in found.names]
    if lacking:
        raise DataError(f"{path} lacks the column '{lacking[0]}' of a {schema.name} table; delete the file and rerun.")


def _damaged(path: Path, schema: TableSchema, error: Exception) -> DataError:
    return DataError(
        f"{path} is damaged or not a Parquet file, so no {schema.name} table can be read ({first_sentence(error)}); delete it and rerun."
    )

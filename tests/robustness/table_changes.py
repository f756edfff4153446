"""Seeded edits of a table, as a script or a mistake makes them: with the metadata of the original, or written by the package's writer."""

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spurprune.errors import DataError
from spurprune.storage import columns, provenance, schemas, tables
from spurprune.storage.schemas import TableSchema
from tests.robustness.changes import Change

Edit = Callable[[pa.Table, np.random.Generator], tuple[pa.Table, str]]
SCHEMAS = {one.name: one for one in vars(schemas).values() if isinstance(one, TableSchema)}
FORGEABLE = ("dynamics", "partition", "plan", "predictions", "embedding")  # kinds whose rows a reader knows without them


def row_dropped(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Drop some rows."""
    gone = rng.choice(len(table), size=int(rng.integers(1, max(2, len(table) // 10))), replace=False)
    return table.take(np.setdiff1d(np.arange(len(table)), gone)), f"{len(gone)} rows dropped"


def row_twice(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Put one row in place of another."""
    rows = np.arange(len(table))
    to, of = rng.choice(len(table), size=2, replace=len(table) < 2)
    rows[to] = of
    return table.take(rows), f"row {of} also in place of row {to}"


def rows_shuffled(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Put the rows into another order."""
    return table.take(rng.permutation(len(table))), "rows in another order"


def view_dropped(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Drop the rows of the featured view, if any."""
    if "view" not in table.column_names:
        return table, "nothing to change"
    return table.filter(pa.compute.not_equal(table.column("view").cast(pa.string()), "featured")), "rows of the featured view dropped"


def repeats_exchanged(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Exchange two repeats, or give the only one another number."""
    if "repeat" not in table.column_names:
        return row_dropped(table, rng)
    repeat = columns.to_numpy(table.column("repeat"))
    first, last = repeat.min(), repeat.max()
    changed = np.where(repeat == first, last, np.where(repeat == last, first, repeat)) if first != last else repeat + 1
    place = table.column_names.index("repeat")
    return table.set_column(place, "repeat", pa.array(changed.astype(repeat.dtype))), f"repeats {first} and {last} exchanged"


def value_changed(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Change one number."""
    names = [field.name for field in table.schema if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)]
    name, row = str(rng.choice(names)), int(rng.integers(len(table)))
    values = table.column(name).to_pylist()
    values[row] = 1 if values[row] is None else rng.choice([values[row] + 1, -1, 0])
    return table.set_column(table.column_names.index(name), name, pa.array(values, table.schema.field(name).type)), f"{name} of row {row}"


def as_text(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Store numbers as text."""
    names = [field.name for field in table.schema if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)]
    name = str(rng.choice(names))
    return table.set_column(table.column_names.index(name), name, table.column(name).cast(pa.string())), f"{name} as text"


def column_dropped(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Drop a column."""
    name = str(rng.choice(table.column_names))
    return table.drop_columns([name]), f"without {name}"


def column_added(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Add a column."""
    return table.append_column("colour", pa.array(np.arange(len(table)))), "with a column colour"


def nulls(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Lose a value."""
    name, row = str(rng.choice(table.column_names)), int(rng.integers(len(table)))
    values = table.column(name).to_pylist()
    values[row] = None
    kind = table.schema.field(name).type
    return table.set_column(table.column_names.index(name), name, pa.array(values, kind)), f"{name} of row {row} null"


def logits_cut(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, str]:
    """Give all samples other numbers of logits."""
    if "logits" not in table.column_names:
        return table, "nothing to change"
    length = int(rng.choice([1, 9, 11]))
    values = pa.array([(one * 2)[:length] for one in table.column("logits").to_pylist()], pa.list_(pa.float32()))
    return table.set_column(table.column_names.index("logits"), "logits", values), f"{length} logits"


@dataclass(frozen=True)
class Raw:
    """An edit of a file that keeps the original's metadata."""

    edit: Edit

    def __call__(self, content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
        file = pq.ParquetFile(io.BytesIO(content))
        table, words = self.edit(file.read(), rng)
        if words == "nothing to change":
            return content, words
        target = io.BytesIO()
        with pq.ParquetWriter(target, table.schema.remove_metadata(), compression="zstd") as writer:
            writer.write_table(table.replace_schema_metadata())
            writer.add_key_value_metadata({tables.METADATA_KEY: file.metadata.metadata[tables.METADATA_KEY]})
        return target.getvalue(), f"{words}, with the original's metadata"


@dataclass(frozen=True)
class Rewritten:
    """An edit of a table that the package's writer accepts, with right checksums; unchanged for others."""

    edit: Edit

    def __call__(self, content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
        file = pq.ParquetFile(io.BytesIO(content))
        stored = provenance.from_json(file.metadata.metadata[tables.METADATA_KEY])
        if stored["table"] not in FORGEABLE:
            return content, "nothing to change"
        schema = SCHEMAS[stored["table"]]
        table, words = self.edit(file.read().replace_schema_metadata(), rng)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "table.parquet")
            try:
                tables.write(path, table, schema, provenance.origin("", stored, schema.place).provenance)
            except DataError:
                return content, "refused by the writer"
            return path.read_bytes(), f"{words}, with right checksums"


EDITS: tuple[Edit, ...] = (
    row_dropped,
    row_twice,
    rows_shuffled,
    view_dropped,
    repeats_exchanged,
    value_changed,
    as_text,
    column_dropped,
    column_added,
    nulls,
    logits_cut,
)
ALL: tuple[Change, ...] = (*map(Raw, EDITS), *map(Rewritten, (row_dropped, view_dropped, logits_cut)))

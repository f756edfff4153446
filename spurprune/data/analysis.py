"""Tables of analyses, whose columns their plugins declare."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.dag import plugins
from spurprune.errors import DataError
from spurprune.storage import tables
from spurprune.storage.columns import ByRepeat, to_numpy
from spurprune.storage.provenance import Origin
from spurprune.storage.schemas import TableSchema
from spurprune.storage.words import BY_REPEAT

NAME = "analysis"
PLACE = ("setting", "analysis", "block")


ANY = TableSchema(NAME, 1, {}, key=(), place=PLACE)  # for what does not depend on the columns


def schema_of(kind: str) -> TableSchema:
    """Return the schema of the table of a kind of analyses; raises ConfigError if there is no such kind."""
    columns = {name: pa.type_for_alias(alias) for name, alias in plugins.declared("analyses", kind, "COLUMNS").items()}
    key, bounds = (plugins.declared("analyses", kind, constant, default) for constant, default in (("KEY", ()), ("BOUNDS", {})))
    every = plugins.declared("analyses", kind, "EVERY_REPEAT", True)
    return TableSchema(NAME, 1, columns, key=tuple(key), place=PLACE, bounds=bounds, every_repeat=every)


def origin_of(path: Path) -> Origin:
    """Return the origin of an analysis's file, of whatever kind; raises DataError if it is missing, damaged or of another place."""
    return tables.origin_of(path, ANY, {})


def kind_of(path: Path) -> str:
    """Return the kind of the analysis in a file; raises DataError if the file is missing, damaged or does not say it."""
    try:
        return str(tables.read_metadata(path, ANY)["notes"]["analysis"]["kind"])
    except (KeyError, TypeError):
        raise DataError(f"{path} does not say of which kind the analysis is; delete the file and rerun.") from None


@dataclass(frozen=True)
class Found:
    """What an analysis found in one repeat: its table's ``columns`` as arrays, without the repeat, and its ``notes``."""

    columns: Mapping[str, np.ndarray]
    notes: Mapping[str, Any]


def to_table(kind: str, repeat: int, columns: Mapping[str, np.ndarray]) -> pa.Table:
    """Return one repeat's columns as a table."""
    schema = schema_of(kind)
    rows = len(next(iter(columns.values())))
    whole = {"repeat": np.full(rows, repeat, dtype=np.int16), **columns}
    return pa.table({name: pa.array(whole[name], schema.columns[name]) for name in schema.columns})


def read(path: Path, kind: str) -> dict[int, Found]:
    """Return what an analysis of some kind found, by repeat; raises DataError if the file is missing, damaged or of another kind."""
    schema = schema_of(kind)
    table, metadata = tables.read(path, schema), tables.read_metadata(path, schema)
    notes = metadata["notes"].get(BY_REPEAT, {})
    if kind_of(path) != kind:
        raise DataError(f"{path} is not of an analysis of kind {kind}; delete the file and rerun.")
    names = [name for name in schema.columns if name != "repeat"]
    return {
        repeat: Found({name: to_numpy(rows.column(name)) for name in names}, notes.get(str(repeat), {}))
        for repeat, rows in ByRepeat(table).items()
    }

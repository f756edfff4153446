"""The schemas of the tables between the stages."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class TableSchema:
    """The contract of one kind of table.

    ``columns`` maps names to types. A name that ends in ``*`` stands for any number of columns with that prefix (``attribute_*``).
    Columns in ``nullable`` may hold nulls; no other may. ``key`` names the columns whose values together identify a row.
    """

    name: str
    version: int
    columns: Mapping[str, pa.DataType]
    key: tuple[str, ...]
    nullable: frozenset[str] = frozenset()

    def type_of(self, column: str) -> pa.DataType | None:
        """Return the declared type of a column, or None if the schema has no such column."""
        if column in self.columns:
            return self.columns[column]
        for name, kind in self.columns.items():
            if name.endswith("*") and column.startswith(name[:-1]) and len(column) > len(name) - 1:
                return kind
        return None

    def may_be_null(self, column: str) -> bool:
        """Return whether a column, given by its real name, may hold nulls."""
        return any(column == n or (n.endswith("*") and column.startswith(n[:-1])) for n in self.nullable)


_LABEL = pa.dictionary(pa.int8(), pa.string())

BASE = TableSchema(
    "base",
    1,
    {
        "sample_id": pa.int64(),
        "split": _LABEL,
        "label": pa.int16(),
        "attribute_*": pa.int16(),
        "ranking_*": pa.int32(),
        "key": pa.string(),
    },
    ("sample_id",),
    frozenset({"attribute_*", "ranking_*"}),
)
SAMPLES = TableSchema(
    "samples",
    2,
    {
        "repeat": pa.int16(),
        "sample_id": pa.int64(),
        "split": _LABEL,
        "label": pa.int16(),
        "attribute_*": pa.int16(),
        "carrier": pa.bool_(),
        "aligned": pa.bool_(),
        "group": pa.int32(),
    },
    ("repeat", "sample_id"),
    frozenset({"attribute_*", "carrier", "aligned", "group"}),
)
DYNAMICS = TableSchema(
    "dynamics",
    2,
    {
        "repeat": pa.int16(),
        "reference_seed": pa.int16(),
        "epoch": pa.int16(),
        "sample_id": pa.int64(),
        "loss": pa.float32(),
        "error": pa.float32(),
        "margin": pa.float32(),
        "predicted": pa.int16(),
        "feature_norm": pa.float32(),
    },
    ("repeat", "reference_seed", "epoch", "sample_id"),
)
DIFFICULTY = TableSchema(
    "difficulty",
    1,
    {
        "repeat": pa.int16(),
        "sample_id": pa.int64(),
        "label": pa.int16(),
        "score": pa.float64(),
        "rank": pa.int32(),
        "rank_in_class": pa.int32(),
        "seed_*": pa.float64(),
    },
    ("repeat", "sample_id"),
)
PLAN = TableSchema(
    "plan",
    2,
    {"repeat": pa.int16(), "sample_id": pa.int64(), "weight": pa.float64(), "reason": _LABEL},
    ("repeat", "sample_id"),
)
PARTITION = TableSchema(
    "partition",
    1,
    {"repeat": pa.int16(), "sample_id": pa.int64(), "part": pa.int32()},
    ("repeat", "sample_id"),
)
EMBEDDING = TableSchema(
    "embedding",
    1,
    {
        "repeat": pa.int16(),
        "sample_id": pa.int64(),
        "split": _LABEL,
        "view": _LABEL,
        "features": pa.list_(pa.float32()),
        "logits": pa.list_(pa.float32()),
    },
    ("repeat", "sample_id", "view"),
)
PREDICTIONS = TableSchema(
    "predictions",
    1,
    {
        "repeat": pa.int16(),
        "sample_id": pa.int64(),
        "split": _LABEL,
        "view": _LABEL,
        "logits": pa.list_(pa.float32()),
    },
    ("repeat", "sample_id", "view"),
)
HISTORY = TableSchema(
    "history",
    3,
    {
        "repeat": pa.int16(),
        "epoch": pa.int16(),
        "split": _LABEL,
        "view": _LABEL,
        "label": pa.int16(),
        "group": pa.int32(),
        "carrier": pa.bool_(),
        "n": pa.int32(),
        "n_correct": pa.int32(),
        "n_as_source": pa.int32(),
        "loss": pa.float64(),
    },
    ("repeat", "epoch", "split", "view", "label", "group", "carrier"),
    frozenset({"group", "carrier", "n_as_source"}),
)
METRICS = TableSchema(
    "metrics",
    2,
    {
        "setting": pa.string(),
        "method": pa.string(),
        "plan": pa.string(),
        "strategy": pa.string(),
        "score": pa.string(),
        "order": pa.string(),
        "sparsity": pa.string(),
        "block": pa.string(),
        "repeat": pa.int16(),
        "split": pa.string(),
        "metric": pa.string(),
        "group": pa.string(),
        "n": pa.int64(),
        "value": pa.float64(),
    },
    ("setting", "method", "plan", "repeat", "split", "metric", "group"),
    frozenset({"score", "order", "sparsity", "group", "value"}),
)

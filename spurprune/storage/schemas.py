"""The schemas of the tables between the stages."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from spurprune.storage.words import DIVISIONS, REASONS, SPLITS, VIEWS

MAX_FLOAT = sys.float_info.max
MAX_WEIGHT = 1e6  # far above any strategy's: 162,770 training samples in one of CelebA's groups would be weighted 40,692


@dataclass(frozen=True)
class TableSchema:
    """The contract of one kind of table.

    ``columns`` maps names to types. A name that ends in ``*`` stands for any number of columns with that prefix (``attribute_*``).
    ``key`` names the columns whose values together identify a row, ``place`` the keys of a provenance that together identify a file.
    Columns in ``nullable`` may hold nulls; no other may. ``bounds`` holds the lowest and highest value of numeric columns, ``words`` the
    values of columns of words. With ``every_repeat``, a file has rows of each of its repeats.
    """

    name: str
    version: int
    columns: Mapping[str, pa.DataType]
    key: tuple[str, ...]
    place: tuple[str, ...]
    nullable: frozenset[str] = frozenset()
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    every_repeat: bool = True

    def type_of(self, column: str) -> pa.DataType | None:
        """Return the declared type of a column, or None if the schema has no such column."""
        return self.columns.get(self.declared(column) or "")

    def may_be_null(self, column: str) -> bool:
        """Return whether a column, given by its real name, may hold nulls."""
        return self.declared(column) in self.nullable

    def declared(self, column: str) -> str | None:
        """Return the name under which a column is declared, such as ``attribute_*``, or None if it is not."""
        if column in self.columns:
            return column
        starred = (name for name in self.columns if name.endswith("*"))
        return next((name for name in starred if column.startswith(name[:-1]) and len(column) > len(name) - 1), None)


_LABEL = pa.dictionary(pa.int8(), pa.string())
_ANY = float("inf")
_COUNT = (0, _ANY)
_FINITE = (-MAX_FLOAT, MAX_FLOAT)
_RUN = ("setting", "method", "candidate", "plan", "block")

BASE = TableSchema(
    "base",
    2,
    {
        "sample_id": pa.int64(),
        "split": _LABEL,
        "label": pa.int16(),
        "attribute_*": pa.int16(),
        "ranking_*": pa.int32(),
        "key": pa.string(),
    },
    key=("sample_id",),
    place=("dataset", "size"),
    nullable=frozenset({"attribute_*", "ranking_*"}),
    bounds={"sample_id": _COUNT, "label": _COUNT, "attribute_*": _COUNT, "ranking_*": _COUNT},
    words={"split": SPLITS},
)
SAMPLES = TableSchema(
    "samples",
    3,
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
    key=("repeat", "sample_id"),
    place=("setting", "block"),
    nullable=frozenset({"attribute_*", "carrier", "aligned", "group"}),
    bounds={"sample_id": _COUNT, "label": _COUNT, "attribute_*": _COUNT, "group": _COUNT},
    words={"split": SPLITS},
)
DYNAMICS = TableSchema(
    "dynamics",
    3,
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
    key=("repeat", "reference_seed", "epoch", "sample_id"),
    place=("setting", "recipe", "block"),
    bounds={"reference_seed": _COUNT, "epoch": (1, _ANY), "sample_id": _COUNT, "predicted": _COUNT},
)
DIFFICULTY = TableSchema(
    "difficulty",
    2,
    {
        "repeat": pa.int16(),
        "sample_id": pa.int64(),
        "label": pa.int16(),
        "score": pa.float64(),
        "rank": pa.int32(),
        "rank_in_class": pa.int32(),
        "seed_*": pa.float64(),
    },
    key=("repeat", "sample_id"),
    place=("setting", "score", "block"),
    bounds={"sample_id": _COUNT, "label": _COUNT, "score": _FINITE, "rank": _COUNT, "rank_in_class": _COUNT},
)
PLAN = TableSchema(
    "plan",
    3,
    {"repeat": pa.int16(), "sample_id": pa.int64(), "weight": pa.float64(), "reason": _LABEL},
    key=("repeat", "sample_id"),
    place=("setting", "plan", "block"),
    bounds={"sample_id": _COUNT, "weight": (0, MAX_WEIGHT)},
    words={"reason": REASONS},
)
PARTITION = TableSchema(
    "partition",
    2,
    {"repeat": pa.int16(), "sample_id": pa.int64(), "part": pa.int32()},
    key=("repeat", "sample_id"),
    place=("setting", "partition", "block"),
    bounds={"sample_id": _COUNT, "part": _COUNT},
)
EMBEDDING = TableSchema(
    "embedding",
    2,
    {
        "repeat": pa.int16(),
        "sample_id": pa.int64(),
        "split": _LABEL,
        "view": _LABEL,
        "features": pa.list_(pa.float32()),
        "logits": pa.list_(pa.float32()),
    },
    key=("repeat", "sample_id", "view"),
    place=_RUN,
    bounds={"sample_id": _COUNT},
    words={"split": SPLITS, "view": VIEWS},
)
TEST_EMBEDDING = replace(EMBEDDING, name="test_embedding")  # of test samples alone, kept for figures
PREDICTIONS = TableSchema(
    "predictions",
    2,
    {
        "repeat": pa.int16(),
        "sample_id": pa.int64(),
        "split": _LABEL,
        "view": _LABEL,
        "logits": pa.list_(pa.float32()),
    },
    key=("repeat", "sample_id", "view"),
    place=_RUN,
    bounds={"sample_id": _COUNT},
    words={"split": SPLITS, "view": VIEWS},
)
HISTORY = TableSchema(
    "history",
    4,
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
    key=("repeat", "epoch", "split", "view", "label", "group", "carrier"),
    place=_RUN,
    nullable=frozenset({"group", "carrier", "n_as_source"}),
    bounds={"epoch": (1, _ANY), "label": _COUNT, "group": _COUNT, "n": (1, _ANY), "n_correct": _COUNT, "n_as_source": _COUNT},
    words={"split": SPLITS, "view": VIEWS},
)
METRICS = TableSchema(
    "metrics",
    3,
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
    key=("setting", "method", "plan", "repeat", "split", "metric", "group"),
    place=_RUN,
    nullable=frozenset({"score", "order", "sparsity", "group", "value"}),
    bounds={"n": _COUNT, "value": _FINITE},
)
EVIDENCE = TableSchema(
    "evidence",
    1,
    {
        "plan": pa.string(),
        "repeat": pa.int16(),
        "split": _LABEL,
        "kind": _LABEL,
        "division": pa.string(),
        "part": pa.string(),
        "n": pa.int64(),
        "n_correct": pa.int64(),
    },
    key=("plan", "repeat", "split", "kind", "division", "part"),
    place=("setting", "block"),
    bounds={"n": (1, _ANY), "n_correct": _COUNT},
    words={"split": SPLITS, "kind": DIVISIONS},
)
ADVICE = TableSchema(
    "advice",
    1,
    {
        "key": pa.string(),
        "sample_id": pa.int64(),
        "label": pa.string(),
        "split": _LABEL,
        "difficulty": pa.float64(),
        "rank": pa.int32(),
        "region": pa.string(),
        "part_*": pa.string(),
        "mislabelled": pa.bool_(),
        "drop": pa.bool_(),
        "why": pa.string(),
    },
    key=("sample_id",),
    place=("setting",),
    nullable=frozenset({"difficulty", "rank", "region", "part_*"}),
    bounds={"sample_id": _COUNT, "difficulty": _FINITE, "rank": _COUNT},
    words={"split": SPLITS},
)

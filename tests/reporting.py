"""Hand-made metrics, histories and samples, for the tests of figures and tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.data import embedding
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.samples import Samples
from spurprune.evaluation.frame import History, Metrics
from spurprune.evaluation.survival import Survival
from spurprune.figures.base import SettingInfo
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels
from spurprune.storage.provenance import Provenance

PATTERN = {"name": "pattern", "attribute": "pattern", "pattern": "v20"}
Values = Mapping[str, Sequence[float | None]]  # one per repeat, by metric; None where a metric is undefined


def metrics_table(runs: Mapping[tuple[str, ...], Values], split: str = "test") -> pa.Table:
    """Return the metrics of whole splits from values by run: (setting, plan), trained by ERM, or (setting, method, plan)."""
    rows = []
    for run, metrics in runs.items():
        setting, method, plan = run if len(run) == 3 else (run[0], "erm", run[1])
        head = {"setting": setting, "method": method, "plan": plan, "strategy": plan.split("-")[0], "block": "000-009", "split": split}
        rows += [
            {**head, "metric": metric, "repeat": repeat, "n": 40, "value": None if value is None or np.isnan(value) else value}
            for metric, values in metrics.items()
            for repeat, value in enumerate(values)
        ]
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in schemas.METRICS.columns.items()})


def metrics_of(*tables_: Mapping[tuple[str, ...], Values]) -> Metrics:
    """Return the metrics of runs as figures receive them."""
    return Metrics.of(pa.concat_tables(metrics_table(runs) for runs in tables_))


def grouping(*classes: str, attribute: Attribute | None = None) -> Grouping:
    """Return the groups of classes by an attribute, by default a line."""
    return Grouping(classes, (attribute or Attribute.of("line", ("without", "with")),))


def history_of(records: Sequence[tuple[int, int, str, str, int, int, int, int]], groups: Grouping) -> History:
    """Return a history from (repeat, epoch, split, view, group, n, n_correct, n_as_source).

    Samples with the last value of the first attribute are carriers, as are all samples in the featured view.
    """
    names = ("repeat", "epoch", "split", "view", "group", "n", "n_correct", "n_as_source")
    columns: dict[str, Any] = {name: list(values) for name, values in zip(names, zip(*records, strict=True), strict=True)}
    cells = [groups.cell(group) for group in columns["group"]]
    last = len(groups.attributes[0].values) - 1 if groups.attributes else None
    columns["label"] = [label for label, _ in cells]
    columns["carrier"] = [
        view == "featured" or (codes[0] == last if codes else None) for view, (_, codes) in zip(columns["view"], cells, strict=True)
    ]
    columns["split"] = labels(columns["split"], ("train", "validation", "test"))
    columns["view"] = labels(columns["view"], ("natural", "featured"))
    table = tables.conform(pa.table({**columns, "loss": [0.0] * len(records)}), schemas.HISTORY, "hand-made")
    return History.of(table, groups)


def training_samples(carrier: Sequence[int], label: int, repeat: int = 0) -> Samples:
    """Return training samples of one class with the ids 0, 1, ...; ``carrier`` says of each: carrier (1), none (0) or unknown (-1)."""
    n = len(carrier)
    known = np.array(carrier, np.int8)
    group = np.where(known < 0, -1, label * 2 + known).astype(np.int32)
    unknown = np.full(n, -1, np.int8)
    return Samples(repeat, np.arange(n), np.full(n, "train", dtype=object), np.full(n, label), {}, known, unknown, group)


def placed_samples(value: Sequence[int], label: Sequence[int], attribute: str, repeat: int = 0) -> Samples:
    """Return test samples with the ids 0, 1, ... and these labels and values of an attribute, -1 where one is unknown."""
    n = len(value)
    unknown = np.full(n, -1, np.int8)
    ids, split, values = np.arange(n), np.full(n, "test", dtype=object), {attribute: np.array(value, np.int16)}
    return Samples(repeat, ids, split, np.array(label), values, unknown, unknown, unknown.astype(np.int32))


def write_embedding(path: Path, features: np.ndarray, repeat: int = 0) -> None:
    """Write features, float [N, D], of the test samples with the ids 0, 1, ... as one repeat of a run's embedding."""
    place = {"setting": "fives", "method": "erm", "candidate": "", "plan": "none", "block": f"{repeat:03d}-{repeat:03d}"}
    features = features.astype(np.float32)
    parts = embedding.to_tables(repeat, "test", "natural", np.arange(len(features)), features, features[:, :2])
    tables.write_parts(path, parts, schemas.TEST_EMBEDDING, Provenance(place, "0+code", "config"))


def patterned(info: SettingInfo, pattern: str, /, **coordinates: Any) -> SettingInfo:
    """Return a setting whose carriers show a pattern; ``coordinates`` are its place in its family's grid."""
    known = {"count": "carriers.count", "pattern": "overlay.pattern"}
    dotted = {known.get(key, f"training.{key}"): value for key, value in coordinates.items()}
    return replace(info, overlay=PATTERN | {"pattern": pattern}, coordinates=dotted)


def survivals_of(setting: str, methods: Iterable[str], repeats: int) -> list[Survival]:
    """Return what masks keep of two layers: of 8 weights 6 and with every repeat one more, of 2 weights 1."""
    layers = [
        (method, repeat, *layer) for method in methods for repeat in range(repeats) for layer in (("conv", 8, 6 + repeat), ("fc", 2, 1))
    ]
    return [Survival(setting, *layer) for layer in layers]

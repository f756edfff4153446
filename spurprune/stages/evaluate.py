"""evaluate: the metrics of one run, one row a metric and repeat."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spurprune.data.inputs import Manifest, read_manifest
from spurprune.data.samples import Samples, from_table, group_name, group_of
from spurprune.errors import DataError
from spurprune.evaluation import metrics
from spurprune.pruning import plan as plans
from spurprune.storage import schemas, tables
from spurprune.storage.tables import to_numpy

Row = dict[str, Any]


def run(
    predictions: Path,
    samples: Path,
    plan: Path,
    manifest: Path,
    setting: dict[str, Any],
    names: dict[str, str],
    repeats: list[int],
    output: Path,
    provenance: tables.Provenance,
) -> None:
    """Write the metrics of a run.

    ``setting`` holds source_class, target_class and attribute; ``names`` the setting, method, plan and block that head every row. Raises
    DataError if predictions are missing or not finite.
    """
    info = read_manifest(manifest)
    by_repeat = from_table(tables.read(samples, schemas.SAMPLES), setting["attribute"])
    predicted = tables.read(predictions, schemas.PREDICTIONS)
    counts = tables.read_metadata(plan, schemas.PLAN)["counts"]
    rows: list[Row] = []
    for repeat in repeats:
        one = by_repeat[repeat]
        mine = predicted.filter(pc.equal(predicted.column("repeat"), repeat))
        rows.extend({"repeat": repeat, **row} for row in _plan_rows(counts[str(repeat)]))
        for split in ("validation", "test"):
            part = mine.filter(pc.equal(mine.column("split").cast(pa.string()), split))
            expected = len(one.rows(split))
            if int((to_numpy(part.column("view")) == "natural").sum()) != expected:
                raise DataError(f"{predictions} lacks predictions of repeat {repeat}'s {split} split; delete the file and rerun.")
            if expected:
                rows.extend({"repeat": repeat, "split": split, **row} for row in _split_rows(part, one, setting, info, str(predictions)))
    parsed = plans.parse(names["plan"])
    head = {**names, "strategy": parsed.strategy, "score": parsed.score, "order": parsed.order, "sparsity": parsed.sparsity}
    columns = {name: pa.array([{**head, **row}.get(name) for row in rows], kind) for name, kind in schemas.METRICS.columns.items()}
    tables.write(output, pa.table(columns), schemas.METRICS, provenance)


def _plan_rows(counts: dict[str, Any]) -> list[Row]:
    """Return what the plan did to the training split: counts, None where they are not known, and the share of all that was pruned."""
    rows = [{"split": "train", "metric": f"{name}_samples", "n": counts["train"], "value": counts[name]} for name in counts]
    return [*rows, {"split": "train", "metric": "pruned_share", "n": counts["train"], "value": counts["pruned"] / counts["train"]}]


def _split_rows(part: pa.Table, samples: Samples, setting: dict[str, Any], info: Manifest, where: str) -> list[Row]:
    logits = to_numpy(part.column("logits").combine_chunks().flatten()).reshape(len(part), -1)
    if not np.isfinite(logits).all():
        bad = to_numpy(part.column("sample_id"))[np.flatnonzero(~np.isfinite(logits).all(axis=1))[0]]
        raise DataError(
            f"{where}: the logits of sample {bad} in repeat {samples.repeat} are not finite; lower training.optimizer.lr or set "
            "training.gradient_clip."
        )
    predicted = logits.argmax(axis=1)
    order = np.argsort(samples.sample_id)
    ids = to_numpy(part.column("sample_id"))
    position = order[np.searchsorted(samples.sample_id, ids, sorter=order).clip(max=len(order) - 1)]
    if not (samples.sample_id[position] == ids).all():
        stranger = ids[samples.sample_id[position] != ids][0]
        raise DataError(f"{where}: repeat {samples.repeat} has no sample {stranger}; delete the file and rerun.")
    label = samples.label[position]
    natural = to_numpy(part.column("view")) == "natural"
    attribute = np.where(natural, samples.attribute[position], 1)
    group = group_of(label, attribute)
    groups = metrics.group_accuracies(predicted, label, group)
    train = samples.group[samples.rows("train")]
    train_counts = {int(g): int(n) for g, n in zip(*np.unique(train[train >= 0], return_counts=True), strict=True)}
    source, target = info.class_index(setting["source_class"]), info.class_index(setting["target_class"])
    featured, plain = (label == target) & (attribute == 1), (label == target) & (attribute == 0)
    of_source = (label == source) & natural
    everyone = int(natural.sum())

    def row(metric: str, n: int, value: float, group: str | None = None) -> Row:
        return {"metric": metric, "n": n, "value": None if np.isnan(value) else value, "group": group}

    return [
        row("accuracy", everyone, metrics.accuracy(predicted[natural], label[natural])),
        row("accuracy_weighted", len(label), metrics.weighted_accuracy(groups, train_counts)),
        row("worst_group_accuracy", len(label), metrics.worst_group_accuracy(groups)),
        row("spurious_misclassification", int(featured.sum()), metrics.predicted_as(predicted, featured, source)),
        row("baseline_misclassification", int(plain.sum()), metrics.predicted_as(predicted, plain, source)),
        row("reverse_misclassification", int(of_source.sum()), metrics.predicted_as(predicted, of_source, target)),
        row("spurious_accuracy", int(featured.sum()), metrics.accuracy(predicted[featured], label[featured])),
        *(row("group_accuracy", n, value, group_name(g, info.classes, setting["attribute"])) for g, (n, value) in groups.items()),
    ]

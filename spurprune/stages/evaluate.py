"""evaluate: the metrics of one run, one row per metric and repeat."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.data import samples as sampling
from spurprune.data.grouping import Grouping
from spurprune.data.inputs import origin_of, read_manifest
from spurprune.data.predicted import PREDICTED, logits_of, require_complete
from spurprune.data.probe import Probe
from spurprune.data.samples import Samples
from spurprune.data.views import NATURAL
from spurprune.evaluation import metrics
from spurprune.evaluation.missing import Missing, Ungrouped, joined
from spurprune.machine.logs import log
from spurprune.pruning import plan as plans
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy, words_of
from spurprune.storage.provenance import Provenance, trace

Row = dict[str, Any]
UNDEFINED = {  # why a metric of the probe has no value
    "spurious_misclassification": "no sample of the probe's target is known to have the feature",
    "baseline_misclassification": "no sample of the probe's target is known to lack the feature",
    "reverse_misclassification": "no sample is of the probe's source",
    "spurious_accuracy": "no sample of the probe's target is known to have the feature",
}


def run(
    *,
    predictions: Path,
    samples: Path,
    plan: Path,
    manifest: Path,
    setting: Mapping[str, Any],
    names: Mapping[str, str],
    repeats: Sequence[int],
    output: Path,
    provenance: Provenance,
) -> None:
    """Write the metrics of a run.

    ``setting`` is what ``config.blocks.evaluation`` returns. ``names`` are the setting, method, plan and block that head every row. Without
    a probe, the metrics that need one are absent. A metric that is undefined in a repeat is null with n = 0; the log and the file's notes
    say why, and how many samples are of unknown group. Raises DataError if a file is not of this run, or if predictions are missing, of
    other samples or not finite.
    """
    info, asked = read_manifest(manifest), {**provenance.place, **names}
    provenance = trace(
        provenance,
        tables.origin_of(predictions, schemas.PREDICTIONS, asked, repeats),
        tables.origin_of(samples, schemas.SAMPLES, asked, repeats),
        tables.origin_of(plan, schemas.PLAN, asked, repeats),
        origin_of(manifest, info),
    )
    of_samples = sampling.read(samples, setting["overlay_attribute"])
    probe = Probe.of(setting["probe"], info)
    predicted = tables.StoredByRepeat(predictions, schemas.PREDICTIONS)
    described = tables.read_metadata(plan, schemas.PLAN)
    of_run = tables.read_metadata(predictions, schemas.PREDICTIONS)
    counts, steps, chosen = described["counts"], of_run["counts"].get("steps", {}), of_run["notes"].get("chosen", {})
    rows: list[Row] = []
    missing: list[Missing] = []
    ungrouped: list[Ungrouped] = []
    for repeat in repeats:
        one = of_samples.by_repeat[repeat]
        mine = predicted.rows(repeat)
        require_complete(mine, one, setting["featured_classes"], probe, str(predictions))
        rows.extend(
            {"repeat": repeat, **row} for row in _plan_rows(counts[str(repeat)], steps.get(str(repeat)), chosen.get(str(repeat), {}))
        )
        of_split = words_of(mine.column("split"))
        for split in PREDICTED:
            part = mine.filter(pa.array(of_split[split])) if split in of_split else mine.slice(0, 0)
            if len(part):
                seen = _observed(part, one, of_samples.grouping, setting["overlay_attribute"], info.num_classes, str(predictions))
                found, reasons = _split_rows(seen, one, of_samples.grouping, probe)
                if probe is not None and setting.get("score_threshold") is not None:
                    found += _score_rows(part, one, probe.source, setting["score_threshold"], info.num_classes, str(predictions))
                rows.extend({"repeat": repeat, "split": split, **row} for row in found)
                missing.extend(Missing(split, metric, reason, (repeat,)) for metric, reason in reasons.items())
                unknown = int((seen.group[seen.natural] < 0).sum())
                ungrouped.extend([Ungrouped(split, unknown, int(seen.natural.sum()), (repeat,))] if unknown else [])
            elif split == "test":
                log.warning("%s, repeat %d: there is no test sample, so the run has no test metrics", names["setting"], repeat)
    found_in: dict[str, list[Missing] | list[Ungrouped]] = {"missing": joined(missing), "unknown_groups": joined(ungrouped)}
    for kind in found_in.values():
        for one_kind in kind:
            log.warning("%s: %s", names["setting"], one_kind.sentence)
    notes = {**provenance.notes, **{key: [one.to_plain() for one in kind] for key, kind in found_in.items() if kind}}
    parsed = plans.parse(described["notes"].get("plan", names["plan"]))  # for a plan that a method chose, the one chosen
    head = {**names, "strategy": parsed.strategy, "score": parsed.score, "order": parsed.order, "sparsity": parsed.sparsity}
    columns = {name: pa.array([{**head, **row}.get(name) for row in rows], kind) for name, kind in schemas.METRICS.columns.items()}
    tables.write(output, pa.table(columns), schemas.METRICS, replace(provenance, notes=notes))


def _plan_rows(counts: dict[str, Any], steps: int | None, chosen: Mapping[str, float]) -> list[Row]:
    """Return what was done with the training split.

    These are the plan's counts, None where unknown, the share pruned, the training steps, if any, and what a refinement chose.
    """
    rows = [{"split": "train", "metric": f"{name}_samples", "n": counts["train"], "value": counts[name]} for name in counts]
    found = {"pruned_share": counts["pruned"] / counts["train"], "training_steps": steps} | {
        f"chosen_{name}": chosen[name] for name in chosen
    }
    return rows + [
        {"split": "train", "metric": name, "n": counts["train"], "value": value} for name, value in found.items() if value is not None
    ]


@dataclass(frozen=True)
class _Observed:
    """Predictions and properties of their samples, as arrays over the same rows; ``natural`` is whether a row is of the natural view."""

    predicted: np.ndarray
    label: np.ndarray
    group: np.ndarray
    carrier: np.ndarray
    natural: np.ndarray


def _observed(
    part: pa.Table, samples: Samples, grouping: Grouping, overlay_attribute: str | None, num_classes: int, where: str
) -> _Observed:
    """Join one split's predictions with the samples; in the featured view all samples have the overlay's attribute."""
    logits = logits_of(part, num_classes, samples.repeat, where)
    position = samples.positions(to_numpy(part.column("sample_id")))
    natural = words_of(part.column("view")).get(NATURAL, np.zeros(len(part), dtype=bool))
    values = {name: codes[position] for name, codes in samples.attributes.items()}
    carrier = samples.carrier[position]
    if overlay_attribute is not None:
        values[overlay_attribute] = np.where(natural, values[overlay_attribute], 1)
        carrier = np.where(natural, carrier, 1)
    label = samples.label[position]
    return _Observed(logits.argmax(axis=1), label, grouping.numbers(label, values), carrier, natural)


def _split_rows(seen: _Observed, samples: Samples, grouping: Grouping, probe: Probe | None) -> tuple[list[Row], dict[str, str]]:
    """Return one split's rows, and why metrics of the whole split are undefined, by metric.

    Groups and classes that have training samples are promised: without one of them in the split, what summarises over them is undefined,
    as is what weighs groups by their shares of training if a class has no training sample of known group.
    """
    train = samples.rows("train")
    train_groups, train_classes = metrics.counts_of(samples.group[train]), metrics.counts_of(samples.label[train])
    groups = metrics.group_accuracies(seen.predicted, seen.label, seen.group)
    predicted, label = seen.predicted[seen.natural], seen.label[seen.natural]
    classes = metrics.group_accuracies(predicted, label, label)
    lacking, of_known_group = metrics.lacking(groups, train_groups), sum(n for n, _ in groups.values())
    ungrouped = metrics.without_group(samples.label[train], samples.group[train])
    weighted = math.nan if ungrouped else metrics.weighted_accuracy(groups, train_groups)
    shown = sorted({**groups, **dict.fromkeys(lacking, (0, math.nan))}.items())
    whole = [
        _row("accuracy", len(label), metrics.accuracy(predicted, label)),
        _row("accuracy_weighted", of_known_group, weighted),
        _row("worst_group_accuracy", of_known_group, metrics.worst_group_accuracy(groups, train_groups)),
        _row("worst_class_accuracy", len(label), metrics.worst_group_accuracy(classes, train_classes)),
        *_alignment_rows(seen, grouping, train_groups, lacking),
        *(_probe_rows(seen, probe) if probe else []),
    ]
    of_groups = [_row("group_accuracy", n, value, grouping.name(g)) for g, (n, value) in shown]
    no_group = _no_sample_of(grouping.name(g) for g in lacking) or "no sample is known to belong to a group"
    why = UNDEFINED | {
        "accuracy_weighted": _no_known_group([grouping.classes[c] for c in ungrouped] if train_groups else []) if ungrouped else no_group,
        "worst_group_accuracy": no_group,
        "aligned_accuracy": no_group,
        "conflict_accuracy": no_group,
        "worst_class_accuracy": _no_sample_of(grouping.classes[c] for c in metrics.lacking(classes, train_classes)),
    }
    return whole + of_groups, {row["metric"]: why[row["metric"]] for row in whole if row["value"] is None}


def _no_sample_of(names: Iterable[str]) -> str:
    """Return that no sample is of any of the named groups or classes, empty without names."""
    quoted = " or ".join(f"'{name}'" for name in names)
    return f"no sample is of {quoted}, which training has" if quoted else ""


def _no_known_group(classes: Iterable[str]) -> str:
    """Return that no training sample is of known group, at least none of the named classes."""
    quoted = " or ".join(f"'{name}'" for name in classes)
    return f"no training sample{f' of {quoted}' if quoted else ''} is known to belong to a group"


def _alignment_rows(seen: _Observed, grouping: Grouping, train_groups: dict[int, int], lacking: Sequence[int]) -> list[Row]:
    """Return the accuracies over aligned groups and over those in conflict; none where class and attributes are independent in training.

    One whose groups are ``lacking`` in part is unknown.
    """
    counts = np.zeros(grouping.num_groups, dtype=np.int64)
    counts[list(train_groups)] = list(train_groups.values())
    sign = metrics.alignment(counts.reshape(len(grouping.classes), -1)).ravel()
    if not sign.any():
        return []
    rows = []
    for name, side in (("aligned_accuracy", 1), ("conflict_accuracy", -1)):
        mine = (seen.group >= 0) & (sign[seen.group] == side)
        value = math.nan if any(sign[lacking] == side) else metrics.accuracy(seen.predicted[mine], seen.label[mine])
        rows.append(_row(name, int(mine.sum()), value))
    return rows


def _probe_rows(seen: _Observed, probe: Probe) -> list[Row]:
    is_target = probe.is_target(seen.label)
    featured, plain = is_target & (seen.carrier == 1), is_target & (seen.carrier == 0)
    of_source = (seen.label == probe.source) & seen.natural
    as_target = probe.is_target(seen.predicted) & of_source
    return [
        _row("spurious_misclassification", int(featured.sum()), metrics.predicted_as(seen.predicted, featured, probe.source)),
        _row("baseline_misclassification", int(plain.sum()), metrics.predicted_as(seen.predicted, plain, probe.source)),
        _row("reverse_misclassification", int(of_source.sum()), metrics.share(as_target[of_source])),
        _row("spurious_accuracy", int(featured.sum()), metrics.accuracy(seen.predicted[featured], seen.label[featured])),
    ]


def _score_rows(part: pa.Table, samples: Samples, source: int, threshold: float, num_classes: int, where: str) -> list[Row]:
    """Return the spurious scores of one split, over all samples and over those of other classes; none if no sample has both views."""
    logits, ids = logits_of(part, num_classes, samples.repeat, where), to_numpy(part.column("sample_id"))
    natural = to_numpy(part.column("view")) == NATURAL
    both, *positions = np.intersect1d(ids[natural], ids[~natural], assume_unique=True, return_indices=True)
    if not len(both):
        return []
    first, second = (logits[members][rows] for members, rows in zip((natural, ~natural), positions, strict=True))
    is_drawn = metrics.drawn_to(first, second, source, threshold)
    other = samples.label[samples.positions(both)] != source
    return [
        _row("spurious_score", len(both), metrics.share(is_drawn)),
        _row("spurious_score_others", int(other.sum()), metrics.share(is_drawn[other])),
    ]


def _row(metric: str, n: int, value: float, group: str | None = None) -> Row:
    undefined = math.isnan(value)
    return {"metric": metric, "n": 0 if undefined else n, "value": None if undefined else value, "group": group}

"""prune_metadata: the sample weights of a plan, from difficulty, a partition, a run's predictions, or none of these."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.dag import plugins
from spurprune.data import samples as sampling
from spurprune.data.inputs import origin_of, read_manifest
from spurprune.data.probe import Probe
from spurprune.errors import PlanError
from spurprune.machine.logs import log
from spurprune.pruning import plan as plans
from spurprune.pruning.parts import Parts
from spurprune.pruning.plan import Plan
from spurprune.pruning.recalls import Recalls
from spurprune.pruning.weights import EXACT, Request, Weights
from spurprune.storage import columns, schemas, tables
from spurprune.storage.provenance import Provenance, trace
from spurprune.storage.words import BY_REPEAT, REASONS

WAY_OUT = "change the setting so that it has some"


def run(
    *,
    samples: Path,
    difficulty: Path | None,
    partition: Path | None,
    manifest: Path,
    plan: str,
    setting: Mapping[str, Any],
    repeats: Sequence[int],
    output: Path,
    provenance: Provenance,
    predictions: Path | None = None,
) -> None:
    """Write the weight of every training sample of every repeat, and why: 0 = pruned, 1 = kept, others as the strategy weighs them.

    ``plan`` is a plan's name; ``difficulty`` is None if it names no score, ``partition`` if it names no partition, or the classes,
    ``predictions`` if it names no method, otherwise they are those of the method's run without pruning. ``setting`` holds the setting's
    probe and, where predictions are read, what ``config.blocks.evaluation`` returns. Raises PlanError if the samples lack what the plan
    needs, if a sparsity above 0 would prune nothing, or that names a class which would be left empty.
    """
    parsed = plans.parse(plan)
    weigh = plugins.load("strategies", parsed.strategy).weigh
    info = read_manifest(manifest)
    probe = Probe.of(setting["probe"], info)
    origins = [origin_of(manifest, info), tables.origin_of(samples, schemas.SAMPLES, provenance.place, repeats)]
    if difficulty is not None:
        asked = {**provenance.place, **({"score": parsed.score} if parsed.score else {})}
        origins.append(tables.origin_of(difficulty, schemas.DIFFICULTY, asked, repeats))
    if partition is not None:
        asked = {**provenance.place, **({"partition": parsed.partition} if parsed.partition else {})}
        origins.append(tables.origin_of(partition, schemas.PARTITION, asked, repeats))
    if predictions is not None:
        asked = {**provenance.place, "method": str(parsed.predictor), "plan": plans.NO_PRUNING, "candidate": ""}
        origins.append(tables.origin_of(predictions, schemas.PREDICTIONS, asked, repeats))
    provenance = trace(provenance, *origins)
    by_repeat = sampling.read(samples).by_repeat
    ranks = None if difficulty is None else columns.ByRepeat(tables.read(difficulty, schemas.DIFFICULTY, ["repeat", "sample_id", "rank"]))
    division = _parts(parsed, partition, info.classes)
    recalls = None if predictions is None else Recalls.read(predictions, info.classes, setting["featured_classes"], probe)
    parts, counts, visits = [], {}, EXACT
    noted: dict[str, Mapping[str, Any]] = {}
    for repeat in repeats:
        one = by_repeat[repeat]
        train = one.rows("train")
        sample_id, label = one.sample_id[train], one.label[train]
        where = f"{provenance.setting}, plan '{plan}', repeat {repeat}"
        request = Request(
            plan=parsed,
            repeat=repeat,
            label=label,
            group=one.group[train],
            carrier=one.carrier[train],
            aligned=one.aligned[train],
            rank=None if ranks is None else columns.values_of(ranks, "rank", repeat, sample_id, str(difficulty)),
            part=None if division is None else division.of(repeat, sample_id, label),
            parts=() if division is None else division.names,
            division={} if division is None else division.block,
            source=None if probe is None else probe.source,
            silhouette=None if division is None else division.silhouette(repeat, info.classes),
        )
        try:
            if recalls is not None:
                recall = recalls.of(one)
                request = replace(request, recall=recall)
                noted[str(repeat)] = {"recall": recalls.named(recall)}
            weights = weigh(request)
            _check(weights, request, info.classes)
            _check_effect(weights, request, info.classes)
        except PlanError as error:
            raise PlanError(f"{where}: {error}") from error
        if weights.notice:
            log.warning("%s: %s", where, weights.notice)
        visits = weights.visits
        counts[str(repeat)] = _counts(weights, request.carrier)
        parts.append(
            pa.table(
                {
                    "repeat": np.full(len(train), repeat, dtype=np.int16),
                    "sample_id": sample_id,
                    "weight": weights.weight,
                    "reason": columns.labels(_reasons(weights), REASONS),
                }
            )
        )
    table = pa.concat_tables([part.unify_dictionaries() for part in parts])
    notes = {"plan": plan, "visits": visits} | ({BY_REPEAT: noted} if noted else {})
    tables.write(output, table, schemas.PLAN, replace(provenance, counts=counts, notes=notes))


def _parts(plan: Plan, path: Path | None, classes: tuple[str, ...]) -> Parts | None:
    """Return the parts that a plan names: those in a partition's file, the classes, or None."""
    if plan.partition in (None, plans.CLASS):
        return None if plan.partition is None else Parts(classes)
    assert path is not None
    return Parts.read(path)


def _check(weights: Weights, request: Request, classes: Sequence[str]) -> None:
    """Raise PlanError if a weight is negative or not finite, or if a class is left without samples."""
    weight, label = weights.weight, request.label
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise PlanError(
            f"the weight {weight[~(np.isfinite(weight) & (weight >= 0))][0]} is not a finite number of 0 or more; choose another plan."
        )
    for value in np.setdiff1d(label, label[weight > 0]):
        way_out = "choose another partition" if request.plan.sparsity is None else "lower the sparsity"
        if request.recall is not None:
            way_out = f"its recall is {request.recall[value]:.3f}, so {way_out}, hold out more samples or name a method trained less"
        raise PlanError(f"class '{classes[int(value)]}' would lose all its {int((label == value).sum())} training samples; {way_out}.")


def _check_effect(weights: Weights, request: Request, classes: Sequence[str]) -> None:
    """Raise PlanError if a plan with a sparsity has no candidates, lacks those of a class, or prunes none although it is above 0."""
    plan = request.plan
    if plan.sparsity is None:
        return
    if plugins.declared("strategies", plan.strategy, "MAY_FIND_NONE", False):
        return
    what = plugins.declared("strategies", plan.strategy, "CANDIDATES", "all training samples")
    count = int(weights.candidates.sum())
    if not count:
        raise PlanError(f"the candidates are {what}, of which there are none, so nothing could be pruned; remove the plan or {WAY_OUT}.")
    if "aligned" in plugins.declared("strategies", plan.strategy, "NEEDS", ()):
        for value in np.setdiff1d(request.label[request.aligned >= 0], request.label[weights.candidates]):
            raise PlanError(
                f"the candidates are {what}, of which class '{classes[int(value)]}' has none although 'aligned' names it; remove the class "
                f"from 'aligned' or {WAY_OUT}."
            )
    if float(plan.sparsity) > 0 and (weights.weight > 0).all():
        raise PlanError(
            f"the candidates are {what}, {count:,} samples, of which a sparsity of {plan.sparsity} rounds to none, so nothing would be "
            "pruned; raise the sparsity or remove the plan."
        )


def _counts(weights: Weights, carrier: np.ndarray) -> dict[str, int | None]:
    """Return a summary of one repeat's plan; the counts of carriers are None if the carriers are unknown."""
    pruned, known = weights.weight == 0, bool((carrier >= 0).any())
    return {
        "candidates": int(weights.candidates.sum()),
        "pruned": int((pruned & weights.candidates).sum()),
        "train": len(carrier),
        "visits": round(float(weights.weight.sum())),  # per epoch
        "carriers": int((carrier == 1).sum()) if known else None,
        "pruned_carriers": int((pruned & (carrier == 1)).sum()) if known else None,
    }


def _reasons(weights: Weights) -> np.ndarray:
    """Return each sample's position in ``REASONS``, int8 [N]."""
    pruned, kept = weights.weight == 0, weights.weight == 1
    chosen = np.select([pruned, kept], [REASONS.index("pruned"), REASONS.index("kept")], REASONS.index("reweighted"))
    return np.where(weights.candidates, chosen, REASONS.index("no candidate")).astype(np.int8)

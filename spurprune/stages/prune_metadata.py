"""prune_metadata: sample weights from difficulty by a plan."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune import seeds
from spurprune.data.inputs import read_manifest
from spurprune.data.samples import from_table
from spurprune.errors import PlanError
from spurprune.pruning import plan as plans
from spurprune.pruning import strategies
from spurprune.storage import schemas, tables

REASONS = ("no candidate", "kept", "pruned")


def run(
    samples: Path,
    difficulty: Path | None,
    manifest: Path,
    plan_name: str,
    attribute: str,
    source_class: str,
    repeats: list[int],
    output: Path,
    provenance: tables.Provenance,
) -> None:
    """Write the weights of every training sample of every repeat: 0 = pruned, 1 = kept.

    ``difficulty`` is None for the plans ``none`` and ``random``. Raises PlanError if a class would be left empty, naming it.
    """
    plan = plans.parse(plan_name)
    info = read_manifest(manifest)
    by_repeat = from_table(tables.read(samples, schemas.SAMPLES), attribute)
    ranks = None if difficulty is None else tables.read(difficulty, schemas.DIFFICULTY, ["repeat", "sample_id", "rank"])
    parts, counts = [], []
    for repeat in repeats:
        one = by_repeat[repeat]
        train = one.rows("train")
        label, group = one.label[train], one.group[train]
        source = info.class_index(source_class)
        candidates = strategies.candidates_of(plan.strategy, label, one.attribute[train], one.aligned[train], source)
        rank = _ranks(ranks, repeat, one.sample_id[train], str(difficulty))
        try:
            pruned = strategies.prune(plan, label, group, candidates, rank)
        except PlanError as error:
            raise PlanError(f"{provenance.setting}, plan '{plan_name}', repeat {repeat}: {error}") from error
        for value in np.setdiff1d(label, label[~pruned]):
            raise PlanError(
                f"{provenance.setting}, plan '{plan_name}', repeat {repeat}: class '{info.classes[int(value)]}' would lose all its "
                f"{int((label == value).sum())} training samples; lower the sparsity."
            )
        carrier, known = one.attribute[train] == 1, bool((one.attribute[train] >= 0).any())
        counts.append(
            {
                "candidates": int(candidates.sum()),
                "pruned": int(pruned.sum()),
                "train": len(train),
                "carriers": int(carrier.sum()) if known else None,
                "pruned_carriers": int((pruned & carrier).sum()) if known else None,
            }
        )
        parts.append(
            pa.table(
                {
                    "repeat": np.full(len(train), repeat, dtype=np.int16),
                    "sample_id": one.sample_id[train],
                    "weight": (~pruned).astype(np.float32),
                    "reason": tables.labels(candidates.astype(np.int8) + pruned, REASONS),
                }
            )
        )
    table = pa.concat_tables([part.unify_dictionaries() for part in parts])
    per_repeat = {str(repeat): count for repeat, count in zip(repeats, counts, strict=True)}
    tables.write(output, table, schemas.PLAN, replace(provenance, counts=per_repeat, notes={"plan": plan_name}))


def _ranks(ranks: pa.Table | None, repeat: int, sample_id: np.ndarray, where: str) -> np.ndarray:
    """Return the overall ranks in the order of ``sample_id``; a random order where the plan needs no difficulty."""
    if ranks is None:
        return seeds.generator(seeds.PRUNING, repeat).permutation(len(sample_id))
    return tables.values_of(ranks, "rank", repeat, sample_id, where)

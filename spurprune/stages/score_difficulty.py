"""score_difficulty: one number a training sample from its training dynamics."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spurprune import seeds
from spurprune.dag import plugins
from spurprune.difficulty.dynamics import Dynamics
from spurprune.difficulty.ranks import ranks, ranks_within
from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.tables import to_numpy

SHARED_REPEAT = -1  # the repeat number under which a reference shared among repeats is stored
ARRAYS = ("loss", "error", "margin", "correct", "feature_norm")


def run(
    samples: Path,
    dynamics: Path | None,
    score: str,
    epochs: str | list[int],
    repeats: list[int],
    output: Path,
    provenance: tables.Provenance,
) -> None:
    """Score every training sample of every repeat: mean over reference seeds, per-seed columns, ranks overall and within the class.

    ``epochs`` selects among the recorded epochs, "all" takes every one; ``dynamics`` is None for the random score. Where the reference
    is shared among repeats, every repeat gets the same scores, with its own order of ties.
    """
    function = plugins.load("scores", score).score
    table = tables.read(samples, schemas.SAMPLES, ["repeat", "sample_id", "split", "label"])
    table = table.filter(pc.equal(table.column("split").cast(pa.string()), "train"))
    recorded = None if dynamics is None else tables.read(dynamics, schemas.DYNAMICS)
    parts, shared = [], False
    for repeat in repeats:
        rows = table.filter(pc.equal(table.column("repeat"), repeat))
        sample_id, label = to_numpy(rows.column("sample_id")), to_numpy(rows.column("label"))
        if recorded is None:
            none = np.zeros((1, 1, len(sample_id)), dtype=np.float32)
            data = Dynamics(none, none, none, none, none, seed=seeds.stream_seed(seeds.DIFFICULTY, repeat))
        else:
            shared = pc.any(pc.equal(recorded.column("repeat"), SHARED_REPEAT)).as_py()
            data = to_arrays(recorded, SHARED_REPEAT if shared else repeat, sample_id, epochs, str(dynamics))
        per_seed = function(data)
        mean = per_seed.mean(axis=0)
        if not np.isfinite(mean).all():
            bad = int(sample_id[int(np.flatnonzero(~np.isfinite(mean))[0])])
            raise DataError(
                f"{dynamics}: the {score} score of sample {bad} in repeat {repeat} is not finite; lower training.optimizer.lr or set "
                "training.gradient_clip."
            )
        rank = ranks(mean, seeds.generator(seeds.TIES, repeat))
        columns = {
            "repeat": np.full(len(sample_id), repeat, dtype=np.int16),
            "sample_id": sample_id,
            "label": label,
            "score": mean,
            "rank": rank,
            "rank_in_class": ranks_within(rank, label),
        }
        parts.append(pa.table(columns | {f"seed_{k}": values for k, values in enumerate(per_seed)}))
    result = pa.concat_tables(parts)
    tables.require_unique(result, schemas.DIFFICULTY, str(output))
    counts = {"samples": len(result) // len(repeats), "reference_seeds": sum(n.startswith("seed_") for n in result.column_names)}
    notes = {"score": score, "epochs": epochs, "shared_reference": bool(shared)}
    tables.write(output, result, schemas.DIFFICULTY, replace(provenance, counts=counts, notes=notes))


def to_arrays(table: pa.Table, repeat: int, sample_id: np.ndarray, epochs: str | list[int], where: str) -> Dynamics:
    """Return one repeat's dynamics, arrays [seeds, epochs, samples] in the order of ``sample_id``; raises DataError if rows are missing."""
    table = table.filter(pc.equal(table.column("repeat"), repeat))
    if epochs != "all":
        table = table.filter(pc.is_in(table.column("epoch"), pa.array(epochs, pa.int16())))
    table = table.sort_by([("reference_seed", "ascending"), ("epoch", "ascending"), ("sample_id", "ascending")])
    num_seeds = pc.count_distinct(table.column("reference_seed")).as_py()
    num_epochs = pc.count_distinct(table.column("epoch")).as_py()
    order = np.argsort(sample_id)
    if len(table) != num_seeds * num_epochs * len(sample_id) or len(table) == 0:
        raise DataError(f"{where} lacks dynamics of repeat {repeat} (it holds {len(table)} rows); delete the file and rerun.")
    found = to_numpy(table.column("sample_id")).reshape(num_seeds, num_epochs, -1)
    if not (found == sample_id[order]).all():
        raise DataError(f"{where} holds dynamics of other samples than the setting's training split; delete the file and rerun.")
    back = np.argsort(order)
    columns = (to_numpy(table.column(name)).reshape(num_seeds, num_epochs, -1)[:, :, back] for name in ARRAYS)
    loss, error, margin, correct, feature_norm = columns
    return Dynamics(loss, error, margin, correct, feature_norm)

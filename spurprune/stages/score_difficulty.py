"""score_difficulty: one number per training sample from its training dynamics."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spurprune import seeds
from spurprune.dag import plugins
from spurprune.difficulty.dynamics import Dynamics
from spurprune.difficulty.ranks import ranks, ranks_within
from spurprune.difficulty.recorded import Recorded, origin_of
from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import ByRepeat, to_numpy
from spurprune.storage.provenance import Provenance, trace


def run(
    *,
    samples: Path,
    dynamics: Path | None,
    score: str,
    reference: str | None,
    epochs: str | Sequence[int],
    repeats: Sequence[int],
    output: Path,
    provenance: Provenance,
) -> None:
    """Score every training sample of every repeat: mean over reference seeds, per-seed columns, ranks overall and within the class.

    ``epochs`` selects among the recorded epochs, or is "all"; ``dynamics`` and ``reference``, the name of the recipe that recorded them,
    are None for the random score. If the reference is shared among
    repeats, they get the same scores, but each breaks ties in its own order. Raises DataError if dynamics are missing or a score is not
    finite.
    """
    function = plugins.load("scores", score).score
    origins = [tables.origin_of(samples, schemas.SAMPLES, provenance.place, repeats)]
    if dynamics is not None:
        origins.append(origin_of(dynamics, {**provenance.place, **({"recipe": reference} if reference else {})}, repeats))
    provenance = trace(provenance, *origins)
    table = tables.read(samples, schemas.SAMPLES, ["repeat", "sample_id", "split", "label"])
    train = ByRepeat(table.filter(pc.equal(table.column("split").cast(pa.string()), "train")))
    recorded = None if dynamics is None else Recorded.read(dynamics)
    parts = []
    for repeat in repeats:
        rows = train.rows(repeat)
        sample_id, label = to_numpy(rows.column("sample_id")), to_numpy(rows.column("label"))
        if recorded is None:
            data = _empty(label, seeds.stream_seed(seeds.DIFFICULTY, repeat))
        else:
            chosen = None if isinstance(epochs, str) else epochs
            data = Dynamics(**recorded.arrays(repeat, sample_id, epochs=chosen), label=label, seed=0)
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
    counts = {"samples": len(result) // len(repeats), "reference_seeds": sum(n.startswith("seed_") for n in result.column_names)}
    notes = {"score": score, "epochs": epochs, "shared_reference": recorded is not None and recorded.shared}
    tables.write(output, result, schemas.DIFFICULTY, replace(provenance, counts=counts, notes=notes))


def _empty(label: np.ndarray, seed: int) -> Dynamics:
    """Return all-zero dynamics of one seed and epoch, for a score that needs no reference run."""
    zeros = np.zeros((1, 1, len(label)), dtype=np.float32)
    return Dynamics(zeros, zeros, zeros, zeros, zeros, label, seed)

"""Runs by several rules of choice that turn out to be the same training are trained once."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from spurprune.config.methods import STEPS_OF
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage import schemas, tables, timings
from spurprune.storage.canonical import config_hash
from spurprune.storage.columns import to_numpy
from spurprune.storage.provenance import Provenance

NOTE = "training"  # the key of a run's notes that holds its digest
# Inputs whose bytes do not count: plans have names of their own, the manifest has the hash of the inputs, what was chosen is in the method.
NOT_BY_BYTES = ("plan", "other_plan", "inputs", "selection", "start_selection")
OUTPUTS = {"predictions", "history", "timing"}  # a run that keeps networks is always trained, since their file names the method


@dataclass(frozen=True)
class Plan:
    """A plan by content: a table with the columns repeat, sample_id and weight, and how weights become visits."""

    weights: pa.Table
    visits: str

    def digest(self) -> list[str]:
        """Return what identifies the plan, whatever its name."""
        contents = (to_numpy(self.weights.column(name)).tobytes() for name in ("repeat", "sample_id", "weight"))
        return [self.visits, *(hashlib.sha256(content).hexdigest() for content in contents)]


def digest(
    *,
    inputs: Mapping[str, Path],
    setting: Mapping[str, Any],
    method: Mapping[str, Any],
    repeats: Sequence[int],
    plans: Iterable[Plan],
    code: str,
) -> str:
    """Return a digest of everything that determines a training run's result: equal digests mean equal results on equal machines.

    ``setting`` includes the method's training, ``method`` the values that were chosen; ``plans`` are those that it is trained by.
    """
    options = {name: value for name, value in method["options"].items() if name != STEPS_OF}  # a name, whose plan is among ``plans``
    described = {"setting": setting, "method": {**method, "options": options}, "repeats": list(repeats), "code": code}
    contents = {name: _hash_of(path) for name, path in inputs.items() if name not in NOT_BY_BYTES}
    return config_hash({**described, "inputs": contents, "plans": [plan.digest() for plan in plans]})


def take_over(training: str, others: Iterable[Path], outputs: Mapping[str, Path], provenance: Provenance) -> bool:
    """If one of ``others`` has the digest ``training``, write its results as this run's own and return True.

    ``others`` are the predictions of runs, whose history and timing lie beside them. What was measured stays as it was: the seconds are
    those of the training. Raises DataError if the results of the same training are damaged.
    """
    if set(outputs) != OUTPUTS:
        return False
    for path in others:
        if tables.read_metadata(path, schemas.PREDICTIONS)["notes"].get(NOTE) != training:
            continue
        log.info("the same training as that of %s, whose results are taken over", path)
        own = provenance
        for name, schema in {"history": schemas.HISTORY, "predictions": schemas.PREDICTIONS}.items():
            source = path.with_name(f"{name}.parquet")
            kept = tables.read_metadata(source, schema)
            if kept["notes"].get(NOTE) != training:
                raise DataError(f"{source} and {path} are not of one run; delete both and rerun.")
            own = replace(provenance, counts=kept["counts"], notes=kept["notes"])
            tables.write(outputs[name], tables.read(source, schema), schema, own)
        took = timings.read(path.with_name("timing.json"))
        seconds = 0.0 if took.seconds is None else took.seconds * took.repeats
        timings.write(outputs["timing"], own, seconds=seconds, repeats=took.repeats, resumed=took.seconds is None)
        return True
    return False


def _hash_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""partition: which part of a partition each training sample belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.dag import plugins
from spurprune.data import samples as sampling
from spurprune.difficulty.recorded import Recorded, origin_of
from spurprune.pruning.partitioning import Request
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance, trace


def run(
    *,
    samples: Path,
    dynamics: Path | None,
    partition: Mapping[str, Any],
    repeats: Sequence[int],
    output: Path,
    provenance: Provenance,
) -> None:
    """Write the part of every training sample of every repeat.

    ``partition`` is a block of the setting's partitions: a ``kind`` and its options. ``dynamics`` is None for kinds that need no
    reference; a reference shared among repeats serves all of them. Raises DataError if the samples or the dynamics lack what the kind
    needs.
    """
    plugin = plugins.load("partitions", partition["kind"])
    options = {**plugins.defaults("partitions", partition["kind"]), **partition}
    origins = [tables.origin_of(samples, schemas.SAMPLES, provenance.place, repeats)]
    if dynamics is not None:
        origins.append(origin_of(dynamics, {**provenance.place, "recipe": partition["reference"]}, repeats))
    provenance = trace(provenance, *origins)
    found = sampling.read(samples)
    recorded = None if dynamics is None else Recorded.read(dynamics, ["predicted"])
    tables_, counts, names = [], {}, ()
    for repeat in repeats:
        one = found.by_repeat[repeat]
        train = one.rows("train")
        sample_id = one.sample_id[train]
        request = Request(repeat, sample_id, one.label[train], one.group[train], found.grouping, options, recorded)
        part, names = plugin.parts(request)
        size = np.bincount(part, minlength=len(names)).tolist()
        counts[str(repeat)] = dict(zip(names, size, strict=True))
        tables_.append(pa.table({"repeat": np.full(len(train), repeat, dtype=np.int16), "sample_id": sample_id, "part": part}))
    notes = {"partition": dict(partition), "parts": list(names)}
    tables.write(output, pa.concat_tables(tables_), schemas.PARTITION, replace(provenance, counts=counts, notes=notes))

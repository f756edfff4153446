"""partition: which part of a partition each training sample belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.dag import plugins
from spurprune.data import analysis as analyses
from spurprune.data import embedding as embeddings
from spurprune.data import samples as sampling
from spurprune.difficulty.recorded import Recorded, origin_of
from spurprune.pruning.partitioning import Request
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance, trace
from spurprune.storage.words import BY_REPEAT


def run(
    *,
    samples: Path,
    dynamics: Path | None,
    partition: Mapping[str, Any],
    repeats: Sequence[int],
    output: Path,
    provenance: Provenance,
    embedding: Path | None = None,
    analysis: Path | None = None,
) -> None:
    """Write the part of every training sample of every repeat, and what the kind notes of each repeat.

    ``partition`` is a block of the setting's partitions: a ``kind`` and its options. ``dynamics`` is None for kinds that need no
    reference; a reference shared among repeats serves all of them. ``embedding``, of the run that the block names, is None for kinds that
    need no network, and so is ``analysis``, a file of the one that it names. Raises DataError if a file lacks what the kind needs.
    """
    plugin = plugins.load("partitions", partition["kind"])
    options = {**plugins.defaults("partitions", partition["kind"]), **partition}
    origins = [tables.origin_of(samples, schemas.SAMPLES, provenance.place, repeats)]
    if dynamics is not None:
        origins.append(origin_of(dynamics, {**provenance.place, "recipe": partition["reference"]}, repeats))
    if embedding is not None:
        of_run = {**provenance.place, "method": options["from"], "plan": options["plan"], "candidate": ""}
        origins.append(tables.origin_of(embedding, schemas.EMBEDDING, of_run, repeats))
    kind = plugins.declared("partitions", partition["kind"], "ANALYSIS")
    if analysis is not None:
        place = {**provenance.place, "analysis": options["analysis"]}
        origins.append(tables.origin_of(analysis, analyses.schema_of(kind), place, repeats))
    provenance = trace(provenance, *origins)
    analysed = {} if analysis is None else analyses.read(analysis, kind)
    found = sampling.read(samples)
    recorded = None if dynamics is None else Recorded.read(dynamics, ["predicted"])
    tables_, counts, names = [], {}, ()
    noted: dict[str, Mapping[str, Any]] = {}
    for repeat in repeats:
        one = found.by_repeat[repeat]
        train = one.rows("train")
        sample_id = one.sample_id[train]
        carrier = one.carrier[train]
        request = Request(repeat, sample_id, one.label[train], one.group[train], found.grouping, options, recorded, carrier=carrier)
        if embedding is not None:
            seen = embeddings.read(embedding, repeat)
            seen.require_classes(len(found.grouping.classes), str(embedding))
            rows = seen.rows_of("train", sample_id, str(embedding))
            request = replace(request, features=seen.features[rows], logits=seen.logits[rows])
        if analysis is not None:
            request = replace(request, analysis=analysed[repeat])
        part, names, *notes = plugin.parts(request)
        noted |= {str(repeat): one_note for one_note in notes}
        size = np.bincount(part, minlength=len(names)).tolist()
        counts[str(repeat)] = dict(zip(names, size, strict=True))
        tables_.append(pa.table({"repeat": np.full(len(train), repeat, dtype=np.int16), "sample_id": sample_id, "part": part}))
    about = {"partition": dict(partition), "parts": list(names)} | ({BY_REPEAT: noted} if noted else {})
    tables.write(output, pa.concat_tables(tables_), schemas.PARTITION, replace(provenance, counts=counts, notes=about))

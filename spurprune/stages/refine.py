"""refine: a new last layer for another method's kept models, fitted to their embeddings; its predictions and weights."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.config import methods
from spurprune.dag import plugins
from spurprune.data import embedding as embeddings
from spurprune.data import samples as sampling
from spurprune.data.embedding import Embedding
from spurprune.data.grouping import Grouping
from spurprune.data.samples import Samples
from spurprune.evaluation.choices import origins_of, read_selection
from spurprune.machine.logs import Progress
from spurprune.storage import columns, schemas, tables, timings
from spurprune.storage.provenance import Provenance, trace
from spurprune.storage.words import VIEWS
from spurprune.training import head_files
from spurprune.training.refinement import Head, Request, complete_options


def run(
    *,
    inputs: Mapping[str, Path],
    method: Mapping[str, Any],
    source: str | None,
    repeats: Sequence[int],
    outputs: Mapping[str, Path],
    provenance: Provenance,
) -> None:
    """Refine every repeat's last layer and write its predictions of validation and test samples, in the views that the embedding holds.

    ``source`` is the method whose models are refined, None to take any. ``inputs`` names the paths embedding, samples and plan, also
    selection if the options were tuned. ``method`` is what ``config.methods.deciding`` returns for a refinement. ``outputs`` names
    predictions, timing (see ``storage.timings``) and, if the weights are kept, head (see ``training.head_files``). Raises ConfigError for
    an unknown option, DataError if the embedding does not hold the setting's samples, and whatever the kind raises.
    """
    here = provenance.place
    started = {**here, **({"method": source} if source else {}), "candidate": ""}
    provenance = trace(
        provenance,
        tables.origin_of(inputs["embedding"], schemas.EMBEDDING, started, repeats),
        tables.origin_of(inputs["samples"], schemas.SAMPLES, here, repeats),
        tables.origin_of(inputs["plan"], schemas.PLAN, here, repeats),
        *origins_of(inputs),
    )
    if "selection" in inputs:
        method = methods.at(method, read_selection(inputs["selection"], provenance))
    kind = plugins.load("refinements", method["kind"])
    options = complete_options(method["options"], kind.OPTIONS, "options")
    samples = sampling.read(inputs["samples"])
    weights = columns.ByRepeat(tables.read(inputs["plan"], schemas.PLAN, ["repeat", "sample_id", "weight"]))
    heads: dict[int, Head] = {}
    progress = Progress(len(repeats), f"{method['kind']} of {provenance.setting}", "repeat")

    def predictions() -> Iterator[pa.Table]:
        for repeat in repeats:
            one = samples.by_repeat[repeat]
            seen = embeddings.read(inputs["embedding"], repeat)
            where = f"{provenance.setting}, repeat {repeat}"
            train_id = one.sample_id[one.rows("train")]
            weight = columns.values_of(weights, "weight", repeat, train_id, str(inputs["plan"]))
            request = _request(seen, one, weight, samples.grouping, options, where, str(inputs["embedding"]))
            heads[repeat] = kind.refine(request)
            for split in ("validation", "test"):
                for view in VIEWS:
                    rows = seen.rows(split, view)
                    if len(rows):
                        logits = heads[repeat].logits(seen.features[rows])
                        yield embeddings.predictions_table(repeat, split, view, seen.sample_id[rows], logits)
            progress.step()

    begun = time.monotonic()
    predicted = pa.concat_tables(predictions())
    seconds = time.monotonic() - begun
    chosen = {str(repeat): dict(head.notes) for repeat, head in heads.items() if head.notes}
    notes = {"method": dict(method), "options": options, **({"chosen": chosen} if chosen else {})}
    provenance = replace(provenance, counts={"repeats": len(repeats)}, notes=notes)
    tables.write(outputs["predictions"], predicted, schemas.PREDICTIONS, provenance)
    if "head" in outputs:
        head_files.write(outputs["head"], heads, provenance)
    timings.write(outputs["timing"], provenance, seconds=seconds, repeats=len(repeats), resumed=False)


def _request(
    seen: Embedding, samples: Samples, weight: np.ndarray, grouping: Grouping, options: Mapping[str, Any], where: str, path: str
) -> Request:
    """Return what the refinement sees; ``weight`` is the plan's, in the order of the training samples.

    Raises DataError if the embedding, read from ``path``, holds other samples than the setting.
    """
    found, wanted = [], []
    for split in ("train", "validation"):
        wanted.append(samples.rows(split))
        found.append(seen.rows_of(split, samples.sample_id[wanted[-1]], path))
    seen.require_classes(len(grouping.classes), path)
    rows, mine = np.concatenate(found), np.concatenate(wanted)
    return Request(
        features=seen.features[rows],
        logits=seen.logits[rows],
        split=samples.split[mine],
        label=samples.label[mine].astype(np.int64),
        group=samples.group[mine].astype(np.int64),
        weight=np.concatenate([weight.astype(np.float64), np.ones(len(wanted[1]))]),
        grouping=grouping,
        options=options,
        repeat=samples.repeat,
        where=where,
    )

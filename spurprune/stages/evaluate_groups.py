"""evaluate_groups: how many samples of every known or inferred group the runs get right that a setting's advice compares."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spurprune.advice import inference, tallies
from spurprune.advice.tallies import Division
from spurprune.data import embedding as embeddings
from spurprune.data import samples as sampling
from spurprune.data.inputs import origin_of, read_manifest
from spurprune.data.predicted import PREDICTED, logits_of, require_complete
from spurprune.data.probe import Probe
from spurprune.data.samples import Samples
from spurprune.data.views import NATURAL
from spurprune.pruning.parts import Parts
from spurprune.storage import schemas, tables
from spurprune.storage.columns import positions_of, to_numpy
from spurprune.storage.provenance import Provenance, trace


def run(
    *,
    predictions: Mapping[str, Path],
    samples: Path,
    embedding: Path,
    partitions: Mapping[str, Path],
    manifest: Path,
    setting: Mapping[str, Any],
    method: str,
    embedded_plan: str,
    repeats: Sequence[int],
    output: Path,
    provenance: Provenance,
) -> None:
    """Write, for every plan, repeat and split, how many samples of every group there are and how many a run gets right.

    ``predictions`` maps plans to the runs' files, ``partitions`` names to those of the partitions whose parts are inferred for validation
    and test samples, by the ``embedding`` of ``method`` on ``embedded_plan``. ``setting`` is what ``config.blocks.evaluation`` returns.
    Only the natural view counts. Raises DataError if files do not belong together or are incomplete.
    """
    info, place = read_manifest(manifest), {**provenance.place, "method": method, "candidate": ""}
    provenance = trace(
        provenance,
        tables.origin_of(samples, schemas.SAMPLES, place, repeats),
        tables.origin_of(embedding, schemas.EMBEDDING, {**place, "plan": embedded_plan}, repeats),
        *(tables.origin_of(path, schemas.PREDICTIONS, {**place, "plan": plan}, repeats) for plan, path in predictions.items()),
        *(tables.origin_of(path, schemas.PARTITION, {**place, "partition": name}, repeats) for name, path in partitions.items()),
        origin_of(manifest, info),
    )
    found, probe = sampling.read(samples, setting["overlay_attribute"]), Probe.of(setting["probe"], info)
    parts = {name: Parts.read(path) for name, path in partitions.items()}
    divisions: dict[tuple[int, str], list[Division]] = {}
    for repeat in repeats:
        one, seen = found.by_repeat[repeat], embeddings.read(embedding, repeat)
        for split in PREDICTED:
            of_split = tallies.known(one, one.rows(split), found.grouping, info.attributes)
            divisions[repeat, split] = of_split + _inferred(one, split, seen, parts, str(embedding))
    rows: list[tuple[Any, ...]] = []
    for plan, path in predictions.items():
        table = tables.StoredByRepeat(path, schemas.PREDICTIONS)
        for repeat in repeats:
            one, mine = found.by_repeat[repeat], table.rows(repeat)
            require_complete(mine, one, setting["featured_classes"], probe, str(path))
            for split in PREDICTED:
                correct = _correct(mine, one, split, info.num_classes, str(path))
                for division in divisions[repeat, split]:
                    tallied = tallies.tally(division, correct).items()
                    rows.extend((plan, repeat, split, division.kind, division.name, part, *counts) for part, counts in tallied)
    columns = zip(schemas.EVIDENCE.columns.items(), zip(*rows, strict=True), strict=True)
    result = pa.table({name: pa.array(list(values), _plain(kind)) for (name, kind), values in columns})
    notes = {"plans": list(predictions), "inferred": {name: list(one.names) for name, one in parts.items()}}
    tables.write(output, result, schemas.EVIDENCE, replace(provenance, notes=notes))


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _inferred(one: Samples, split: str, seen: embeddings.Embedding, parts: Mapping[str, Parts], where: str) -> list[Division]:
    """Return the divisions of a split's rows by the partitions of training samples."""
    train, rows = one.rows("train"), one.rows(split)
    if not len(rows):
        return []
    of_train, of_split = (seen.features[seen.rows_of(name, one.sample_id[own], where)] for name, own in (("train", train), (split, rows)))
    return [
        Division(
            tallies.INFERRED,
            name,
            inference.nearest_parts(
                of_train, one.label[train], of.of(one.repeat, one.sample_id[train], one.label[train]), of_split, one.label[rows]
            ),
            of.names,
        )
        for name, of in parts.items()
    ]


def _correct(mine: pa.Table, one: Samples, split: str, num_classes: int, where: str) -> np.ndarray:
    """Return which rows of a split a run gets right in the natural view, bool [N]."""
    rows = one.rows(split)
    of_split = pc.and_(pc.equal(mine.column("split").cast(pa.string()), split), pc.equal(mine.column("view").cast(pa.string()), NATURAL))
    shown = mine.filter(of_split)
    if not len(rows):
        return np.zeros(0, dtype=bool)
    position = positions_of(one.sample_id[rows], to_numpy(shown.column("sample_id")))
    assert position is not None, "the predictions were found complete"
    predicted = logits_of(shown, num_classes, one.repeat, where).argmax(axis=1)[position]
    correct: np.ndarray = predicted == one.label[rows]
    return correct

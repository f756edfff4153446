"""embed: features and logits of all samples from a run's kept models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.config import methods
from spurprune.config.merging import merge
from spurprune.data import embedding as embeddings
from spurprune.data.samples import Samples
from spurprune.data.views import NATURAL
from spurprune.evaluation.choices import origins_of, read_selection
from spurprune.machine.logs import Progress
from spurprune.models.network import Network
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance, trace
from spurprune.storage.words import SPLITS
from spurprune.training import kept
from spurprune.training.loop import initialise, naming_out_of_memory
from spurprune.training.observe import embed
from spurprune.training.predictions import views
from spurprune.training.recipe import Stream
from spurprune.training.workbench import Workbench, data_origins, open_workbench


def run(
    *,
    inputs: Mapping[str, Path],
    setting: Mapping[str, Any],
    method: Mapping[str, Any],
    repeats: Sequence[int],
    threads: int,
    output: Path,
    provenance: Provenance,
    splits: Sequence[str] = SPLITS,
) -> None:
    """Write every repeat's embedding of some splits: training samples in the natural view, others in every predicted view.

    ``inputs`` names the paths inputs, manifest, samples and models, also weights if the network starts from a file and selection if the
    run's method was tuned. ``setting`` (see ``config.blocks.training``) and ``method`` (see ``config.methods.deciding``) are those of the
    run that kept the models, so that the logits equal its predictions, bit for bit on the same device. Raises DataError if the models do
    not fit the setting's network.
    """
    of_models = kept.origin_of(inputs["models"], provenance.place, repeats)
    provenance = trace(provenance, *data_origins(inputs, provenance.place, repeats), of_models, *origins_of(inputs))
    if "selection" in inputs:
        method = methods.at(method, read_selection(inputs["selection"], provenance))
    setting = {**setting, "training": merge(setting["training"], method["training"])}
    configured = kept.configuration(setting, method)
    bench = open_workbench(inputs["inputs"], inputs["manifest"], inputs["samples"], setting, threads)
    progress = Progress(len(repeats), f"embedding of {provenance.setting}", "repeat")

    def parts() -> Iterator[pa.Table]:
        for repeat in repeats:
            with naming_out_of_memory(f"{provenance.setting}, repeat {repeat}, embedding", bench.device):
                model = initialise(bench.build_network(), Stream((repeat,)), bench.device)
                kept.restore(model, inputs["models"], repeat, configured)
                yield from _one_repeat(bench, model, bench.samples[repeat], splits)
            progress.step()

    rows = {
        str(repeat): embeddings.counted((split, view, len(rows)) for split, view, rows in _shown(bench, bench.samples[repeat], splits))
        for repeat in repeats
    }
    provenance = replace(provenance, counts={"repeats": len(repeats), "rows": rows}, notes=bench.notes())
    schema = schemas.EMBEDDING if "train" in splits else schemas.TEST_EMBEDDING
    tables.write_parts(output, parts(), schema, provenance)


def _shown(bench: Workbench, samples: Samples, splits: Sequence[str]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Return every split and view, and the rows that are shown in it."""
    for split in splits:
        shown = {NATURAL: samples.rows(split)} if split == "train" else views(bench, samples, split)
        for view, rows in shown.items():
            yield split, view, rows


def _one_repeat(bench: Workbench, model: Network, samples: Samples, splits: Sequence[str]) -> Iterator[pa.Table]:
    for split, view, rows in _shown(bench, samples, splits):
        data = bench.data(samples, rows, view)
        features, logits = embed(model, data, bench.preparation, bench.setting["evaluation"]["batch_size"])
        yield from embeddings.to_tables(samples.repeat, split, view, samples.sample_id[rows], features, logits)

"""refine_network: kept networks with other weights, by a refinement that trains none; their predictions and weights."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from spurprune.config import methods
from spurprune.dag import plugins
from spurprune.data.samples import Samples
from spurprune.evaluation.choices import origins_of, read_selection
from spurprune.storage import columns, schemas, tables, timings
from spurprune.storage.provenance import Provenance, trace
from spurprune.training import kept
from spurprune.training.beginning import Beginning
from spurprune.training.loop import initialise, naming_out_of_memory
from spurprune.training.network_refinement import NetworkRequest
from spurprune.training.predictions import predict
from spurprune.training.recipe import Stream
from spurprune.training.refinement import complete_options
from spurprune.training.workbench import Workbench, data_origins, open_workbench


def run(
    *,
    inputs: Mapping[str, Path],
    setting: Mapping[str, Any],
    method: Mapping[str, Any],
    start: Mapping[str, Any],
    repeats: Sequence[int],
    threads: int,
    outputs: Mapping[str, Path],
    provenance: Provenance,
) -> None:
    """Refine every repeat's network and write its predictions of validation and test samples, and its weights.

    ``inputs`` names the paths inputs, manifest, samples, plan and start, also weights if the network starts from a file, selection if the
    options were tuned, and start_selection if the method in ``start`` was, whose networks are refined (see ``stages.retrain``). ``setting``
    is what ``config.blocks.training`` returns, ``method`` what ``config.methods.deciding`` returns. ``outputs`` names predictions, timing
    and, if the weights are kept, models. Raises DataError if the networks do not fit the setting, and whatever the kind raises.
    """
    begun = Beginning.of(inputs, start, setting, provenance, repeats)
    of_plan = tables.origin_of(inputs["plan"], schemas.PLAN, provenance.place, repeats)
    provenance = trace(provenance, *data_origins(inputs, provenance.place, repeats), of_plan, *origins_of(inputs), *begun.origins)
    if "selection" in inputs:
        method = methods.at(method, read_selection(inputs["selection"], provenance))
    kind = plugins.load("refinements", method["kind"])
    options = complete_options(method["options"], kind.OPTIONS, "options")
    bench = open_workbench(inputs["inputs"], inputs["manifest"], inputs["samples"], setting, threads)
    plan = columns.ByRepeat(tables.read(inputs["plan"], schemas.PLAN, ["repeat", "sample_id", "weight"]))
    predicted: list[pa.Table] = []
    weights: dict[str, Tensor] = {}
    begin = time.monotonic()
    for repeat in repeats:
        samples = bench.samples[repeat]
        where = f"{provenance.setting}, repeat {repeat}"
        with naming_out_of_memory(where, bench.device):
            network = begun.network(repeat, initialise(bench.build_network(), Stream((repeat,)), bench.device)).eval()
            train_id = samples.sample_id[samples.rows("train")]
            weight = columns.values_of(plan, "weight", repeat, train_id, str(inputs["plan"])).astype(np.float64)
            prepared, label = _trained_on(bench, samples)
            refined = kind.refine(NetworkRequest(network, prepared, label, weight, options, repeat, where))
            predicted.extend(predict(bench, refined, samples))
        if "models" in outputs:
            weights |= kept.weights(repeat, refined)
    seconds = time.monotonic() - begin
    notes = {"method": dict(method), "options": options, **bench.notes()}
    provenance = replace(provenance, counts={"repeats": len(repeats)}, notes=notes)
    tables.write(outputs["predictions"], pa.concat_tables(predicted), schemas.PREDICTIONS, provenance)
    if "models" in outputs:
        kept.write(outputs["models"], weights, kept.configuration(setting, method), provenance)
    timings.write(outputs["timing"], provenance, seconds=seconds, repeats=len(repeats), resumed=False)


def _trained_on(bench: Workbench, samples: Samples) -> tuple[Tensor, Tensor]:
    """Return the training samples as networks take them, float32 [N, ...], not augmented, and their labels, int64 [N]."""
    data = bench.data(samples, samples.rows("train"))
    chunks = torch.arange(len(data), device=data.device).split(bench.setting["evaluation"]["batch_size"])
    return torch.cat([bench.preparation.prepare(data.batch(chunk)) for chunk in chunks]), data.label

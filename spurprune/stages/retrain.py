"""retrain: one training a repeat by one method on one plan; predictions, history, and the models where they are kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from spurprune.dag import plugins
from spurprune.data.samples import SPLITS, Samples
from spurprune.machine.logs import Progress
from spurprune.models.network import Network
from spurprune.storage import schemas, tables, tensor_files
from spurprune.storage.tables import labels, to_numpy
from spurprune.training.checkpoints import JobCheckpoints, Record
from spurprune.training.data import Data
from spurprune.training.loop import Training, fit_stepwise, initialise, naming_out_of_memory
from spurprune.training.observe import group_summary, observe
from spurprune.training.recipe import Stream
from spurprune.training.workbench import CHECKPOINTS, Started, Workbench, open_workbench

VIEWS = ("natural", "featured")


def run(
    inputs: dict[str, Path],
    setting: dict[str, Any],
    method: str,
    repeats: list[int],
    threads: int,
    repeats_at_once: int,
    outputs: dict[str, Path],
    provenance: tables.Provenance,
) -> None:
    """Train every repeat on its plan's weights and write predictions of validation and test, and the history.

    ``inputs`` names the paths inputs, manifest, samples and plan, and weights where the network starts from a file; ``outputs``
    predictions, history and, where models are kept, models, which gets the last weights of all repeats in one safetensors file, keys
    ``{repeat}.{parameter}``. ``setting`` holds model, training, feature, attribute, normalisation, evaluation and the two classes;
    ``repeats_at_once`` trainings share a GPU. Raises TrainingError if a loss is not finite.
    """
    models = outputs.get("models")
    bench = open_workbench(inputs["inputs"], inputs["manifest"], inputs["samples"], setting, threads)
    weights = tables.read(inputs["plan"], schemas.PLAN, ["repeat", "sample_id", "weight"])
    identity = {"stage": "retrain", "method": method, "config": provenance.config_hash, "code": provenance.code_version}
    checkpoints = JobCheckpoints.of(CHECKPOINTS, identity, [path for name, path in inputs.items() if name != "inputs"])
    predicted: list[pa.Table] = []
    recorded: list[Record] = []
    kept: dict[str, torch.Tensor] = {}
    where = {repeat: f"{provenance.setting}, repeat {repeat}" for repeat in repeats}
    progress = Progress(len(repeats) * setting["training"]["epochs"], f"{len(repeats)} trainings of {provenance.setting}", "epoch")

    def start(repeat: int) -> Started:
        one = bench.samples[repeat]
        train = one.rows("train")
        weight = tables.values_of(weights, "weight", repeat, one.sample_id[train], str(inputs["plan"]))
        with naming_out_of_memory(where[repeat], bench.device):
            return _start(bench, one, train, weight, method, progress, checkpoints, where[repeat])

    for repeat, model, records in bench.train(repeats, start, repeats_at_once):
        progress.end(where[repeat], setting["training"]["epochs"])
        recorded.extend({"repeat": repeat, **record} for record in records)
        with naming_out_of_memory(f"{where[repeat]}, predictions", bench.device):
            for split in ("validation", "test"):
                for view in VIEWS:
                    predicted.extend(_predict(bench, model, bench.samples[repeat], repeat, split, view))
        if models is not None:
            kept |= {f"{repeat}.{name}": value.detach().cpu() for name, value in model.state_dict().items()}
    counts = {"repeats": len(repeats), "train": int(to_numpy(weights.column("weight")).sum()) // len(repeats)}
    provenance = replace(provenance, counts=counts, notes={"method": method} | bench.notes())
    tables.write(outputs["predictions"], pa.concat_tables(predicted), schemas.PREDICTIONS, provenance)
    tables.write(outputs["history"], _history_table(recorded), schemas.HISTORY, provenance)
    if models is not None:
        # One entry, since safetensors writes several in any order.
        metadata = json.dumps({"setting": provenance.setting, "code_version": provenance.code_version}, sort_keys=True)
        tensor_files.write(models, kept, {"spurprune": metadata})
    checkpoints.remove()


def _start(
    bench: Workbench,
    samples: Samples,
    train: np.ndarray,
    weight: np.ndarray,
    method: str,
    progress: Progress,
    checkpoints: JobCheckpoints,
    where: str,
) -> Started:
    setting = bench.setting
    data = bench.data(samples, train)
    kept = torch.from_numpy(np.flatnonzero(weight > 0)).to(bench.device)
    watched: list[tuple[str, str, Data]] = [("train", "natural", data.subset(kept))]
    wanted = setting["training"]["evaluate_epochs"]
    if wanted:
        watched.extend(("test", view, bench.data(samples, rows, view)) for view, rows in _views(bench, samples, "test") if len(rows))
    source = bench.manifest.class_index(setting["source_class"])
    batch_size = setting["evaluation"]["batch_size"]

    def observe_epoch(epoch: int, model: Network) -> list[Record]:
        progress.reach(where, epoch)
        if not (wanted == "all" or epoch in wanted):
            return []
        return [
            {"epoch": epoch, "split": split, "view": view, **record}
            for split, view, part in watched
            for record in group_summary(observe(model, part, bench.preparation, batch_size).logits, part.label, part.group, source)
        ]

    stream = Stream((samples.repeat,))
    model = initialise(bench.build_network(), stream, bench.device)
    learner = plugins.load("methods", method).Method(weight, setting["training"])
    training = Training(data, bench.preparation, learner, bench.recipe(), stream, where)
    return model, fit_stepwise(model, training, observe_epoch, checkpoints)


def _views(bench: Workbench, samples: Samples, split: str) -> list[tuple[str, np.ndarray]]:
    """Return the rows to predict in each view: all as they are; with the feature laid over, those of the classes that are asked for."""
    rows = samples.rows(split)
    if bench.setting["feature"] is None:
        return [("natural", rows)]
    classes = [bench.manifest.class_index(bench.setting[name]) for name in ("source_class", "target_class")]
    everyone = bench.setting["evaluation"]["featured_classes"] == "all"
    return [("natural", rows), ("featured", rows if everyone else rows[np.isin(samples.label[rows], classes)])]


def _predict(bench: Workbench, model: Network, samples: Samples, repeat: int, split: str, view: str) -> list[pa.Table]:
    rows = dict(_views(bench, samples, split)).get(view, np.empty(0, dtype=np.int64))
    if not len(rows):
        return []
    seen = observe(model, bench.data(samples, rows, view), bench.preparation, bench.setting["evaluation"]["batch_size"])
    logits = seen.logits.cpu().numpy()
    offsets = pa.array(np.arange(len(rows) + 1, dtype=np.int32) * logits.shape[1])
    return [
        pa.table(
            {
                "repeat": np.full(len(rows), repeat, dtype=np.int16),
                "sample_id": samples.sample_id[rows],
                "split": labels(np.full(len(rows), SPLITS.index(split)), SPLITS),
                "view": labels(np.full(len(rows), VIEWS.index(view)), VIEWS),
                "logits": pa.ListArray.from_arrays(offsets, pa.array(logits.ravel())),
            }
        )
    ]


def _history_table(recorded: list[Record]) -> pa.Table:
    names = list(schemas.HISTORY.columns)
    columns: dict[str, Any] = {name: [record[name] for record in recorded] for name in names}
    columns["split"] = labels(columns["split"], SPLITS)
    columns["view"] = labels(columns["view"], VIEWS)
    return pa.table(
        {name: columns[name] if name in ("split", "view") else pa.array(columns[name], schemas.HISTORY.columns[name]) for name in names}
    )

"""train_reference: ERM runs that record every training sample's dynamics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from spurprune import seeds
from spurprune.config.blocks import recorded
from spurprune.data.samples import Samples
from spurprune.machine.logs import Progress
from spurprune.methods.erm import Method
from spurprune.models.network import Network
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance, trace
from spurprune.training import visits
from spurprune.training.augment import augment
from spurprune.training.checkpoints import JobCheckpoints, Record
from spurprune.training.loop import Training, fit_stepwise, initialise, naming_out_of_memory
from spurprune.training.method import Batch, Context
from spurprune.training.observe import dynamics_of, observe, unchanged
from spurprune.training.recipe import Stream
from spurprune.training.workbench import CHECKPOINTS, Started, Workbench, data_origins, open_workbench


def run(
    *,
    inputs: Mapping[str, Path],
    setting: Mapping[str, Any],
    recipe: Mapping[str, Any],
    repeats: Sequence[int],
    threads: int,
    repeats_at_once: int,
    output: Path,
    provenance: Provenance,
) -> None:
    """Train ``recipe["seeds"]`` reference runs for every repeat and write their dynamics at the epochs to record.

    ``inputs`` names the paths inputs, manifest and samples, also weights if the network starts from a file. ``setting`` is what
    ``config.blocks.reference`` returns, with the recipe's own training merged in; ``recipe`` is one of the setting's reference recipes;
    ``repeats_at_once`` runs share a GPU. With ``view: eval`` the samples are evaluated after the epoch without augmentation, with
    ``view: eval_augmented`` augmented as in training (as the paper's code does); with ``view: training`` each sample's logits are those
    of its own training step. Raises TrainingError if a loss is not finite.
    """
    provenance = trace(provenance, *data_origins(inputs, provenance.place, repeats))
    bench = open_workbench(inputs["inputs"], inputs["manifest"], inputs["samples"], setting, threads)
    identity = {"stage": "train_reference", "recipe": recipe, "config": provenance.config_hash, "code": provenance.code_version}
    checkpoints = JobCheckpoints.of(CHECKPOINTS, identity, [path for name, path in inputs.items() if name != "inputs"])
    jobs = [(repeat, seed) for repeat in repeats for seed in range(recipe["seeds"])]
    where = {(repeat, seed): f"{provenance.setting}, repeat {repeat}, reference seed {seed}" for repeat, seed in jobs}
    progress = Progress(len(jobs) * recipe["epochs"], f"{len(jobs)} reference runs of {provenance.setting}", "epoch")

    def start(job: tuple[int, int]) -> Started:
        repeat, seed = job
        with naming_out_of_memory(where[job], bench.device):
            return _start(bench, bench.samples[repeat], recipe, seed, progress, checkpoints, where[job])

    parts: list[pa.Table] = []
    for (repeat, seed), _, records in bench.train(jobs, start, repeats_at_once):
        progress.end(where[repeat, seed], recipe["epochs"])
        one = bench.samples[repeat]
        parts.extend(_table(repeat, seed, one.sample_id[one.rows("train")], record) for record in records)
    counts = {"samples": len(bench.samples[repeats[0]].rows("train")), **recorded(recipe)}
    provenance = replace(provenance, counts=counts, notes={"recipe": recipe} | bench.notes())
    tables.write(output, pa.concat_tables(parts), schemas.DYNAMICS, provenance)
    checkpoints.remove()


def _start(
    bench: Workbench,
    samples: Samples,
    recipe: Mapping[str, Any],
    seed: int,
    progress: Progress,
    checkpoints: JobCheckpoints,
    where: str,
) -> Started:
    rows = samples.rows("train")
    data = bench.data(samples, rows)
    stream = Stream((samples.repeat, "reference", seed))
    model = initialise(bench.build_network(), stream, bench.device)
    wanted = recorded(recipe)["epochs"]
    context = bench.context(samples, weight=np.ones(len(rows)), visits=visits.EXACT, options={}, stream=stream)
    method = _Recorder(context, bench.manifest.num_classes) if recipe["view"] == "training" else Method(context)

    def observe_epoch(epoch: int, model: Network) -> list[Record]:
        progress.reach(where, epoch)
        if epoch not in wanted:
            return []
        if isinstance(method, _Recorder):
            logits, norm = method.logits, method.feature_norm.clone()  # the next epoch overwrites it
        else:
            seen = observe(
                model, data, bench.preparation, bench.setting["evaluation"]["batch_size"], _view(bench, recipe["view"], stream, epoch)
            )
            logits, norm = seen.logits, seen.feature_norm
        return [{"epoch": epoch, **dynamics_of(logits, data.label), "feature_norm": norm.cpu().numpy()}]

    training = Training(data, bench.preparation, method, bench.recipe(recipe["epochs"]), stream, where)
    return model, fit_stepwise(model, training, observe_epoch, checkpoints)


def _view(bench: Workbench, view: str, stream: Stream, epoch: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the transform of a batch before evaluation: none, or the setting's augmentation with its own random stream."""
    if view == "eval":
        return unchanged
    augmentation = bench.setting["training"]["augmentation"]
    generator = torch.Generator(bench.device).manual_seed(stream.seed(seeds.OBSERVATION, epoch))
    return lambda images: augment(images, augmentation, bench.preparation.crop_size, generator)


class _Recorder(Method):
    """ERM that keeps each sample's logits and feature norm from its own training step: the training-time view."""

    def __init__(self, context: Context, num_classes: int) -> None:
        super().__init__(context)
        n = len(context.label)
        self.logits = torch.zeros((n, num_classes), device=context.device)
        self.feature_norm = torch.zeros(n, device=context.device)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Return ERM's loss, keeping the batch's logits and feature norms."""
        self.logits[batch.rows] = batch.logits.detach()
        self.feature_norm[batch.rows] = batch.features.detach().float().norm(dim=1)
        return super().loss(batch)


def _table(repeat: int, seed: int, sample_id: np.ndarray, record: Record) -> pa.Table:
    constant = {"repeat": repeat, "reference_seed": seed, "epoch": record["epoch"]}
    columns = {name: np.full(len(sample_id), value, dtype=np.int16) for name, value in constant.items()}
    dynamics = {name: value for name, value in record.items() if name != "epoch"}
    return pa.table(columns | {"sample_id": sample_id} | dynamics).select(list(schemas.DYNAMICS.columns))

"""train_reference: runs of ERM, or of cross-risk minimisation, that record every training sample's dynamics."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from spurprune import seeds
from spurprune.config import references
from spurprune.config.blocks import recorded
from spurprune.data.samples import Samples
from spurprune.machine.logs import Progress, log
from spurprune.methods.erm import Method
from spurprune.models.network import Network, Trainable
from spurprune.storage import schemas, tables, timings
from spurprune.storage.provenance import Provenance, trace
from spurprune.training import kept, visits
from spurprune.training.augment import augment
from spurprune.training.checkpoints import JobCheckpoints, Record
from spurprune.training.cross_risk import CrossRisk, Twins
from spurprune.training.data import Data
from spurprune.training.loop import Training, fit_stepwise, initialise, naming_out_of_memory
from spurprune.training.method import Batch, Context
from spurprune.training.observe import dynamics_of, observe, unchanged
from spurprune.training.recipe import Stream
from spurprune.training.workbench import CHECKPOINTS, Started, Workbench, data_origins, open_workbench

# A run's networks, its method, and what records the networks' dynamics after an epoch.
Prepared = tuple[Trainable, Method, Callable[[int], list[Record]]]


def run(
    *,
    inputs: Mapping[str, Path],
    setting: Mapping[str, Any],
    recipe: Mapping[str, Any],
    repeats: Sequence[int],
    threads: int,
    repeats_at_once: int,
    outputs: Mapping[str, Path],
    provenance: Provenance,
) -> None:
    """Train ``recipe["seeds"]`` reference runs for every repeat and write their dynamics at the epochs to record.

    ``inputs`` names the paths inputs, manifest and samples, also weights if the network starts from a file. ``setting`` is what
    ``config.blocks.reference`` returns, with the recipe's own training merged in; ``recipe`` is one of the setting's reference recipes;
    ``repeats_at_once`` runs share a GPU. ``outputs`` names dynamics, timing (see ``storage.timings``)
    and, if the networks of a recipe of kind ``erm`` are kept, models, which receives their last weights.

    The twins of a run of kind ``cross_risk`` are recorded as two reference seeds (see ``config.references``), against the original labels;
    the note ``flipped`` holds the share of labels that are flipped in the end, by repeat, in the order of the recipe's seeds.

    With ``view: eval`` the samples are evaluated after the epoch without augmentation, with ``view: eval_augmented`` augmented as in
    training (as the paper's code does); with ``view: training`` each sample's logits are those of its own training step. Raises
    TrainingError if a loss is not finite.
    """
    provenance = trace(provenance, *data_origins(inputs, provenance.place, repeats))
    bench = open_workbench(inputs["inputs"], inputs["manifest"], inputs["samples"], setting, threads)
    identity = {"stage": "train_reference", "recipe": recipe, "config": provenance.config_hash, "code": provenance.code_version}
    checkpoints = JobCheckpoints.of(CHECKPOINTS, identity, [path for name, path in inputs.items() if name != "inputs"])
    jobs = [(repeat, seed) for repeat in repeats for seed in range(recipe["seeds"])]
    where = {(repeat, seed): f"{provenance.setting}, repeat {repeat}, reference seed {seed}" for repeat, seed in jobs}
    progress = Progress(len(jobs) * recipe["epochs"], f"{len(jobs)} reference runs of {provenance.setting}", "epoch")

    def start(job: tuple[int, int]) -> Started[Trainable]:
        repeat, seed = job
        with naming_out_of_memory(where[job], bench.device):
            return _start(bench, bench.samples[repeat], recipe, seed, progress, checkpoints, where[job])

    parts: list[pa.Table] = []
    flipped: dict[str, list[float]] = {}
    weights: dict[str, torch.Tensor] = {}
    started = time.monotonic()
    for (repeat, seed), model, records in bench.train(jobs, start, repeats_at_once):
        progress.end(where[repeat, seed], recipe["epochs"])
        one = bench.samples[repeat]
        parts.extend(_table(repeat, one.sample_id[one.rows("train")], record) for record in records)
        if "models" in outputs:
            weights |= kept.weights(kept.reference_key(repeat, seed), model)
        if references.kind_of(recipe) == references.CROSS_RISK:
            flipped.setdefault(str(repeat), []).append(records[-1]["flipped"])
            log.info("%s: %.1f%% of the labels are flipped in the end", where[repeat, seed], 100 * records[-1]["flipped"])
    seconds = time.monotonic() - started
    counts = {"samples": len(bench.samples[repeats[0]].rows("train")), **recorded(recipe)}
    notes = {"recipe": recipe} | ({"flipped": flipped} if flipped else {}) | bench.notes()
    provenance = replace(provenance, counts=counts, notes=notes)
    tables.write(outputs["dynamics"], pa.concat_tables(parts), schemas.DYNAMICS, provenance)
    timings.write(outputs["timing"], provenance, seconds=seconds, repeats=len(repeats), resumed=checkpoints.resumed)
    if "models" in outputs:
        kept.write(outputs["models"], weights, kept.configuration(setting, recipe), provenance, kept.REFERENCE)
    checkpoints.remove()


def _start(
    bench: Workbench,
    samples: Samples,
    recipe: Mapping[str, Any],
    seed: int,
    progress: Progress,
    checkpoints: JobCheckpoints,
    where: str,
) -> Started[Trainable]:
    rows = samples.rows("train")
    stream = Stream((samples.repeat, "reference", seed))
    context = bench.context(samples, weight=np.ones(len(rows)), visits=visits.EXACT, options={}, stream=stream)
    run = _Run(bench, samples.repeat, bench.data(samples, rows), recipe, seed, context)
    model, method, record = _twins(run) if references.kind_of(recipe) == references.CROSS_RISK else _single(run)
    wanted = recorded(recipe)["epochs"]

    def observe_epoch(epoch: int, _: Trainable) -> list[Record]:
        progress.reach(where, epoch)
        return record(epoch) if epoch in wanted else []

    training = Training(run.data, bench.preparation, method, bench.recipe(recipe["epochs"]), stream, where)
    return model, fit_stepwise(model, training, observe_epoch, checkpoints)


@dataclass(frozen=True)
class _Run:
    """One reference run: its data and recipe, and what its method sees."""

    bench: Workbench
    repeat: int
    data: Data
    recipe: Mapping[str, Any]
    seed: int
    context: Context

    def network(self, number: int) -> Network:
        """Return a network with the first weights of the reference seed ``number``."""
        return initialise(self.bench.build_network(), Stream((self.repeat, "reference", number)), self.bench.device)

    def observed(self, epoch: int, number: int, network: Network) -> Record:
        """Return the dynamics of a network that is evaluated on all samples, as those of the reference seed ``number``."""
        batch_size = self.bench.setting["evaluation"]["batch_size"]
        view = _view(self.bench, self.recipe["view"], self.context.stream, epoch)
        seen = observe(network, self.data, self.bench.preparation, batch_size, view)
        return self.dynamics(epoch, number, seen.logits, seen.feature_norm)

    def dynamics(self, epoch: int, number: int, logits: torch.Tensor, norm: torch.Tensor) -> Record:
        """Return the dynamics of logits [N, C] and feature norms [N] against the original labels."""
        measured = dynamics_of(logits, self.data.label)
        return {"reference_seed": number, "epoch": epoch, **measured, "feature_norm": norm.cpu().numpy()}


def _single(run: _Run) -> Prepared:
    """Prepare a run of ERM."""
    network = run.network(run.seed)
    if run.recipe["view"] != "training":
        return network, Method(run.context), lambda epoch: [run.observed(epoch, run.seed, network)]
    recorder = _Recorder(run.context, run.bench.manifest.num_classes)
    # The norms are copied, since the next epoch overwrites them.
    return network, recorder, lambda epoch: [run.dynamics(epoch, run.seed, recorder.logits, recorder.feature_norm.clone())]


def _twins(run: _Run) -> Prepared:
    """Prepare a run of cross-risk minimisation, whose records also hold the share of flipped labels."""
    numbers = references.twins_of(run.seed)
    first, second = (run.network(number) for number in numbers)
    method = CrossRisk(run.context)

    def record(epoch: int) -> list[Record]:
        share = method.flipped_share()
        return [run.observed(epoch, number, twin) | {"flipped": share} for number, twin in zip(numbers, (first, second), strict=True)]

    return Twins(first, second), method, record


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


def _table(repeat: int, sample_id: np.ndarray, record: Record) -> pa.Table:
    constant = {"repeat": repeat, "reference_seed": record["reference_seed"], "epoch": record["epoch"]}
    columns = {name: np.full(len(sample_id), value, dtype=np.int16) for name, value in constant.items()}
    columns = record | columns | {"sample_id": sample_id}
    return pa.table({name: columns[name] for name in schemas.DYNAMICS.columns})

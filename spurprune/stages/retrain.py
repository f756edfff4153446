"""retrain: one training run per repeat by one method on one plan; predictions, history, and models if they are kept."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from spurprune.config import methods
from spurprune.config.merging import merge
from spurprune.dag import plugins
from spurprune.data.predicted import PREDICTED
from spurprune.errors import DataError, TrainingError
from spurprune.evaluation.choices import origins_of, read_selection
from spurprune.machine.logs import Progress
from spurprune.models.network import Network
from spurprune.pruning.parts import Parts
from spurprune.storage import columns, schemas, tables, timings
from spurprune.storage.columns import labels, to_numpy
from spurprune.storage.provenance import Provenance, trace
from spurprune.storage.words import SPLITS, VIEWS
from spurprune.training import kept, mask_files, optim, same
from spurprune.training import visits as plan_visits
from spurprune.training.beginning import Beginning
from spurprune.training.best import BestEpoch
from spurprune.training.checkpoints import JobCheckpoints, Record
from spurprune.training.loop import Training, fit_stepwise, initialise, naming_out_of_memory
from spurprune.training.method import Method
from spurprune.training.optim import Optimizer
from spurprune.training.predictions import predict
from spurprune.training.recipe import Stream
from spurprune.training.watch import Watch
from spurprune.training.workbench import CHECKPOINTS, Started, Workbench, data_origins, open_workbench


def run(
    *,
    inputs: Mapping[str, Path],
    setting: Mapping[str, Any],
    method: Mapping[str, Any],
    repeats: Sequence[int],
    threads: int,
    repeats_at_once: int,
    outputs: Mapping[str, Path],
    provenance: Provenance,
    start: Mapping[str, Any] | None = None,
    alike: Sequence[Path] = (),
) -> None:
    """Train every repeat on its plan's weights and write predictions of validation and test, and the history.

    ``inputs`` names the paths inputs, manifest, samples and plan, also weights if the network starts from a file, partition if the
    method's ``options.partition`` names one other than the classes, other_plan if it has ``options.steps_of``, selection if it was
    tuned, start if it starts from another method's networks, start_selection if that was tuned, optimizer if it goes on with the
    optimisers of these, and masks if the networks keep to some. ``outputs`` names predictions, history, timing (see ``storage.timings``)
    and, if they are kept, models and optimizer, which receive the final weights and the optimisers' states of all repeats, and masks, if
    the method makes some. ``setting`` is what ``config.blocks.training`` returns, ``method`` what
    ``config.methods.deciding`` returns; ``start`` says where the networks come from; ``repeats_at_once`` training runs share a GPU;
    ``alike`` are the predictions of runs whose results are taken over if they are the same training (see ``training.same``). Raises
    TrainingError if a loss is not finite or the plan's weights cannot become visits, DataError if the networks to start from do not fit.
    """
    origins = [tables.origin_of(inputs["plan"], schemas.PLAN, provenance.place, repeats)]
    if "partition" in inputs:
        asked = {**provenance.place, "partition": method["options"]["partition"]}
        origins.append(tables.origin_of(inputs["partition"], schemas.PARTITION, asked, repeats))
    if "other_plan" in inputs and method["options"]["steps_of"] != provenance.place.get("plan"):
        asked = {**provenance.place, "plan": method["options"]["steps_of"]}
        origins.append(tables.origin_of(inputs["other_plan"], schemas.PLAN, asked, repeats))
    begun = Beginning.of(inputs, start, setting, provenance, repeats)
    provenance = trace(provenance, *data_origins(inputs, provenance.place, repeats), *origins, *origins_of(inputs), *begun.origins)
    if "selection" in inputs:
        method = methods.at(method, read_selection(inputs["selection"], provenance))
    setting = {**setting, "training": merge(setting["training"], method["training"])}
    plan = _read_plan(inputs["plan"])
    other = _read_plan(inputs["other_plan"]) if "other_plan" in inputs else None
    training = same.digest(
        inputs=inputs,
        setting=setting,
        method=method,
        repeats=repeats,
        plans=[same.Plan(one.weights, one.visits) for one in (plan, other) if one is not None],
        code=provenance.code_version,
    )
    if same.take_over(training, alike, outputs, provenance):
        return
    bench = open_workbench(inputs["inputs"], inputs["manifest"], inputs["samples"], setting, threads)
    if not any(len(bench.samples[repeat].rows(split)) for repeat in repeats for split in PREDICTED):
        raise DataError(f"'{provenance.setting}' has no validation and no test samples, so nothing could be measured; give it some.")
    identity = {"stage": "retrain", "method": method, "config": provenance.config_hash, "code": provenance.code_version}
    checkpoints = JobCheckpoints.of(CHECKPOINTS, identity, [path for name, path in inputs.items() if name != "inputs"])
    predicted: list[pa.Table] = []
    recorded: list[Record] = []
    weights: dict[str, torch.Tensor] = {}
    masks: dict[str, torch.Tensor] = {}
    moments: dict[str, torch.Tensor] = {}
    prepared: dict[int, _Prepared] = {}
    where = {repeat: f"{provenance.setting}, repeat {repeat}" for repeat in repeats}
    progress = Progress(len(repeats) * setting["training"]["epochs"], f"{len(repeats)} training runs of {provenance.setting}", "epoch")
    shared = _Shared(bench, method, begun, plan, other, _parts(inputs, method, bench), progress, checkpoints)

    def begin(repeat: int) -> Started[Network]:
        with naming_out_of_memory(where[repeat], bench.device):
            prepared[repeat] = _prepare(shared, repeat, where[repeat])
            return prepared[repeat].started

    started = time.monotonic()
    for repeat, trained, records in bench.train(repeats, begin, repeats_at_once):
        model = prepared[repeat].learner.finish(trained)
        progress.end(where[repeat], setting["training"]["epochs"])
        recorded.extend({"repeat": repeat, **record} for record in records)
        with naming_out_of_memory(f"{where[repeat]}, predictions", bench.device):
            predicted.extend(predict(bench, model, bench.samples[repeat]))
        if "models" in outputs:
            weights |= kept.weights(repeat, model)
        if "optimizer" in outputs:
            moments |= kept.moments(repeat, prepared[repeat].optimizer)
        if "masks" in outputs:
            masks |= {f"{repeat}.{name}": one for name, one in prepared[repeat].learner.masks().items()}
    seconds = time.monotonic() - started
    counts = {
        "repeats": len(repeats),
        "visits": round(float(to_numpy(plan.weights.column("weight")).sum()) / len(repeats)),
        "steps": {str(repeat): one.steps for repeat, one in prepared.items()},
    }
    chosen = {str(repeat): one.best.epoch for repeat, one in prepared.items() if one.best is not None}
    notes = {"method": method, same.NOTE: training, **bench.notes(), **({"epochs": chosen} if chosen else {})}
    provenance = replace(provenance, counts=counts, notes=notes)
    tables.write(outputs["predictions"], pa.concat_tables(predicted), schemas.PREDICTIONS, provenance)
    described = replace(provenance, notes={**provenance.notes, "grouping": bench.grouping.to_plain()})
    tables.write(outputs["history"], _history_table(recorded), schemas.HISTORY, described)
    if "models" in outputs:
        kept.write(outputs["models"], weights, kept.configuration(setting, method), provenance)
    if "optimizer" in outputs:
        kept.write(outputs["optimizer"], moments, kept.configuration(setting, method), provenance, kept.OPTIMIZER)
    if "masks" in outputs:
        mask_files.write(outputs["masks"], masks, provenance)
    timings.write(outputs["timing"], provenance, seconds=seconds, repeats=len(repeats), resumed=checkpoints.resumed)
    checkpoints.remove()


@dataclass(frozen=True)
class _Plan:
    path: Path
    weights: pa.Table
    visits: str

    def weight(self, repeat: int, sample_id: np.ndarray) -> np.ndarray:
        """Return the weights of one repeat's training samples, float32 [N], in the order of ``sample_id``."""
        return columns.values_of(self.by_repeat, "weight", repeat, sample_id, str(self.path))

    @cached_property
    def by_repeat(self) -> columns.ByRepeat:
        """The weights by repeat."""
        return columns.ByRepeat(self.weights)


def _read_plan(path: Path) -> _Plan:
    weights = tables.read(path, schemas.PLAN, ["repeat", "sample_id", "weight"])
    visits = tables.read_metadata(path, schemas.PLAN)["notes"].get("visits")
    if visits is None:
        raise DataError(f"{path} does not say how its weights become visits; delete it and rerun.")
    return _Plan(path, weights, visits)


def _parts(inputs: Mapping[str, Path], method: Mapping[str, Any], bench: Workbench) -> Parts | None:
    """Return the parts that the method's ``options.partition`` names; None for a method without that option."""
    if "partition" in inputs:
        return Parts.read(inputs["partition"])
    return Parts(bench.manifest.classes) if "partition" in method["options"] else None


@dataclass(frozen=True)
class _Shared:
    """What a job's training runs share; ``other`` is the plan whose steps are taken over, ``parts`` those of the method's partition."""

    bench: Workbench
    method: Mapping[str, Any]
    begun: Beginning
    plan: _Plan
    other: _Plan | None
    parts: Parts | None
    progress: Progress
    checkpoints: JobCheckpoints


@dataclass(frozen=True)
class _Prepared:
    """A training run before its first step: the number of its steps, the epoch that it will report if that is chosen, its optimiser."""

    started: Started[Network]
    learner: Method
    steps: int
    best: BestEpoch | None
    optimizer: Optimizer


def _prepare(shared: _Shared, repeat: int, where: str) -> _Prepared:
    bench, method, plan = shared.bench, shared.method, shared.plan
    samples = bench.samples[repeat]
    train = samples.rows("train")
    weight = plan.weight(samples.repeat, samples.sample_id[train])
    stream = Stream((samples.repeat,))
    context = bench.context(samples, weight=weight, visits=plan.visits, options=method["options"], stream=stream, parts=shared.parts)
    try:
        if shared.other is not None:
            other_visits = plan_visits.count(shared.other.weight(samples.repeat, samples.sample_id[train]), shared.other.visits)
            context = replace(context, other_visits=other_visits)
        learner: Method = plugins.load("methods", method["kind"]).Method(context)
    except TrainingError as error:
        raise TrainingError(f"{where}, {plan.path}: {error}") from error
    data = bench.data(samples, train)
    rule = None if method["epoch"] == methods.LAST else method["epoch"]
    watch = Watch(bench, samples, weight=weight, data=data, rule=rule, where=where)

    def observe_epoch(epoch: int, model: Network) -> list[Record]:
        shared.progress.reach(where, epoch)
        return watch.records(epoch, model)

    model = learner.prepare(shared.begun.network(repeat, initialise(bench.build_network(), stream, bench.device)))
    training = Training(data, bench.preparation, learner, bench.recipe(), stream, where)
    steps = sum(learner.num_batches(epoch) for epoch in range(1, training.recipe.epochs + 1))
    optimizer = shared.begun.resume(repeat, optim.build(model, training.recipe.optimizer))
    fit = fit_stepwise(model, training, observe_epoch, shared.checkpoints, watch.best, optimizer)
    return _Prepared((model, fit), learner, steps, watch.best, optimizer)


def _history_table(recorded: Sequence[Record]) -> pa.Table:
    dictionaries = {"split": SPLITS, "view": VIEWS}
    columns = {name: [record[name] for record in recorded] for name in schemas.HISTORY.columns}
    return pa.table(
        {
            name: labels(values, dictionaries[name]) if name in dictionaries else pa.array(values, schemas.HISTORY.columns[name])
            for name, values in columns.items()
        }
    )

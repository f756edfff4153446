"""CIFAR-10S by the paper's recipe, through the workflow's stages called as functions, in order of value until the time is up.

Stages write the workflow's own files below ``results/`` in the work folder; a file that exists is not made again, and training runs resume
from their checkpoints, so the same command on the same folder, or on one restored from state.tar, continues.
"""

import os
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks import gpu_data
from benchmarks.gpu import tiny
from benchmarks.gpu.record import Line, Record
from benchmarks.gpu.workflow import Workflow, workflow
from spurprune.dag.files import Run
from spurprune.storage import schemas, tables

MOST_BLOCKS = 25  # of repeats; far more than any budget allows
METRICS = ("spurious_misclassification", "baseline_misclassification", "spurious_accuracy", "accuracy", "worst_group_accuracy")
PRUNED = ("carriers", "pruned", "pruned_carriers")  # counts of a plan


def run(record: Record, given: Namespace) -> None:
    """Do the runs block by block; each run's metrics are written as soon as they are known. Never returns early if there is more to do."""
    if not given.quick and given.data is None:
        record.write("skipped", why="no --data")
        return
    results = given.work / f"results/{'quick' if given.quick else given.precision}"
    os.chdir(given.work)  # for checkpoints/
    flow = workflow(results, given.precision, given.quick)
    if not record.attempt("data", lambda: prepare(flow, given)):
        raise SystemExit(1)
    for number in range(1 if given.quick else MOST_BLOCKS):
        first = number * given.repeats
        block = f"{first:03}-{first + given.repeats - 1:03}"
        for one in flow.runs(block):
            record.attempt(f"{one.setting}, {one.plan}, {block}", lambda one=one: measured(flow, one, given))  # type: ignore[misc]


def prepare(flow: Workflow, given: Namespace) -> Line:
    """Prepare CIFAR-10 from its parts or its release, unless that is done; with ``--quick`` and no data, a tiny look-alike."""
    folder = flow.dataset
    started = time.perf_counter()
    if not (folder / "manifest.json").is_file():
        if given.data is None:
            tiny.write(folder)
        else:
            source = given.data
            if (source / gpu_data.INDEX).is_file():
                source = gpu_data.join(source, given.work / "cifar10").parent
            flow.prepare_inputs(source)
    return {"folder": str(folder), "seconds": round(time.perf_counter() - started, 1)}


def measured(flow: Workflow, one: Run, given: Namespace) -> Line:
    """Make a run's metrics, with everything they need, and return them by repeat."""
    started = time.perf_counter()
    path = flow.metrics(one)
    rows = tables.read(path, schemas.METRICS).to_pylist()
    found: dict[str, list[float | None]] = {}
    for row in rows:
        test = row["split"] == "test" and row["metric"] in METRICS and row["group"] is None
        plan = row["split"] == "train" and row["metric"].removesuffix("_samples") in PRUNED
        if test or plan:
            found.setdefault(row["metric"], []).append(None if row["value"] is None else round(float(row["value"]), 5))
    return {
        **found,
        "setting": one.setting,
        "plan": one.plan,
        "block": one.block,
        "precision": given.precision,
        "coordinates": flow.coordinates(one.setting),
        "carriers_learned": learned(path.with_name("history.parquet")),
        "seconds": round(time.perf_counter() - started, 1),
    }


def learned(history: Path) -> Line:
    """Return the share of training carriers classified correctly after each recorded epoch, over all repeats."""
    table: pa.Table = tables.read(history, schemas.HISTORY)
    rows = [row for row in table.to_pylist() if row["split"] == "train" and row["carrier"]]
    epochs = sorted({row["epoch"] for row in rows})
    counts = {epoch: np.sum([(row["n_correct"], row["n"]) for row in rows if row["epoch"] == epoch], axis=0) for epoch in epochs}
    return {str(epoch): round(float(correct / n), 4) for epoch, (correct, n) in counts.items()}

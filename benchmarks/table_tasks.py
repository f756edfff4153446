"""What the measured processes of `benchmarks.tables` do, each in a fresh process, so that peak memory is its own."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.worker import Turn
from spurprune.data import samples as sampling
from spurprune.data.grouping import WITHOUT_WITH, Attribute, Grouping
from spurprune.data.inputs import Manifest, Rows, content_of, open_inputs, write_manifest
from spurprune.difficulty.ranks import ranks, ranks_within
from spurprune.stages import evaluate, prune_metadata
from spurprune.storage import schemas, tables
from spurprune.storage.columns import labels
from spurprune.storage.provenance import Provenance
from spurprune.storage.schemas import TableSchema

PROVENANCE = Provenance({"setting": "benchmark", "block": "000-000"}, "0", "0")
CLASSES = 10
CARRIER_SHARE = 0.01
IMAGES_PER_BATCH = 100


def dynamics(turn: Turn, path: Path, samples: int, seeds: int, epochs: int) -> None:
    """Write and read the dynamics of one repeat."""
    rng = np.random.default_rng(0)
    keys = np.indices((1, seeds, epochs, samples), dtype=np.int16 if samples < 2**15 else np.int64).reshape(4, -1)
    n = keys.shape[1]
    columns = {
        "repeat": keys[0].astype(np.int16),
        "reference_seed": keys[1].astype(np.int16),
        "epoch": keys[2].astype(np.int16) + np.int16(1),
        "sample_id": keys[3].astype(np.int64),
        "loss": rng.exponential(size=n).astype(np.float32),
        "error": rng.uniform(0, 2**0.5, n).astype(np.float32),
        "margin": rng.normal(2, 3, n).astype(np.float32),
        "predicted": rng.integers(0, CLASSES, n, dtype=np.int16),
        "feature_norm": rng.gamma(9, 1, n).astype(np.float32),
    }
    turn(_write_and_read(path, pa.table(columns), schemas.DYNAMICS))


def predictions(turn: Turn, path: Path, samples: int, classes: int, repeats: int) -> None:
    """Write and read the predictions of ``repeats`` repeats: logits of test samples in the natural view."""
    n = samples * repeats
    logits = np.random.default_rng(0).normal(0, 3, n * classes).astype(np.float32)
    columns = {
        "repeat": np.repeat(np.arange(repeats, dtype=np.int16), samples),
        "sample_id": np.tile(np.arange(samples), repeats),
        "split": labels(np.zeros(n, dtype=np.int8), ("test",)),
        "view": labels(np.zeros(n, dtype=np.int8), ("natural",)),
        "logits": pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32) * classes), pa.array(logits)),
    }
    turn(_write_and_read(path, pa.table(columns), schemas.PREDICTIONS))


def _write_and_read(path: Path, table: pa.Table, schema: TableSchema) -> dict[str, float]:
    """Return the seconds of writing, of reading and of both, the number of rows, and the file's size."""
    written = _seconds(lambda: tables.write(path, table, schema, PROVENANCE))
    back = _seconds(lambda: tables.read(path, schema))
    times = {"write_seconds": written, "read_seconds": back, "seconds": written + back}
    return times | {"rows": len(table), "file_mb": path.stat().st_size / 1e6}


def images(turn: Turn, path: Path, samples: int) -> None:
    """Read an array of 32-pixel images in random batches: as NumPy maps it, with the checks of a first reading, and once more."""
    array = np.random.default_rng(0).integers(0, 256, (samples, 3, 32, 32), dtype=np.uint8)
    np.save(path, array)
    described: dict[str, Any] = {"split_counts": {"train": samples}, "mean": (0.5,) * 3, "std": (0.25,) * 3, "source": "", "licence": ""}
    manifest = Manifest(dataset="images", image_size=32, classes=("0", "1"), attributes=(), **described, **content_of(array))
    batches = np.random.default_rng(1).permutation(samples).reshape(-1, IMAGES_PER_BATCH)

    def read(rows: Rows) -> None:
        for batch in batches:
            rows[batch]

    mapped, checked = np.load(path, mmap_mode="r"), open_inputs(path, manifest)
    read(mapped)  # from now on the file is in the system's cache
    times = {"plain_seconds": _seconds(lambda: read(mapped)), "first_seconds": _seconds(lambda: read(checked))}
    turn(times | {"again_seconds": _seconds(lambda: read(checked)), "file_mb": path.stat().st_size / 1e6})


def make_prunable(turn: Turn, folder: Path, rows: int, repeats: int) -> None:
    """Write samples, difficulty and manifest of ``repeats`` repeats: only training samples, ``rows`` rows in all."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    n = rows // repeats
    label = rng.integers(0, CLASSES, n).astype(np.int16)
    sample_id = np.arange(n)
    split = np.full(n, "train", dtype=object)
    classes = tuple(f"class {i}" for i in range(CLASSES))
    grouping = Grouping(classes, (Attribute.of("line", WITHOUT_WITH),))
    samples, difficulty = [], []
    for repeat in range(repeats):
        carrier = ((label == 0) & (rng.random(n) < CARRIER_SHARE)).astype(np.int8)
        values = {"line": carrier.astype(np.int16)}
        aligned = sampling.alignment(label, values, {0: {"line": 1}})
        samples.append(sampling.Samples(repeat, sample_id, split, label, values, carrier, aligned, grouping.numbers(label, values)))
        score = rng.uniform(0, 2**0.5, n)
        rank = ranks(score, rng)
        columns = {"repeat": np.full(n, repeat, dtype=np.int16), "sample_id": sample_id, "label": label, "score": score, "rank": rank}
        difficulty.append(pa.table(columns | {"rank_in_class": ranks_within(rank, label), "seed_0": score}))
    sampling.write(folder / "samples.parquet", samples, grouping, PROVENANCE)
    tables.write(folder / "difficulty.parquet", pa.concat_tables(difficulty), schemas.DIFFICULTY, PROVENANCE)
    manifest = Manifest("benchmark", 32, n, (3, 32, 32), "uint8", classes, (), {"train": n}, (0.5,) * 3, (0.25,) * 3, "", "synthetic", "")
    write_manifest(folder / "manifest.json", manifest)
    turn({})


def prune(turn: Turn, folder: Path, plan: str, repeats: int) -> None:
    """Prune as the stage does: read samples and difficulty, choose, write the plan. Starting and importing are not timed."""
    needs_difficulty = not plan.startswith(("none", "random"))

    def act() -> None:
        prune_metadata.run(
            samples=folder / "samples.parquet",
            difficulty=folder / "difficulty.parquet" if needs_difficulty else None,
            partition=None,
            manifest=folder / "manifest.json",
            plan=plan,
            setting={"probe": {"source": "class 0", "target": "class 1"}},
            repeats=list(range(repeats)),
            output=folder / "plan.parquet",
            provenance=PROVENANCE,
        )

    turn({"seconds": _seconds(act), "peak_mb": _peak_mb()})


def make_evaluated(turn: Turn, folder: Path, repeats: int, predicted: int) -> None:
    """Write samples, predictions, plan and manifest of ``repeats`` repeats, with as many training samples as are predicted."""
    folder.mkdir()
    rng, n = np.random.default_rng(0), 2 * predicted
    sample_id, label = np.arange(n), rng.integers(0, 2, n).astype(np.int16)
    split = np.repeat(np.array(["train", "validation", "test"], dtype=object), [predicted, predicted // 2, predicted - predicted // 2])
    grouping = Grouping(("a", "b"), (Attribute.of("line", WITHOUT_WITH),))
    samples = []
    for repeat in range(repeats):
        values = {"line": rng.integers(0, 2, n).astype(np.int16)}
        carrier, group = values["line"].astype(np.int8), grouping.numbers(label, values)
        samples.append(sampling.Samples(repeat, sample_id, split, label, values, carrier, np.full(n, -1, dtype=np.int8), group))
    sampling.write(folder / "samples.parquet", samples, grouping, PROVENANCE)
    shown, total = sample_id[predicted:], predicted * repeats
    logits = rng.normal(0, 3, 2 * total).astype(np.float32)
    columns = {
        "repeat": np.repeat(np.arange(repeats, dtype=np.int16), predicted),
        "sample_id": np.tile(shown, repeats),
        "split": labels(np.tile(split[predicted:], repeats), ("validation", "test")),
        "view": labels(np.zeros(total, dtype=np.int8), ("natural",)),
        "logits": pa.ListArray.from_arrays(pa.array(np.arange(total + 1, dtype=np.int32) * 2), pa.array(logits)),
    }
    tables.write(folder / "predictions.parquet", pa.table(columns), schemas.PREDICTIONS, PROVENANCE)
    total = predicted * repeats
    columns = {
        "repeat": np.repeat(np.arange(repeats, dtype=np.int16), predicted),
        "sample_id": np.tile(sample_id[:predicted], repeats),
        "weight": np.ones(total, dtype=np.float32),
        "reason": labels(np.zeros(total, dtype=np.int8), ("kept",)),
    }
    counts = {str(repeat): {"train": predicted, "kept": predicted, "pruned": 0} for repeat in range(repeats)}
    tables.write(folder / "plan.parquet", pa.table(columns), schemas.PLAN, replace(PROVENANCE, counts=counts))
    sizes = {"train": predicted, "validation": predicted // 2, "test": predicted - predicted // 2}
    manifest = Manifest("benchmark", 32, n, (3, 32, 32), "uint8", ("a", "b"), (), sizes, (0.5,) * 3, (0.25,) * 3, "", "synthetic", "")
    write_manifest(folder / "manifest.json", manifest)
    turn({})


def evaluation(turn: Turn, folder: Path, repeats: int) -> None:
    """Evaluate as the stage does, from files to file."""

    def act() -> None:
        evaluate.run(
            **{name: folder / f"{name}.parquet" for name in ("predictions", "samples", "plan")},
            manifest=folder / "manifest.json",
            setting={"probe": {"source": "a", "target": "b"}, "overlay_attribute": None, "featured_classes": None},
            names={"setting": "benchmark", "method": "erm", "plan": "none", "block": "000-000"},
            repeats=list(range(repeats)),
            output=folder / "metrics.parquet",
            provenance=PROVENANCE,
        )

    turn({"seconds": _seconds(act), "peak_mb": _peak_mb()})


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _peak_mb() -> float:
    """Return the largest resident set of this process so far; a child starts at its parent's, which is small here."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kibibytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6

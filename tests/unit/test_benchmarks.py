"""The benchmarks' parts that are not timing: the documentation shows their results, and both loops train the same."""

import ast
import graphlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import image_tasks, report, storage_tasks, table_tasks, textbook, training, training_engine
from benchmarks.common import MEAN, RESULTS, STD, load_images, summary
from benchmarks.worker import once
from spurprune.storage import schemas, tables

ONE = {"median": 2.0, "low": 2.0, "high": 2.0}
MACHINE = {
    "processor": "CPU",
    "instructions": ["avx2"],
    "cores": 2,
    "memory_gb": 8,
    "system": "Linux",
    "python": "3.12.0",
    "torch": "2.11.0",
    "numpy": "2.0.0",
}
TRAINING = {
    "machine": MACHINE,
    "images": "CIFAR-10",
    "sizes": {"batch_size": 64, "images_per_round": 6400, "rounds": 3},
    "flop_per_image": 242_380_800,
    "peak_gflops": {"fp32": {"matrix product": ONE}, "bf16": {"matrix product": {"median": 5.0, "low": 4.0, "high": 6.0}}},
    "variants": [
        {
            "name": "eager",
            "threads": 1,
            "processes": 2,
            "images_per_second": {"median": 1234.5, "low": 1000.0, "high": 1300.0},
            "ratio_to_textbook": {"median": 2.5, "low": 2.25, "high": 2.75},
            "gflops": 299.2,
            "share_of_peak": 0.625,
        }
    ],
    "skipped": {"compiled": "no compiler"},
}


def reported(task: Callable[..., None], **options: Any) -> dict[str, Any]:
    """What a task reports first."""

    class DoneError(Exception):
        pass

    reports: list[dict[str, Any]] = []

    def turn(one: dict[str, Any]) -> None:
        reports.append(one)
        raise DoneError

    with pytest.raises(DoneError):
        task(turn, **options)
    return reports[0]


def test_the_documentations_tables_are_those_of_the_results() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert report.filled(page, RESULTS) == page, "run python -m benchmarks.report"
    assert [name for _, name, _ in report.BLOCK.findall(page)] == list(report.SECTIONS)
    assert {path.stem for path in RESULTS.glob("*.json")} <= set(report.SECTIONS)


def test_a_page_is_filled_from_results_between_its_marks(tmp_path: Path) -> None:
    page = "before\n<!-- results: training -->\nold\n<!-- end -->\nbetween\n<!-- results: el2n -->\n<!-- end -->\nafter\n"
    (tmp_path / "training.json").write_text(json.dumps(TRAINING), encoding="utf-8")
    filled = report.filled(page, tmp_path)
    assert "old" not in filled and "no compiler" in filled
    assert "| eager | 2 × 1 | 1,234 (1,000–1,300) | 2.50 (2.25–2.75) | 299 | 62% |" in filled.splitlines()
    assert "| matrix product | 2 | 5 (4–6) |" in filled.splitlines()
    assert filled.startswith(
        "before\n<!-- results: training -->\n\nCPU (avx2), 2 cores, 8 GB, Linux, Python 3.12.0, torch 2.11.0, numpy 2.0.0."
    )
    assert filled.endswith("between\n<!-- results: el2n -->\n\nNot measured yet: `python -m benchmarks.el2n`.\n\n<!-- end -->\nafter\n")
    assert report.filled(filled, tmp_path) == filled


def test_repeats_are_summed_up_by_median_and_extremes() -> None:
    assert summary([3.00004, 1.0, 12.3456]) == {"median": 3.0, "low": 1.0, "high": 12.35}


def test_both_loops_follow_the_same_recipe() -> None:
    _, optimizer, _ = textbook.build()
    assert isinstance(optimizer, torch.optim.SGD)
    (group,) = optimizer.param_groups
    assert training_engine.TRAINING["optimizer"] == {"name": "sgd"} | {name: group[name] for name in ("lr", "momentum", "weight_decay")}
    assert training_engine.TRAINING["batch_size"] == textbook.BATCH_SIZE
    assert not group["nesterov"] and not group["dampening"]


def test_fewer_synthetic_images_are_the_first_of_more() -> None:
    few, many = load_images(None, 3), load_images(None, 7)
    assert (few.pixels == many.pixels[:3]).all() and (few.label == many.label[:3]).all()
    assert few.pixels.shape == (3, 3, 32, 32) and few.label.dtype == "int64" and "synthetic" in few.source


def test_both_loops_see_the_same_pixels() -> None:
    images = load_images(None, 4)
    normalise = textbook.transforms.Compose([textbook.transforms.ToTensor(), textbook.transforms.Normalize(MEAN, STD)])
    theirs = torch.stack([image for image, _ in textbook.CifarImages(images, normalise)])
    ours = training_engine.pixels().prepare(training_engine.data_of(images).batch(torch.arange(4)))
    torch.testing.assert_close(ours.contiguous(), theirs)


def test_operations_of_resnet_20_by_hand() -> None:
    # Multiplications of each convolution: channels in × channels out × 9 × pixels.
    stem = 3 * 16 * 9 * 32**2
    others = 6 * 16 * 16 * 9 * 32**2 + (16 * 32 + 5 * 32 * 32) * 9 * 16**2 + (32 * 64 + 5 * 64 * 64) * 9 * 8**2 + 64 * 10
    # Forward, and backward for weights and for inputs; the images need no gradient. A multiplication and an addition are two.
    assert reported(image_tasks.flop_per_image) == {"forward": 2 * (stem + others), "training": 2 * (3 * (stem + others) - stem)}


def test_what_the_engine_lacks_is_skipped_and_said() -> None:
    assert training_engine.why_not({"precision": "bf16"}) is None
    assert training_engine.why_not({"quantised": True}) == "the engine has no option 'quantised'"


def test_variants_share_the_threads() -> None:
    assert [v.name for v in training.variants(1)] == [
        "textbook",
        "textbook, idle threads asleep",
        "eager",
        "compiled",
        "bf16",
        "bf16, compiled",
    ]
    assert {v.threads * v.processes for v in training.variants(2) if v.threads is not None} == {2}


def test_only_batches_after_the_untimed_ones_count() -> None:
    batches = image_tasks.Timed(range(4), untimed=2)
    starts = [batches.start for _ in batches]
    assert starts[:2] == [0.0, 0.0] and starts[2] == starts[3] > 0 and batches.end > starts[2]


def test_a_process_of_its_own_reports_what_it_measured(tmp_path: Path) -> None:
    done = once(table_tasks.dynamics, 1, path=tmp_path / "dynamics.parquet", samples=50, seeds=2, epochs=3)
    assert done["rows"] == 300 and done["seconds"] == done["write_seconds"] + done["read_seconds"]
    assert done["file_mb"] == (tmp_path / "dynamics.parquet").stat().st_size / 1e6


def test_no_module_imports_itself_through_others(root: Path) -> None:
    graph: dict[str, set[str]] = {}
    for path in (root / "benchmarks").glob("*.py"):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):  # imports within functions, too
            if isinstance(node, ast.ImportFrom) and node.module == "benchmarks":
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("benchmarks."):
                imported.add(node.module.removeprefix("benchmarks."))
        graph[path.stem] = imported
    assert sum(map(len, graph.values())) > 30
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_photos_are_stored_in_both_ways(tmp_path: Path) -> None:
    sizes = reported(storage_tasks.make, folder=tmp_path, images=3)
    assert 3 * 5_000 < sizes["encoded_bytes"] < 3 * 80_000
    for storage in ("plain", "encoded"):
        assert reported(storage_tasks.read, folder=tmp_path / storage, decoders=1)["seconds"] > 0


def test_what_is_evaluated_has_as_many_rows_as_promised(tmp_path: Path) -> None:
    reported(table_tasks.make_evaluated, folder=tmp_path / "made", repeats=3, predicted=40)
    assert reported(table_tasks.evaluation, folder=tmp_path / "made", repeats=3)["seconds"] > 0
    metrics = tables.read(tmp_path / "made/metrics.parquet", schemas.METRICS).to_pylist()
    accuracy = [row for row in metrics if (row["split"], row["metric"]) == ("test", "accuracy")]
    assert [(row["repeat"], row["n"]) for row in accuracy] == [(0, 20), (1, 20), (2, 20)]

"""The whole workflow, once, on the embedded data; and the commands that the documentation names."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from spurprune.storage import contents, schemas, tables
from spurprune.storage.schemas import TableSchema
from tests.workflow.project import Project

SCHEMAS = {
    "base.parquet": schemas.BASE,
    "samples/": schemas.SAMPLES,
    "dynamics.parquet": schemas.DYNAMICS,
    "difficulty/": schemas.DIFFICULTY,
    "plans/": schemas.PLAN,
    "predictions.parquet": schemas.PREDICTIONS,
    "history.parquet": schemas.HISTORY,
    "metrics.parquet": schemas.METRICS,
}


@pytest.fixture(scope="module")
def metrics(finished: Project) -> list[dict[str, Any]]:
    """All metrics of the run, a row a dictionary."""
    rows: list[dict[str, Any]] = tables.read(finished.path / "results/metrics.parquet", schemas.METRICS).to_pylist()
    return rows


def _schema_of(path: Path) -> TableSchema:
    return next(schema for part, schema in SCHEMAS.items() if part in path.as_posix())


def test_all_that_was_asked_for_is_there(finished: Project) -> None:
    made = finished.files()
    for figure in ("fig3", "fig4", "fig6"):
        assert {f"figures/small/{figure}.{ending}" for ending in ("pdf", "png", "csv")} <= set(made)
        assert made[f"figures/small/{figure}.pdf"].startswith(b"%PDF")
        png = made[f"figures/small/{figure}.png"]
        width, height = struct.unpack(">II", png[16:24])
        assert png.startswith(b"\x89PNG") and width > 500 and height > 200
        assert made[f"figures/small/{figure}.csv"].count(b"\n") > 2
    for table in ("summary", "stability"):
        assert {f"tables/small/{table}.{ending}" for ending in ("csv", "md")} <= set(made)
    assert len([name for name in made if name.endswith("predictions.parquet")]) == 12
    assert not [name for name in made if "partial" in name]


def test_every_table_conforms_to_its_schema_and_says_where_it_comes_from(finished: Project) -> None:
    paths = sorted((finished.path / "results").rglob("*.parquet"))
    assert len(paths) == 1 + 5 + 3 + 4 + 12 + 12 * 3 + 1
    for path in paths:
        schema = _schema_of(path.relative_to(finished.path))
        table = tables.read(path, schema)
        contents.require_unique(table, schema, str(path))
        metadata = json.loads(pq.read_metadata(path).metadata[tables.METADATA_KEY])
        version, _, code = metadata["code_version"].partition("+")
        assert version and len(code) == 16 and len(metadata["config_hash"]) == 16
        if "settings" in path.parts:
            assert metadata["place"]["setting"] == path.parts[path.parts.index("settings") + 1]
            assert metadata["place"]["block"] == "000-001" and metadata["repeats"] == [0, 1]


def test_every_job_left_a_log(finished: Project) -> None:
    logs = list((finished.path / "logs").rglob("*.log"))
    assert len(logs) == 1 + 5 + 3 + 4 + 12 + 12 + 12 + 3 + 2 + 1
    for path in logs:
        assert " finished in " in path.read_text(), path


def test_jobs_write_nothing_but_their_outputs_and_logs(finished: Project, sources: Project) -> None:
    present = {path.name for path in finished.path.iterdir()} - {path.name for path in sources.path.iterdir()}
    assert present <= {"results", "logs", "checkpoints", ".snakemake"}
    assert not [path for path in finished.path.glob("checkpoints/**/*") if path.is_file()]
    status, summary = finished.snakemake("--summary", "--quiet", "all")
    assert status == 0, summary
    declared = {line.split("\t")[0] for line in summary.splitlines() if line.startswith("results/")}
    assert {f"results/{name}" for name in finished.files()} == declared


def test_even_two_epochs_learn_the_digits(metrics: list[dict[str, Any]]) -> None:
    accuracy = [row["value"] for row in metrics if row["metric"] == "accuracy" and row["split"] == "test"]
    assert len(accuracy) == 12 * 2
    assert min(accuracy) > 0.5 and max(accuracy) <= 1
    assert len(set(accuracy)) > 12, "runs on different samples should not agree"


def test_counts_are_exact(metrics: list[dict[str, Any]]) -> None:
    def value(metric: str, setting: str, plan: str) -> set[object]:
        return {r["value"] for r in metrics if (r["metric"], r["setting"], r["plan"]) == (metric, setting, plan)}

    assert {r["n"] for r in metrics if r["metric"] == "accuracy" and r["split"] == "test"} == {397}
    assert {r["n"] for r in metrics if r["metric"] == "accuracy" and r["split"] == "validation"} == {200}
    assert value("carriers_samples", "small-fives", "none") == {40}
    assert value("carriers_samples", "small-ones", "none") == {60}
    assert value("carriers_samples", "small-window.start-0.width-2", "none") == {20}
    assert value("pruned_samples", "small-fives", "none") == {0}
    assert value("pruned_samples", "small-fives", "carriers-el2n-hardest-0.50") == {20}
    assert value("pruned_carriers_samples", "small-fives", "carriers-el2n-hardest-0.50") == {20}
    assert value("candidates_samples", "small-fives", "carriers-el2n-hardest-0.50") == {40}
    assert value("pruned_share", "small-fives", "random-0.10") == {0.1}


def test_hardest_and_easiest_prune_other_samples(finished: Project) -> None:
    def gone(order: str) -> set[tuple[int, int]]:
        path = finished.path / f"results/settings/small-fives/plans/carriers-el2n-{order}-0.50/000-001.parquet"
        return {(r["repeat"], r["sample_id"]) for r in tables.read(path, schemas.PLAN).to_pylist() if r["weight"] == 0}

    assert len(gone("hardest")) == len(gone("easiest")) == 40
    assert not gone("hardest") & gone("easiest")


def test_windows_hold_the_easiest_and_the_hardest_carriers(finished: Project) -> None:
    difficulty = tables.read(finished.path / "results/settings/small/difficulty/el2n/000-001.parquet", schemas.DIFFICULTY).to_pylist()
    rank = {(r["repeat"], r["sample_id"]): r["rank_in_class"] for r in difficulty if r["label"] == 5}
    for start in (0, 102):
        path = finished.path / f"results/settings/small-window.start-{start}.width-2/samples/000-001.parquet"
        carriers = [(r["repeat"], r["sample_id"]) for r in tables.read(path, schemas.SAMPLES).to_pylist() if r["attribute_line"] == 1]
        for repeat in (0, 1):
            assert sorted(rank[key] for key in carriers if key[0] == repeat) == list(range(start, start + 20))


def test_inputs_stay_clean(finished: Project) -> None:
    """The feature is laid over on the device only; the prepared dataset must not hold it."""
    from sklearn.datasets import load_digits

    inputs = np.load(finished.path / "results/datasets/digits-8/inputs.npy")
    assert np.array_equal(np.rint(inputs[:, 0] * (16 / 255)), load_digits().images)


def test_a_second_run_changes_nothing(project: Project) -> None:
    before = {path: path.stat().st_mtime_ns for path in (project.path / "results").rglob("*") if path.is_file()}
    assert "Nothing to be done" in project.run()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_documented_commands_plan_the_default_and_the_papers_run(fresh: Project) -> None:
    default = fresh.plan("--cores", "all", "--resources", "gpu=4", configured=False)
    runs, plans = (sum(default[rule] for rule in default if rule.startswith(stage)) for stage in ("retrain", "prune_metadata"))
    assert default["all"] == 1 and default["collect_metrics"] == 1 and runs == default["evaluate"] == plans
    figures = fresh.plan("figures", "--cores", "all", "--resources", "gpu=4", configured=False)
    assert {name: count for name, count in default.items() if name.startswith("plot_")} == {
        name: count for name, count in figures.items() if name.startswith("plot_")
    }
    assert figures["figures"] == 1 and "collect_metrics" not in figures and "all" not in figures
    paper = fresh.plan("--configfile", "config/paper.yaml", configured=False)  # no data is there
    assert paper["prepare_inputs"] == 6 and paper["retrain"] > 100
    assert not (fresh.path / "results").exists() and not (fresh.path / "logs").exists()


def test_snakemake_looks_at_the_ready_jobs_no_more_often_than_there_are_jobs(finished: Project, tmp_path: Path) -> None:
    project = finished.copy(tmp_path / "project")
    for path in (project.path / "results/settings").rglob("runs/*/*/*/metrics.parquet"):
        path.unlink()
    jobs = sum(project.plan().values())
    assert jobs > 12
    status, printed = project.snakemake("--cores", "1", "--verbose")
    assert status == 0 and printed.count("Ready jobs") <= jobs + 1

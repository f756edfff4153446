"""What the benchmark of planning makes and reads: repeats for a number of jobs, trivial rules, Snakemake's answers and records."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report, workflow_runs


def counted(folder: Path, repeats: int) -> int:
    return workflow_runs.count_jobs(workflow_runs.write(folder / "overlay.yaml", workflow_runs.with_repeats(repeats)))


def test_repeats_are_blocks_of_one() -> None:
    assert workflow_runs.with_repeats(2) == {"studies": {"digits-full": {"blocks": ["000-000", "001-001"]}}}


def test_the_fewest_repeats_with_enough_jobs(tmp_path: Path) -> None:
    one, two = counted(tmp_path, 1), counted(tmp_path, 2)
    repeats = workflow_runs.fewest(5_000, one, two)
    assert counted(tmp_path, repeats - 1) < 5_000 <= counted(tmp_path, repeats)
    assert workflow_runs.fewest(1, one, two) == workflow_runs.fewest(one, one, two) == 1
    assert workflow_runs.fewest(one + 1, one, two) == workflow_runs.fewest(two, one, two) == 2


def test_a_copy_of_the_workflow_holds_no_results(tmp_path: Path) -> None:
    workflow_runs.copy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(workflow_runs.SOURCES)
    assert not list(tmp_path.rglob("__pycache__"))


def test_trivial_rules_make_three_jobs_a_run(tmp_path: Path) -> None:
    folder = workflow_runs.trivial(tmp_path / "trivial", 20)
    assert "range(6)" in (folder / "Snakefile").read_text()  # 6 · 3 + samples + all = 20
    assert (folder / "profiles/default/profile.yaml").is_file()
    _, text = workflow_runs.run(folder, "--dry-run", "--quiet", "all")
    assert workflow_runs.planned(text) == 20


def test_measured_until_the_first_job_starts(tmp_path: Path) -> None:
    folder = workflow_runs.trivial(tmp_path / "trivial", 20)
    for _ in range(2):  # the locks of a master that was killed are not in the way of the next
        used = workflow_runs.until_first_job(folder)
        assert used["cpu_seconds"] > 0 and used["seconds"] > 0 and used["peak_mb"] > 10
    assert not (folder / "results/5/metrics").exists()
    workflow_runs.run(folder, "--cores", "1", "--quiet", "all")
    with pytest.raises(RuntimeError, match="started no job"):
        workflow_runs.until_first_job(folder)


def test_what_a_dry_run_says() -> None:
    assert workflow_runs.planned("Job stats:\njob      count\n-----  -------\nall          1\ntotal       12\n\nReasons:") == 12
    assert workflow_runs.planned("Building DAG of jobs...\nNothing to be done (all requested files are present and up to date).") == 0
    with pytest.raises(ValueError, match="no plan"):
        workflow_runs.planned("Error")


def test_the_outputs_of_a_summary() -> None:
    summary = "Building DAG of jobs...\noutput_file\tdate\trule\nresults/a.csv\t-\tplot\nresults/b/c.md\t-\ttabulate\n"
    assert workflow_runs.outputs(summary) == ["results/a.csv", "results/b/c.md"]
    with pytest.raises(ValueError, match="no summary"):
        workflow_runs.outputs("Error")


def test_a_jobs_time_ends_with_its_last_output(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"rule": "evaluate", "log": ["logs/a.log"], "starttime": 10.0, "endtime": 12.5},
        {"rule": "plot_montage", "log": ["logs/b.log"], "starttime": 20.0, "endtime": 23.0},
        {"rule": "plot_montage", "log": ["logs/b.log"], "starttime": 20.0, "endtime": 24.0},
    ]
    metadata = tmp_path / ".snakemake/metadata/@deep"
    metadata.mkdir(parents=True)
    for number, record in enumerate(records):
        (metadata / str(number)).write_text(json.dumps(record), encoding="utf-8")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.log").write_text("2026-01-01 00:00:00 INFO evaluate finished in 1.5 s\n", encoding="utf-8")
    (tmp_path / "logs/b.log").write_text("2026-01-01 00:00:00 INFO plot finished in 3.0 s\n", encoding="utf-8")
    jobs = sorted(workflow_runs.jobs_of(tmp_path), key=lambda job: job["rule"])
    assert jobs == [
        {"rule": "evaluate", "seconds": 2.5, "stage_seconds": 1.5},
        {"rule": "plot_montage", "seconds": 4.0, "stage_seconds": 3.0},
    ]


def test_jobs_are_summed_up_by_stage() -> None:
    jobs = [
        {"rule": rule, "seconds": seconds, "stage_seconds": own}
        for rule, seconds, own in [("plot_montage", 3.0, 2.0), ("plot_group_pruning", 5.0, 2.0), ("prepare_splits", 1.0, 0.5)]
    ]
    assert workflow_runs.by_stage(jobs) == [
        {"stage": "plot", "jobs": 2, "seconds": 4.0, "beyond": 2.0},
        {"stage": "prepare_splits", "jobs": 1, "seconds": 1.0, "beyond": 0.5},
    ]


def test_the_tables_of_planning() -> None:
    used = {key: {"median": 2.0, "low": 1.0, "high": 3.0} for key in ("seconds", "cpu_seconds", "peak_mb", "load")}
    sized = [{"jobs": 10_273, "real": used, "trivial": used}]
    result = {
        "machine": {"processor": "CPU", "instructions": [], "cores": 2, "memory_gb": 8, "system": "Linux", "python": "3", "snakemake": "9"},
        "sizes": {"rounds": 3},
        "first_job": sized,
        "planned": sized,
        "complete": sized,
        "parsing": dict.fromkeys(("empty", "spurprune", "beyond"), used),
        "stages": {
            "jobs": 60,
            "between": 0.125,
            "loading_torch": used["seconds"],
            "stages": [{"stage": "evaluate", "beyond": 0.25}, {"stage": "retrain", "beyond": 0.5}],
        },
    }
    lines = report.planning(result).splitlines()
    spread = "2.0 (1.0–3.0)"
    for what in ("until the first job starts", "dry run", "dry run, all complete"):
        assert f"| {what} | 10,273 | {spread} | 2 (1–3) | {spread} |" in lines
    assert "took 0.25 to 0.50 s beyond its stage's own time" in "\n".join(lines)
    assert "took 2.00 (1.00–3.00) s, an empty Snakefile" in "\n".join(lines)
    assert "load was 1.0 to 3.0" in lines[0] and lines[0].startswith("CPU, 2 cores, 8 GB, Linux, Python 3, snakemake 9.")

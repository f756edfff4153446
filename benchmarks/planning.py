"""Planning: time and memory that Snakemake needs to plan thousands of jobs, find nothing to do, read the rules, start a job."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report, workflow_runs
from benchmarks.common import Result, finish, machine, parser, summary

Runs = list[dict[str, float]]
QUIET = ("--dry-run", "--quiet", "all")


def main() -> None:
    """Measure planning."""
    options = parser(__doc__ or "", rounds=3)
    options.add_argument(
        "--jobs", type=int, nargs="+", default=[1_000, 10_000, 50_000], help="numbers of jobs to plan (default %(default)s)"
    )
    options.add_argument(
        "--complete", type=int, nargs="+", default=[1_000, 10_000], help="numbers of finished jobs to check (default %(default)s)"
    )
    given = options.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    result = measure([600], [600], 1) if given.quick else measure(given.jobs, given.complete, given.rounds)
    finish("planning", result, report.planning(result), given)


def measure(sizes: Sequence[int], complete: Sequence[int], rounds: int) -> Result:
    """Return the result of ``rounds`` rounds; the largest of several sizes is planned once only."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        once = max(sizes) if len(sizes) > 1 else 0
        planned = [_planned(folder / f"planned-{size}", size, 1 if size == once else rounds) for size in sizes]
        return {
            "benchmark": "planning",
            "machine": machine("snakemake"),
            "sizes": {"rounds": rounds},
            "parsing": _parsing(folder / "parsing", rounds),
            "stages": _stages(folder / "stages"),
            "first_job": [first for first, _ in planned],
            "planned": [dry for _, dry in planned],
            "complete": [_complete(folder / f"complete-{size}", size, rounds) for size in complete],
        }


def _parsing(folder: Path, rounds: int) -> Result:
    """Return the cost of reading the rules, compared with an empty Snakefile."""
    ours = workflow_runs.copy(folder / "ours")
    empty = folder / "empty"
    empty.mkdir()
    (empty / "Snakefile").write_text("rule nothing:\n", encoding="utf-8")
    runs: dict[str, Runs] = {"empty": [], "spurprune": []}
    for number in range(rounds + 1):
        for name, place in (("empty", empty), ("spurprune", ours)):
            used = workflow_runs.run(place, "--list-rules")[0]
            if number:  # the first fills caches of compiled code
                runs[name].append(used)
    beyond = [
        {key: ours[key] - theirs[key] for key in ("seconds", "cpu_seconds")}
        for ours, theirs in zip(runs["spurprune"], runs["empty"], strict=True)
    ]
    return {name: _over(used) for name, used in runs.items()} | {"beyond": _over(beyond)}


def _stages(folder: Path) -> Result:
    """Return the overhead of jobs beyond their stage's own time, from a small run, one job at a time."""
    workflow_runs.copy(folder)
    overlay = workflow_runs.write(folder / "overlay.yaml", workflow_runs.SMALL)
    used, _ = workflow_runs.run(folder, "--configfile", str(overlay), "--cores", "1", "--quiet", "all")
    jobs = workflow_runs.jobs_of(folder)
    between = (used["seconds"] - sum(job["seconds"] for job in jobs)) / len(jobs)
    loading = []
    for _ in range(3):
        child = subprocess.run(
            [sys.executable, "-c", "import time; a = time.perf_counter(); import spurprune.stages.retrain; print(time.perf_counter() - a)"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        loading.append(float(child.stdout))
    return {
        "jobs": len(jobs),
        "between": between,
        "loading_torch": summary(loading),
        "stages": workflow_runs.by_stage(jobs),
        "load": used["load"],
    }


def _planned(folder: Path, wanted: int, rounds: int) -> tuple[Result, Result]:
    """Return the cost of planning about ``wanted`` jobs, until the first starts and as a dry run, by the real rules and by trivial ones."""
    place, arguments, jobs = _real(folder / "real", wanted)
    floor = workflow_runs.trivial(folder / "trivial", jobs)
    first: dict[str, Runs] = {"real": [], "trivial": []}
    dry: dict[str, Runs] = {"real": [], "trivial": []}
    for _ in range(rounds):
        first["real"].append(_first_job(place, *arguments))
        first["trivial"].append(_first_job(floor))
        dry["real"].append(_dry_run(place, jobs, *arguments))
        dry["trivial"].append(_dry_run(floor, 2 + (jobs - 2) // 3 * 3))
        print(f"{jobs:,} jobs until the first starts: {first['real'][-1]}; as a dry run: {dry['real'][-1]}", flush=True)
    return _by_rules(jobs, first), _by_rules(jobs, dry)


def _complete(folder: Path, wanted: int, rounds: int) -> Result:
    """Return the cost of finding nothing to do where about ``wanted`` jobs are complete, by the real rules and by trivial ones."""
    place, arguments, jobs = _real(folder / "real", wanted)
    floor = workflow_runs.trivial(folder / "trivial", jobs)
    workflow_runs.complete(place, *arguments)
    workflow_runs.complete(floor)
    runs: dict[str, Runs] = {"real": [], "trivial": []}
    for _ in range(rounds):
        runs["real"].append(_dry_run(place, 0, *arguments))
        runs["trivial"].append(_dry_run(floor, 0))
        print(f"{jobs:,} jobs complete: {runs['real'][-1]}", flush=True)
    return _by_rules(jobs, runs)


def _real(folder: Path, wanted: int) -> tuple[Path, tuple[str, ...], int]:
    """Return (folder of a copy, arguments that select the digits' full study with enough repeats, number of jobs)."""
    workflow_runs.copy(folder)
    path = folder / "overlay.yaml"
    one, two = (workflow_runs.count_jobs(workflow_runs.write(path, workflow_runs.with_repeats(count))) for count in (1, 2))
    workflow_runs.write(path, workflow_runs.with_repeats(workflow_runs.fewest(wanted, one, two)))
    return folder, ("--configfile", workflow_runs.CONFIGFILE, str(path)), workflow_runs.count_jobs(path)


def _dry_run(folder: Path, jobs: int, *arguments: str) -> dict[str, float]:
    used, text = workflow_runs.run(folder, *QUIET, *arguments)
    if workflow_runs.planned(text) != jobs:
        raise RuntimeError(f"{jobs} jobs were expected, {workflow_runs.planned(text)} are planned:\n{text}")
    return used


def _first_job(folder: Path, *arguments: str) -> dict[str, float]:
    used = workflow_runs.until_first_job(folder, *arguments)
    for name in ("results", "logs"):
        shutil.rmtree(folder / name, ignore_errors=True)  # of the job that was killed
    return used


def _by_rules(jobs: int, runs: dict[str, Runs]) -> Result:
    return {"jobs": jobs, **{name: _over(used) for name, used in runs.items()}}


def _over(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    return {name: summary([one[name] for one in runs]) for name in runs[0]}


if __name__ == "__main__":
    main()

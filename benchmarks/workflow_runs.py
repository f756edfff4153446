"""Copies of the workflow for the benchmark of planning: configurations, complete trees of placeholders, records of runs."""

import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from spurprune.dag import planning

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("Snakefile", "workflow", "spurprune", "config", "profiles", "envs")
STUDY = "digits-full"
CONFIGFILE = f"config/{STUDY}.yaml"
# Snakemake's own touch, without the 0.1 s that it sleeps before each job.
TOUCH = (
    "import sys; from snakemake.executors.touch import Executor; Executor.SLEEPING_TIME = 0; "
    "from snakemake.cli import main; main(sys.argv[1:])"
)
STARTED = re.compile(r"^(local)?rule \w+:$", re.MULTILINE)  # what Snakemake prints when it starts a job
# Rules with inputs and outputs only, in the shape of the real ones: a plan, training and metrics for every run.
TRIVIAL_RULES = """
rule all:
    input: [f"results/{{number}}/metrics" for number in range({runs})]

rule samples:
    output: "results/samples"
    shell: "touch {{output}}"

rule plan:
    input: "results/samples"
    output: "results/{{run}}/plan"
    shell: "touch {{output}}"

rule train:
    input: "results/samples", "results/{{run}}/plan"
    output: "results/{{run}}/predictions", "results/{{run}}/history"
    shell: "touch {{output}}"

rule evaluate:
    input: "results/{{run}}/predictions", "results/samples", "results/{{run}}/plan"
    output: "results/{{run}}/metrics"
    shell: "touch {{output}}"
"""
# A small run on the digits: every stage, in blocks of one repeat.
SMALL = {
    "select": ["small"],
    "studies": {
        "small": {
            "title": "Digits, a part",
            "blocks": ["000-000", "001-001"],
            "methods": ["erm"],
            "score": "el2n",
            "figures": {
                "fig4": {"kind": "carrier_pruning", "settings": ["digits-unidentifiable"], "sparsities": ["0.25", "0.50"]},
                "fig5": {"kind": "difficulty_quartiles", "settings": ["digits-unidentifiable", "digits-identifiable"]},
            },
            "tables": {
                "summary": {"kind": "summary"},
                "stability": {"kind": "stability", "settings": ["digits-unidentifiable"], "scores": ["el2n", "forgetting", "random"]},
            },
        }
    },
}


def with_repeats(count: int) -> dict[str, Any]:
    """Return the overlay that gives the digits' full study ``count`` repeats in blocks of one."""
    return {"studies": {STUDY: {"blocks": [f"{number:03d}-{number:03d}" for number in range(count)]}}}


def count_jobs(overlay: Path) -> int:
    """Return how many jobs build the digits' full study from nothing, with an overlay merged over it."""
    return len(planning.jobs(planning.load([ROOT / CONFIGFILE, overlay])))


def fewest(wanted: int, one: int, two: int) -> int:
    """Return the fewest repeats that need at least ``wanted`` jobs, if one repeat needs ``one`` and two need ``two``."""
    return max(1, 1 + -(-(wanted - one) // (two - one)))


def copy(folder: Path) -> Path:
    """Copy the workflow's sources, without results; return the folder."""
    for name in SOURCES:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return folder


def trivial(folder: Path, jobs: int) -> Path:
    """Write a workflow of trivial rules with about ``jobs`` jobs, three per run; return its folder."""
    folder.mkdir(parents=True)
    (folder / "Snakefile").write_text(TRIVIAL_RULES.format(runs=(jobs - 2) // 3), encoding="utf-8")
    shutil.copytree(ROOT / "profiles", folder / "profiles")
    return folder


def write(path: Path, overlay: dict[str, Any]) -> Path:
    """Write an overlay of the configuration; return its path."""
    path.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return path


def run(folder: Path, *arguments: str, program: Sequence[str] = ("-m", "snakemake")) -> tuple[dict[str, float], str]:
    """Run Snakemake in a folder to its end; return (seconds, processor seconds, peak megabytes; what it printed).

    Raises RuntimeError with its output if it fails. The measures include the children of the process.
    """
    output = folder / "printed.txt"
    with open(output, "w", encoding="utf-8") as printed:
        load = os.getloadavg()[0]
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *program, *arguments], cwd=folder, env=_environment(), stdout=printed, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    text = output.read_text(encoding="utf-8")
    if process.returncode:
        raise RuntimeError(f"snakemake {' '.join(arguments)} failed in {folder}:\n{text}")
    return _measures(seconds, usage, load), text


def until_first_job(folder: Path, *arguments: str) -> dict[str, float]:
    """Run Snakemake in a folder until it starts its first job, then kill both; return its measures until then as ``run`` does.

    Raises RuntimeError with what it printed if it ends without starting a job.
    """
    output = folder / "printed.txt"
    with open(output, "w", encoding="utf-8") as printed:
        load = os.getloadavg()[0]
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
            cwd=folder,
            env=_environment(),
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while not STARTED.search(output.read_text(encoding="utf-8")):
                if process.poll() is not None:
                    raise RuntimeError(f"snakemake {' '.join(arguments)} started no job in {folder}:\n{output.read_text(encoding='utf-8')}")
                time.sleep(0.01)
        except BaseException:  # it would continue, in a session of its own
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        seconds = time.perf_counter() - started
        os.killpg(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    shutil.rmtree(folder / ".snakemake/locks")
    return _measures(seconds, usage, load)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SNAKEMAKE_PROFILE")}


def _measures(seconds: float, usage: resource.struct_rusage, load: float) -> dict[str, float]:
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6  # bytes there, kibibytes elsewhere
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mb": peak, "load": load}


def planned(text: str) -> int:
    """Return how many jobs a dry run announces, 0 if there is nothing to do; raises ValueError if it says neither."""
    total = re.search(r"^total +(\d+)$", text, re.MULTILINE)
    if total:
        return int(total[1])
    if "Nothing to be done" in text:
        return 0
    raise ValueError(f"no plan:\n{text}")


def outputs(summary: str) -> list[str]:
    """Return the paths that ``snakemake --summary`` lists."""
    _, found, lines = summary.partition("output_file\t")
    if not found:
        raise ValueError(f"no summary:\n{summary}")
    return [line.split("\t")[0] for line in lines.splitlines()[1:] if "\t" in line]


def complete(folder: Path, *arguments: str) -> None:
    """Write a placeholder for each output and have Snakemake record all of them as made by the current jobs."""
    for name in outputs(run(folder, "--summary", *arguments)[1]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("placeholder\n", encoding="utf-8")
    run(folder, "--touch", "--forceall", "--cores", "10000", "--quiet", "all", *arguments, program=("-c", TOUCH))


def jobs_of(folder: Path) -> list[dict[str, Any]]:
    """Return a folder's finished jobs: rule, seconds from start to last output, seconds that the stage itself logged."""
    ends: dict[str, dict[str, Any]] = {}
    for path in (folder / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            record = json.loads(path.read_text(encoding="utf-8"))
            job = ends.setdefault(record["log"][0], {"rule": record["rule"], "start": record["starttime"], "end": 0.0})
            job["end"] = max(job["end"], record["endtime"])
    found = []
    for log, job in ends.items():
        stage = re.findall(r"finished in ([0-9.]+) s", (folder / log).read_text(encoding="utf-8"))
        found.append({"rule": job["rule"], "seconds": job["end"] - job["start"], "stage_seconds": sum(map(float, stage))})
    return found


def by_stage(jobs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each stage's number of jobs, their median seconds, and their median seconds beyond their stage's own time."""
    stages = defaultdict(list)
    for job in jobs:
        stages[job["rule"].partition("_")[0] if job["rule"].startswith(("plot_", "tabulate_")) else job["rule"]].append(job)
    return [
        {
            "stage": name,
            "jobs": len(found),
            "seconds": statistics.median(job["seconds"] for job in found),
            "beyond": statistics.median(job["seconds"] - job["stage_seconds"] for job in found),
        }
        for name, found in sorted(stages.items())
    ]

"""Which device a job gets, how many run at a time, and what is said of it; on machines with and without GPUs, which a tool pretends."""

import os
import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from spurprune.machine.devices import JOB_VARIABLES
from tests.workflow.project import Project

NO_GPU = "No GPU is visible, so training runs on the CPU."


class Span(NamedTuple):
    """From when to when something was held; whole seconds, rounded down, which keeps their order."""

    start: datetime
    end: datetime


def _runs(project: Project, count: int) -> list[str]:
    """Return the predictions of some of the finished runs, below the project's folder."""
    found = sorted(project.path.glob("results/settings/*/runs/*/*/*/predictions.parquet"))
    assert len(found) >= count
    return [path.relative_to(project.path).as_posix() for path in found[:count]]


def _log(project: Project, run: str) -> Path:
    setting, _, method, plan, block, _ = Path(run).parts[2:]
    return project.path / "logs/retrain" / setting / method / plan / f"{block}.log"


def _train(project: Project, runs: list[str], *arguments: str) -> tuple[str, list[str]]:
    """Train some runs again, four at a time unless something else limits them; return what snakemake printed and every job's log."""
    for run in runs:
        _log(project, run).unlink()
    status, text = project.snakemake(*runs, "--force", "--cores", "4", *arguments)
    assert status == 0, text
    logs = [_log(project, run).read_text() for run in runs]
    assert all(log.count("retrain finished in") == 1 for log in logs)
    return text, logs


def _span(log: str, start: str, end: str) -> Span:
    """Return the times of the two lines of a log that match."""
    found = [re.findall(rf"^(\S+ \S+) \S+ {pattern}", log, re.MULTILINE) for pattern in (start, end)]
    assert [len(times) for times in found] == [1, 1], log
    return Span(*(datetime.fromisoformat(times[0]) for times in found))


def _at_once(spans: list[Span]) -> int:
    """Return how many spans there were at a time at most."""
    return max(sum(other.start <= span.start < other.end for other in spans) for span in spans)


def _pretend_gpus(project: Project, count: int) -> None:
    """Let nvidia-smi list ``count`` GPUs and the environment name none."""
    tool = project.path / "tools/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\nseq 0 {count - 1}\n")
    tool.chmod(0o755)
    project.environment = {"PATH": f"{tool.parent}:{os.environ['PATH']}", "SPURPRUNE_LEASES": str(tool.parent)}


@pytest.fixture
def four_gpus(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("CUDA_VISIBLE_DEVICES", *JOB_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    _pretend_gpus(project, 4)
    return project


def test_four_jobs_fill_four_gpus_and_no_two_share_one(four_gpus: Project) -> None:
    text, logs = _train(four_gpus, _runs(four_gpus, 6), "--resources", "gpu=4")
    assert NO_GPU not in text
    leases: dict[str, list[Span]] = {}
    for log in logs:
        (device,) = re.findall(r"leased device (\S+) of node ", log)
        assert device in ("0", "1", "2", "3")
        leases.setdefault(device, []).append(_span(log, f"leased device {device} ", f"released device {device}$"))
        used = re.findall(r" device (cpu|cuda), ", log)
        assert used == ["cpu"] or used == ["cuda"]
        assert (f"cannot use GPU {device}, so this job runs on the CPU" in log) == (used == ["cpu"])
    assert len(leases) == 4
    for device, spans in leases.items():
        for earlier, later in pairwise(sorted(spans)):
            assert earlier.end <= later.start, f"two jobs shared device {device}: {earlier}, {later}"
    assert _at_once([span for spans in leases.values() for span in spans]) == 4


def test_gpu_1_lets_one_training_run_at_a_time(four_gpus: Project) -> None:
    _, logs = _train(four_gpus, _runs(four_gpus, 2), "--resources", "gpu=1")
    assert _at_once([_span(log, "retrain started$", "retrain finished") for log in logs]) == 1


def test_without_a_gpu_jobs_train_on_the_cpu_and_say_so_once(project: Project) -> None:
    project.environment = {"CUDA_VISIBLE_DEVICES": ""}
    text, logs = _train(project, _runs(project, 2), "--resources", "gpu=4")
    assert text.count(NO_GPU) == 1
    for log in logs:
        assert " device cpu, " in log and "lease" not in log and "cannot use" not in log


def test_the_number_of_gpus_changes_no_plan(fresh: Project) -> None:
    plan = fresh.plan()
    assert plan["retrain"] == 12
    assert fresh.plan("--resources", "gpu=1") == plan

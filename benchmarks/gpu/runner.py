"""Runs steps one after another, each in its own process with a time limit; what a step did not finish never stops the next."""

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu import state
from benchmarks.gpu.record import Line, Record, read
from benchmarks.gpu.steps import Step

LOG = "log.txt"
LEAST = 5.0  # seconds: with less left, a step is not started
CLOSING = 5.0  # seconds kept back for packing the state


def run_all(steps: Sequence[Step], given: Namespace) -> list[Line]:
    """Run the steps within ``given.budget`` seconds and return all lines of the results, with one that says how each step ended."""
    ends = time.monotonic() + given.budget
    for step in steps:
        record = Record(given.out, step.name)
        left = ends - time.monotonic() - CLOSING
        if left < LEAST:
            record.write("skipped", why="the budget is used up")
            continue
        limit = min(step.quick_limit if given.quick else step.limit, left)
        record.write("started", what=step.what, limit_seconds=round(limit, 1))
        started = time.monotonic()
        how = run_one(command(step, given), given.out / LOG, limit)
        state.pack(given.work, given.out / state.FILE)
        record.write("ended", how=how, seconds=round(time.monotonic() - started, 1))
    return read(given.out)


def command(step: Step, given: Namespace) -> list[str]:
    """Return the command of a step's process."""
    options = [f"--{name}={getattr(given, name)}" for name in ("out", "work", "repeats", "precision") if getattr(given, name) is not None]
    options += [f"--data={given.data}"] if given.data else []
    return [sys.executable, "-m", "benchmarks.gpu", "--run-step", step.name, *options, *(["--quick"] if given.quick else [])]


def run_one(words: Sequence[str], log: Path, limit: float) -> str:
    """Run a command, appending what it prints to ``log``; return "done", "failed, exit status N" or "stopped at its limit".

    At its limit the process is killed with all its children, which are in its process group.
    """
    with open(log, "a", encoding="utf-8") as file:
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.STDOUT, process_group=0)
        try:
            status = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "stopped at its limit"
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return "done" if status == 0 else f"failed, exit status {status}"

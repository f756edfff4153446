"""Measured processes: each runs its task once to warm up, then again on request, and sleeps in between.

In a process of its own, every task has its own threads, compiler caches and peak memory. As all processes stay alive, each round can
measure all tasks, so that a machine that slows down affects them alike.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from spurprune.errors import SpurpruneError
from spurprune.machine import devices

Report = dict[str, Any]
Turn = Callable[[Report], None]
# What a process does repeatedly: task(turn, **options) calls turn with a report after each run; turn returns when the task is to run
# again, or never. The task's module must not import torch at its top level.
Task = Callable[..., None]


class UnavailableError(SpurpruneError):
    """Why something cannot be measured here."""


class Worker:
    """A process that runs a task; ``first`` is its report of the warm-up."""

    def __init__(self, task: Task, threads: int | None, **options: Any) -> None:
        """Start the process and wait for the warm-up; ``threads`` is its number of numeric threads, None leaves the default.

        Raises UnavailableError if the task does.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, task, threads, options))
        self._process.start()
        theirs.close()
        self.first = self.report()
        if "unavailable" in self.first:
            self.close()
            raise UnavailableError(self.first["unavailable"])

    def go(self) -> None:
        """Start the task once more."""
        self._pipe.send(None)

    def report(self) -> Report:
        """Wait for the task and return its report; raises RuntimeError if the process died."""
        try:
            report: Report = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"A measured process died with exit code {self._process.exitcode}; see its message above.") from None
        return report

    def close(self) -> None:
        """End the process after its current task."""
        self._pipe.close()
        self._process.join()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def once(task: Task, threads: int | None, **options: Any) -> Report:
    """Return the report of a task run once, in a fresh process."""
    with Worker(task, threads, **options) as worker:
        return worker.first


def together(workers: Sequence[Worker]) -> Report:
    """Run the tasks of several processes at the same time; return {images, seconds} of all of them."""
    for worker in workers:
        worker.go()
    reports = [worker.report() for worker in workers]
    return {"images": sum(report["images"] for report in reports), "seconds": max(report["seconds"] for report in reports)}


def _serve(pipe: Connection, task: Task, threads: int | None, options: dict[str, Any]) -> None:
    if threads is not None:
        devices.set_threads(threads)

    def turn(report: Report) -> None:
        pipe.send(report)
        try:
            pipe.recv()
        except EOFError:
            raise SystemExit from None

    try:
        task(turn, **options)
    except UnavailableError as reason:
        turn({"unavailable": str(reason)})

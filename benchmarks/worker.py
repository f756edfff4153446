"""Measured processes: each does its task once to warm up, then again whenever it is told to, and sleeps in between.

A process of its own gives every task its own threads, compiler caches and peak memory. Since all of them stay alive, one round can
measure everything in turn, and a machine that slows down slows down all alike.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from spurprune.errors import SpurpruneError
from spurprune.machine import devices

Report = dict[str, Any]
Turn = Callable[[Report], None]
# What a process does over and over: task(turn, **options) calls turn with a report each time it is done; turn returns when the task is
# to be done again, or not at all. Its module imports torch only when it is called.
Task = Callable[..., None]


class UnavailableError(SpurpruneError):
    """Why something cannot be measured here."""


class Worker:
    """A process that does a task; ``first`` is its report of the warm-up."""

    def __init__(self, task: Task, threads: int | None, **options: Any) -> None:
        """Start the process and wait until it is warm; ``threads`` are its numeric threads, None leaves them as they come.

        Raises UnavailableError if the task says that it cannot be done.
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
        """Have the task done once more."""
        self._pipe.send(None)

    def report(self) -> Report:
        """Wait until the task is done and return what it reports; raises RuntimeError if the process died."""
        try:
            report: Report = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"a measured process died (exit code {self._process.exitcode}); its own message is above") from None
        return report

    def close(self) -> None:
        """End the process once it has done what it is doing."""
        self._pipe.close()
        self._process.join()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def once(task: Task, threads: int | None, **options: Any) -> Report:
    """Return the report of a task done once, in a fresh process."""
    with Worker(task, threads, **options) as worker:
        return worker.first


def together(workers: Sequence[Worker]) -> Report:
    """Have several processes do their tasks at the same time; return {images, seconds} of all of them."""
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

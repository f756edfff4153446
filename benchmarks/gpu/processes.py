"""The textbook loop, and several training processes that share the device, as jobs of the workflow would without leases."""

import statistics
from argparse import Namespace
from contextlib import ExitStack

from benchmarks import image_tasks
from benchmarks.gpu import sizes
from benchmarks.gpu.record import Line, Record
from benchmarks.worker import Worker
from benchmarks.worker import together as at_once

ROUNDS = 3


def textbook(lines: Record, given: Namespace) -> None:
    """Time the textbook loop of ResNet-20."""
    images = sizes.of(given.quick).textbook_images

    def measured() -> Line:
        with Worker(image_tasks.textbook, None, cifar10=None, images=images) as worker:
            return {"images_per_s": images / at_once([worker])["seconds"], "images": images}

    lines.attempt("textbook loop, two data workers", measured)


def processes(lines: Record, given: Namespace) -> None:
    """Time several processes at once, each training ResNet-20 by recorded steps."""
    size = sizes.of(given.quick)
    images = 64 * (2 if given.quick else size.steps)
    for count in size.processes:

        def measured(count: int = count) -> Line:
            with ExitStack() as stack:
                options: Line = {"cifar10": None, "images": images, "changes": {}}
                workers = [stack.enter_context(Worker(image_tasks.engine, 1, **options)) for _ in range(count)]
                done = [at_once(workers) for _ in range(1 if given.quick else ROUNDS)]
            return {"processes": count, "images_per_s": statistics.median(one["images"] / one["seconds"] for one in done)}

        lines.attempt(f"{count} processes", measured)

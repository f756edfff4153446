"""Training speed: images per second of variants of the package's loop and of the textbook loop, in interleaved rounds."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks import image_tasks, report
from benchmarks.common import Result, add_images_option, cores, finish, load_images, machine, parser, show_round, summary
from benchmarks.worker import Task, UnavailableError, Worker, once, together

TEXTBOOK = "textbook"


@dataclass(frozen=True)
class Variant:
    """One way to train: ``processes`` at the same time with ``threads`` each, with one of the loops.

    ``threads`` None leaves the process as torch sets it up; a number also lets idle threads sleep, as the package's jobs do. ``changes``
    to the recipe are for the package's loop.
    """

    name: str
    task: Task
    threads: int | None
    processes: int = 1
    changes: Mapping[str, Any] = field(default_factory=dict)

    def start(self, cifar10: str | None, images: int) -> Worker:
        """Start and warm up one of the processes; raises UnavailableError if the machine or the engine cannot run it."""
        options = {"changes": dict(self.changes)} if self.task is image_tasks.engine else {}
        return Worker(self.task, self.threads, cifar10=cifar10, images=images, **options)


def variants(threads: int) -> list[Variant]:
    """Return what is measured; the processes of a variant share ``threads`` threads."""
    ways: dict[str, dict[str, Any]] = {
        "eager": {},
        "compiled": {"compile": True},
        "bf16": {"precision": "bf16"},
        "bf16, compiled": {"precision": "bf16", "compile": True},
    }
    textbook = [Variant(TEXTBOOK, image_tasks.textbook, None), Variant("textbook, idle threads asleep", image_tasks.textbook, threads)]
    one = [Variant(name, image_tasks.engine, threads, 1, changes) for name, changes in ways.items()]
    several = [Variant(f"{v.name}, {threads} processes", v.task, 1, threads, v.changes) for v in one] if threads > 1 else []
    return [*textbook, *one, *several]


def main() -> None:
    """Measure training speed."""
    options = parser(__doc__ or "", rounds=7)
    options.add_argument("--images", type=int, default=6400, help="images per variant and round, in batches of 64 (default %(default)s)")
    options.add_argument("--threads", type=int, default=cores(), help="numeric threads per variant (default: all cores)")
    options.add_argument("--only", nargs="+", metavar="NAME", help="measure only these variants and the textbook loop")
    add_images_option(options)
    given = options.parse_args()
    images, rounds = (256, 1) if given.quick else (given.images, given.rounds)
    chosen = [v for v in variants(given.threads) if not given.only or v.name in (TEXTBOOK, *given.only)]
    result = measure(chosen, given.cifar10, images, rounds, given.threads)
    finish("training", result, report.training(result), given)


def measure(chosen: list[Variant], cifar10: str | None, images: int, rounds: int, threads: int) -> Result:
    """Return the result of ``rounds`` rounds, in each of which every variant trains on ``images`` images; the order alternates."""
    flop = once(image_tasks.flop_per_image, 1)["training"]
    running: dict[str, list[Worker]] = {}
    skipped: dict[str, str] = {}
    peaks: list[dict[str, dict[str, float]]] = []
    with ExitStack() as stack:
        for variant in chosen:
            print(f"warming up: {variant.name}", flush=True)
            try:
                running[variant.name] = [stack.enter_context(variant.start(cifar10, images)) for _ in range(variant.processes)]
            except UnavailableError as reason:
                skipped[variant.name] = str(reason)
        limits = stack.enter_context(Worker(image_tasks.peak, threads, repeats=10))
        speeds: dict[str, list[float]] = {name: [] for name in running}
        for number in range(rounds):
            for name in list(running) if number % 2 == 0 else list(reversed(running)):
                done = together(running[name])
                speeds[name].append(done["images"] / done["seconds"])
            limits.go()
            peaks.append(limits.report())
            show_round(number, speeds)
    peak = {p: {name: summary([one[p][name] for one in peaks]) for name in peaks[0][p]} for p in peaks[0]}
    return {
        "benchmark": "training",
        "machine": machine("torch", "torchvision", "numpy"),
        "images": load_images(cifar10, 1).source,
        "sizes": {"batch_size": 64, "images_per_round": images, "rounds": rounds},
        "flop_per_image": flop,
        "peak_gflops": peak,
        "variants": [_entry(v, speeds[v.name], speeds[TEXTBOOK], flop, peak) for v in chosen if v.name in running],
        "skipped": skipped,
    }


def _entry(
    variant: Variant, speed: list[float], textbook: list[float], flop: float, peak: dict[str, dict[str, dict[str, float]]]
) -> Result:
    precision = variant.changes.get("precision", "fp32")
    gflops = summary([value * flop / 1e9 for value in speed])["median"]
    return {
        "name": variant.name,
        "threads": variant.threads,
        "processes": variant.processes,
        "images_per_second": summary(speed),
        "ratio_to_textbook": summary([ours / theirs for ours, theirs in zip(speed, textbook, strict=True)]),
        "gflops": gflops,
        "share_of_peak": round(gflops / max(one["median"] for one in peak[precision].values()), 3),
    }


if __name__ == "__main__":
    main()

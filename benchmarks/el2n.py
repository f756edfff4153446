"""EL2N of many images: the package in batches compared with one image at a time in a Python loop, in interleaved rounds."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks import image_tasks, report
from benchmarks.common import Result, add_images_option, cores, finish, load_images, machine, parser, show_round, summary
from benchmarks.worker import Task, Worker, once, together

PACKAGE = "package, in batches"
ONE_BY_ONE = {"one by one": None, "one by one, one thread": 1}  # threads: as torch sets them; one, which needs no coordination
TOLERANCE = 1e-5  # of scores in [0, √2]: float32 sums are taken in different orders


def main() -> None:
    """Measure EL2N."""
    options = parser(__doc__ or "", rounds=5)
    options.add_argument("--images", type=int, default=50_000, help="images scored by the package (default %(default)s)")
    options.add_argument("--subset", type=int, default=2_000, help="images scored one by one (default %(default)s)")
    options.add_argument("--threads", type=int, default=cores(), help="numeric threads (default: all cores)")
    add_images_option(options)
    given = options.parse_args()
    images, subset, rounds = (512, 100, 1) if given.quick else (given.images, given.subset, given.rounds)
    result = measure(given.cifar10, images, subset, rounds, given.threads)
    finish("el2n", result, report.el2n(result), given)


def measure(cifar10: str | None, images: int, subset: int, rounds: int, threads: int) -> Result:
    """Return the result of ``rounds`` rounds; raises SystemExit if the scores differ by more than the tolerance."""
    flop = once(image_tasks.flop_per_image, 1)["forward"]
    speeds: dict[str, list[float]] = {name: [] for name in (PACKAGE, *ONE_BY_ONE)}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        network = Path(folder) / "network.safetensors"
        scores = {name: Path(folder) / f"{name}.npy" for name in speeds}
        once(image_tasks.trained_network, threads, cifar10=cifar10, images=min(images, 6400), path=network)

        def start(name: str, task: Task, task_threads: int | None, n: int) -> Worker:
            return stack.enter_context(Worker(task, task_threads, cifar10=cifar10, images=n, network=network, scores=scores[name]))

        workers = {PACKAGE: start(PACKAGE, image_tasks.el2n, threads, images)}
        workers |= {name: start(name, image_tasks.el2n_one_by_one, count, subset) for name, count in ONE_BY_ONE.items()}
        for number in range(rounds):
            for name, worker in workers.items():
                done = together([worker])
                speeds[name].append(done["images"] / done["seconds"])
            show_round(number, speeds)
        ours = np.load(scores[PACKAGE])[:subset]
        difference = max(float(np.abs(ours - np.load(scores[name])).max()) for name in ONE_BY_ONE)
    if not difference <= TOLERANCE:
        raise SystemExit(f"The scores of some image differ by {difference:.2g}, more than {TOLERANCE:.0e}.")
    return {
        "benchmark": "el2n",
        "machine": machine("torch", "torchvision", "numpy"),
        "images": load_images(cifar10, 1).source,
        "sizes": {"images": images, "subset": subset, "rounds": rounds, "threads": threads},
        "flop_per_image": flop,
        "gflops": {name: summary([value * flop / 1e9 for value in values])["median"] for name, values in speeds.items()},
        "images_per_second": {name: summary(values) for name, values in speeds.items()},
        "seconds_for_all": {name: summary([images / value for value in values]) for name, values in speeds.items()},
        "ratio": {name: summary([a / b for a, b in zip(speeds[PACKAGE], speeds[name], strict=True)]) for name in ONE_BY_ONE},
        "largest_difference": float(f"{difference:.2g}"),
        "tolerance": TOLERANCE,
    }


if __name__ == "__main__":
    main()

"""Images in random batches, from the plain array and from JPEG files: images per second, and the sizes of both."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import report
from benchmarks.common import Result, cores, finish, machine, parser, summary
from benchmarks.storage_tasks import SIZE, make, read
from benchmarks.worker import Worker, once


def main() -> None:
    """Measure both ways of storing images."""
    options = parser(__doc__ or "", rounds=5)
    options.add_argument("--images", type=int, default=2000, help="images (default %(default)s)")
    given = options.parse_args()
    images, rounds = (64, 1) if given.quick else (given.images, given.rounds)
    result = measure(images, rounds)
    finish("storage", result, report.storage(result), given)


def measure(images: int, rounds: int) -> Result:
    """Return the result of ``rounds`` rounds; plain images are read by one thread, JPEG files by one and by all cores."""
    ways = {"plain": ("plain", 1)} | {
        f"encoded, {threads} thread{'s' * (threads > 1)}": ("encoded", threads) for threads in dict.fromkeys((1, cores()))
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = once(make, None, folder=folder, images=images)
        workers = {way: Worker(read, None, folder=folder / storage, decoders=threads) for way, (storage, threads) in ways.items()}
        speeds: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(rounds):
            for way, worker in workers.items():
                worker.go()
                speeds[way].append(images / worker.report()["seconds"])
            print(f"round {number + 1} of {rounds}", flush=True)
        for worker in workers.values():
            worker.close()
    return {
        "benchmark": "storage",
        "machine": machine("numpy", "pillow"),
        "sizes": {"rounds": rounds, "images": images, "pixels": SIZE},
        "images_per_second": {way: summary(values) for way, values in speeds.items()},
        "bytes_per_image": {"plain": float(np.prod((3, SIZE, SIZE))), "encoded": sizes["encoded_bytes"] / images},
    }


if __name__ == "__main__":
    main()

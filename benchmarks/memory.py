"""Memory: training on inputs larger than the memory that the process may allocate."""

import tempfile
from pathlib import Path

from benchmarks import memory_tasks, report
from benchmarks.common import Result, finish, machine, parser, summary
from benchmarks.worker import once


def main() -> None:
    """Measure memory."""
    options = parser(__doc__ or "", rounds=3)
    options.add_argument("--gigabytes", type=float, default=10.0, help="size of inputs.npy (default %(default)s)")
    options.add_argument("--allowed", type=float, default=3.0, help="gigabytes that the process may allocate (default %(default)s)")
    options.add_argument("--images", type=int, default=6400, help="images to train on, drawn from the whole file (default %(default)s)")
    options.add_argument("--folder", type=Path, help="the folder for the temporary file (default: the system's)")
    given = options.parse_args()
    gigabytes, images, rounds = (3.5, 128, 1) if given.quick else (given.gigabytes, given.images, given.rounds)
    result = measure(gigabytes, given.allowed, images, rounds, given.folder)
    finish("memory", result, report.memory(result), given)


def measure(gigabytes: float, allowed: float, images: int, rounds: int, folder: Path | None) -> Result:
    """Return the result of ``rounds`` rounds; raises SystemExit if the whole file can be loaded within the limit."""
    reports = []
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "inputs.npy"
        size = once(memory_tasks.make_inputs, 1, path=path, gigabytes=gigabytes)["bytes"]
        if once(memory_tasks.load_whole, 1, path=path, allowed=allowed)["loaded"]:
            raise SystemExit(f"{allowed} GB are enough to load the whole file; raise --gigabytes or lower --allowed.")
        for number in range(rounds):
            reports.append(once(memory_tasks.train, 1, path=path, allowed=allowed, images=images))
            print(f"round {number + 1} of {rounds}", flush=True)
    return {
        "benchmark": "memory",
        "machine": machine("torch", "numpy"),
        "sizes": {"inputs_gb": round(size / 1e9, 2), "allowed_gb": allowed, "images_trained_on": images, "rounds": rounds},
        "own_mb": summary([one["own_mb"] for one in reports]),
        "before_data_mb": summary([one["before_data_mb"] for one in reports]),
        "resident_mb": summary([one["resident_mb"] for one in reports]),
        "inputs_to_own": summary([size / 1e6 / one["own_mb"] for one in reports]),
    }


if __name__ == "__main__":
    main()

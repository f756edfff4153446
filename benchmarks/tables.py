"""Tables: writing and reading training dynamics and predictions, and pruning ten million rows, each in a fresh process."""

import tempfile
from pathlib import Path

from benchmarks import report, table_tasks
from benchmarks.common import Result, finish, machine, parser, summary
from benchmarks.worker import once

PLANS = ("none", "random-0.10", "global-el2n-hardest-0.10", "per_class-el2n-hardest-0.10", "carriers-el2n-hardest-0.25")


def main() -> None:
    """Measure tables and pruning."""
    options = parser(__doc__ or "", rounds=5)
    options.add_argument("--rows", type=int, default=10_000_000, help="rows to prune (default %(default)s)")
    given = options.parse_args()
    rows, samples, rounds = (20_000, 1_000, 1) if given.quick else (given.rows, 50_000, given.rounds)
    result = measure(rows, samples, rounds)
    finish("tables", result, report.tables(result), given)


def measure(rows: int, samples: int, rounds: int) -> Result:
    """Return the result of ``rounds`` rounds.

    Dynamics of ``samples`` samples, 10 reference seeds and 3 epochs; predictions of six fifths as many samples (CIFAR-10 has 60,000
    images, 50,000 of them for training) in 5 repeats; ``samples`` images; plans for ``rows`` rows, in one repeat or ten.
    """
    stored: dict[str, list[dict[str, float]]] = {"dynamics": [], "predictions": []}
    images: list[dict[str, float]] = []
    cases = [(plan, 1) for plan in PLANS] + [("per_class-el2n-hardest-0.10", 10)]
    pruning: dict[tuple[str, int], list[dict[str, float]]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for repeats in (1, 10):
            once(table_tasks.make_prunable, 1, folder=folder / str(repeats), rows=rows, repeats=repeats)
        for number in range(rounds):
            stored["dynamics"].append(once(table_tasks.dynamics, 1, path=folder / "dynamics.parquet", samples=samples, seeds=10, epochs=3))
            size = {"samples": samples * 6 // 5, "classes": 10, "repeats": 5}
            stored["predictions"].append(once(table_tasks.predictions, 1, path=folder / "predictions.parquet", **size))
            images.append(once(table_tasks.images, 1, path=folder / "inputs.npy", samples=samples))
            for plan, repeats in cases:
                pruning[plan, repeats].append(once(table_tasks.prune, 1, folder=folder / str(repeats), plan=plan, repeats=repeats))
            print(f"round {number + 1} of {rounds}", flush=True)
    return {
        "benchmark": "tables",
        "machine": machine("pyarrow", "numpy"),
        "sizes": {"rounds": rounds, "rows_to_prune": rows},
        "stored": {name: _over_rounds(reports) for name, reports in stored.items()},
        "images": _over_rounds(images),
        "pruning": [{"plan": plan, "repeats": repeats, **_over_rounds(reports)} for (plan, repeats), reports in pruning.items()],
    }


def _over_rounds(reports: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: summary([one[name] for one in reports]) for name in reports[0]}


if __name__ == "__main__":
    main()

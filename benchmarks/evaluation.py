"""Evaluating the predictions of many repeats, from files to file, each in a fresh process."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report, table_tasks
from benchmarks.common import Result, finish, machine, parser, summary
from benchmarks.worker import once

REPEATS = (10, 100, 1000)
PREDICTED = 10_000  # samples of each


def main() -> None:
    """Measure the stage evaluate."""
    given = parser(__doc__ or "", rounds=5).parse_args()
    repeats, rounds = ((2, 4), 1) if given.quick else (REPEATS, given.rounds)
    result = measure(repeats, rounds)
    finish("evaluation", result, report.evaluation(result), given)


def measure(repeats: Sequence[int], rounds: int) -> Result:
    """Return the result of ``rounds`` rounds, of each number of repeats."""
    measured: dict[int, list[dict[str, float]]] = {count: [] for count in repeats}
    with tempfile.TemporaryDirectory() as name:
        for count in repeats:
            once(table_tasks.make_evaluated, 1, folder=Path(name, str(count)), repeats=count, predicted=PREDICTED)
        for number in range(rounds):
            for count, reports in measured.items():
                reports.append(once(table_tasks.evaluation, 1, folder=Path(name, str(count)), repeats=count))
            print(f"round {number + 1} of {rounds}", flush=True)
    return {
        "benchmark": "evaluation",
        "machine": machine("pyarrow", "numpy"),
        "sizes": {"rounds": rounds, "predicted": PREDICTED},
        "evaluation": [
            {"repeats": count, **{name: summary([one[name] for one in reports]) for name in reports[0]}}
            for count, reports in measured.items()
        ],
    }


if __name__ == "__main__":
    main()

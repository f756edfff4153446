"""Attacks the project: `python -m tests.robustness [--seed N] [--share X]`, at most ten minutes on two cores.

Prints what was tried and what came of it; the exit status is 1 unless everything ended in the same result or a clear sentence.
"""

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.robustness import binary, configurations, readers, tables
from tests.robustness.outcome import CLEAR, GOOD, HANG, REFUSED, SAME, SILENT, TRACEBACK, UNCLEAR, Outcome

COLUMNS = (CLEAR, SAME, SILENT, REFUSED, UNCLEAR, TRACEBACK, HANG)
ATTACKS: dict[str, tuple[Callable[[int, int], list[Outcome]], int]] = {
    "tables: damage and edits": (tables.attack, 1000),
    "tables of another place or code": (tables.foreign, 500),
    "arrays, models, checkpoints, …": (binary.attack, 2000),
    "configurations": (configurations.attack, 400),
    "files that users bring": (readers.attack, 3000),
}


def main() -> None:
    """Run all attacks and print a line for each, after the attempts that ended badly."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of all attempts")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of attempts")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    bad = 0
    lines = [("attack", "tried", *COLUMNS, "seconds")]
    for name, (attack, count) in ATTACKS.items():
        started = time.monotonic()
        outcomes = attack(given.seed, max(1, round(given.share * count)))
        found = Counter(one.outcome for one in outcomes)
        lines.append((name, str(len(outcomes)), *(str(found[column]) for column in COLUMNS), f"{time.monotonic() - started:.0f}"))
        for one in outcomes:
            if one.outcome not in GOOD:
                bad += 1
                print(f"{one.outcome}: {one.kind}, {one.subject}, {one.change}: {one.detail}", file=sys.stderr)
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    for first, *rest in lines:
        print("  ".join([first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

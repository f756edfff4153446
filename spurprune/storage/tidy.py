"""Tidy CSV: records of one kind as rows, estimates with their intervals, at full precision."""

import csv
import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from spurprune.evaluation.statistics import Estimate


def to_csv(rows: Sequence[Any]) -> str:
    """Return dataclass records of one kind as CSV text with a header; empty text for no records.

    A field ``x`` that holds an Estimate becomes the columns x, x_ci_low, x_ci_high and x_repeats. Missing values (None, NaN) are
    empty cells. Equal records give equal text.
    """
    if not rows:
        return ""
    records = [_flat(row) for row in rows]
    lines = _Lines()
    writer = csv.DictWriter(lines, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return "".join(lines)


class _Lines(list[str]):
    """What a CSV writer has written, with plain ends of lines: told to write these, it would leave carriage returns unquoted."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def _flat(row: Any) -> dict[str, str]:
    record: dict[str, str] = {}
    for item in fields(row):
        value = getattr(row, item.name)
        if isinstance(value, Estimate):
            numbers = {"": value.mean, "_ci_low": value.low, "_ci_high": value.high, "_repeats": value.n}
            record |= {f"{item.name}{end}": _cell(number) for end, number in numbers.items()}
        else:
            record[item.name] = _cell(value)
    return record


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)  # a NumPy float's own repr names its type

"""Numbers in words, for the findings of figures."""

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from spurprune.evaluation.statistics import Estimate, cut


def percent(share: Estimate) -> str:
    """Return a share in words, "34.0% [22.1, 45.9]", or "34.0%" if it has no interval, which is cut at 0 and 100%."""
    if share.n == 0:
        return "not measured"
    share = cut(share)
    text = f"{_number(100 * share.mean)}%"
    return text if math.isnan(share.low) else f"{text} [{_number(100 * share.low)}, {_number(100 * share.high)}]"


def points(difference: Estimate) -> str:
    """Return a difference of shares in words, "−26.0 points [−38.2, −13.8]", or "−26.0 points" if it has no interval."""
    if difference.n == 0:
        return "not measured"
    text = f"{_number(100 * difference.mean, '+')} points"
    return text if math.isnan(difference.low) else f"{text} [{_number(100 * difference.low, '+')}, {_number(100 * difference.high, '+')}]"


def is_clear(difference: Estimate) -> bool:
    """Return whether a difference has a 95% interval that excludes zero."""
    return difference.low > 0 or difference.high < 0


def remarks(rows: Sequence[Any]) -> list[str]:
    """Return what readers of findings must know of the numbers (dataclass records): intervals that are cut, and values of fewer repeats.

    Estimates are shares, but for fields whose names begin with "difference".
    """
    found = [(item.name, value) for row in rows for item in fields(row) if isinstance(value := getattr(row, item.name), Estimate)]
    said = []
    if any(cut(value) is not value for name, value in found if value.n and not name.startswith("difference")):
        said.append("Intervals of shares are cut at 0 and 100%; the CSV file has them whole.")
    counts = sorted({value.n for _, value in found if value.n})
    if len(counts) > 1:
        fewer = " or ".join(str(count) for count in counts[:-1])
        said.append(
            f"Some values are of {fewer} instead of {counts[-1]} repeats, since they are missing in the others; the CSV file says which."
        )
    return said


def is_repeated(difference: Estimate) -> bool:
    """Return whether a difference is of two repeats or more, without which nobody can say whether it is clear."""
    return difference.n > 1


def _number(value: float, sign: str = "") -> str:
    """Return a number with one decimal and a typographic minus; what rounds to zero has no sign."""
    text = f"{value:{sign}.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")

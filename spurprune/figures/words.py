"""Numbers in words, for the findings of figures."""

import math

from spurprune.evaluation.statistics import Estimate


def percent(share: Estimate) -> str:
    """Return a share in words, "34.0% [22.1, 45.9]", or "34.0%" if it has no interval."""
    if share.n == 0:
        return "not measured"
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


def _number(value: float, sign: str = "") -> str:
    """Return a number with one decimal and a typographic minus; what rounds to zero has no sign."""
    text = f"{value:{sign}.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")

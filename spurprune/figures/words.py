"""Numbers in words, for the findings of figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from spurprune.evaluation.statistics import Estimate, bounded
from spurprune.figures.base import MISCLASSIFICATION, WORST, SettingInfo

if TYPE_CHECKING:
    from spurprune.evaluation.frame import Metrics

BY_GROUP = (WORST, "accuracy_weighted")  # metrics that are undefined if a group in training is not tested
UNDEFINED = "undefined"  # a value that is missing in all repeats


def percent(share: Estimate) -> str:
    """Return a share in words, "34.0% [22.1, 45.9]", or "34.0%" if it has no interval, which stays within 0 and 100%."""
    if share.n == 0:
        return UNDEFINED
    share = bounded(share)
    text = f"{_number(100 * share.mean)}%"
    return text if math.isnan(share.low) else f"{text} [{_number(100 * share.low)}, {_number(100 * share.high)}]"


def points(difference: Estimate) -> str:
    """Return a difference of shares in words, "−26.0 points [−38.2, −13.8]", or "−26.0 points" if it has no interval."""
    if difference.n == 0:
        return UNDEFINED
    text = f"{_number(100 * difference.mean, '+')} points"
    return text if math.isnan(difference.low) else f"{text} [{_number(100 * difference.low, '+')}, {_number(100 * difference.high, '+')}]"


def is_clear(difference: Estimate) -> bool:
    """Return whether a difference has a 95% interval that excludes zero."""
    return difference.low > 0 or difference.high < 0


def valued(share: Estimate, why: str | None) -> str:
    """Return a share in words or, if it is undefined, that it is, and ``why``."""
    return percent(share) if share.n or why is None else f"{UNDEFINED} ({why})"


def misclassified(share: Estimate, info: SettingInfo) -> str:
    """Return a clause on the share of the target's test samples with the feature that are taken for the source, also if there are none."""
    if share.n == 0:
        return f"no test sample of {info.tested} is known to have the feature, so misclassification as class {info.source} is undefined"
    return f"{percent(share)} of the test samples of {info.tested} {info.shown} are misclassified as class {info.source}"


def reason(metrics: Metrics, metric: str, setting: str, info: SettingInfo) -> str | None:
    """Return why a metric of a setting's test split is undefined, as a clause; None if the metrics do not tell."""
    if metric == MISCLASSIFICATION:
        return f"no test sample of {info.tested} is known to have the feature"
    untested = metrics.untested.get((setting, "test"), [])
    if metric in BY_GROUP and untested:
        quoted = " or ".join(f"'{group}'" for group in untested)
        return f"no test sample is of {quoted}, which training has"
    unknown, count = metrics.ungrouped.get((setting, "test"), (0, 0))
    return "no test sample is known to belong to a group" if metric in BY_GROUP and count and unknown == count else None


def remarks(rows: Sequence[Any]) -> list[str]:
    """Return what readers of findings must know of the numbers (dataclass records): intervals on the logit scale, values of fewer repeats.

    Estimates are shares, but for fields whose names begin with "difference".
    """
    found = [(item.name, value) for row in rows for item in fields(row) if isinstance(value := getattr(row, item.name), Estimate)]
    said = []
    if any(bounded(value) is not value for name, value in found if value.n and not name.startswith("difference")):
        said.append("Intervals of shares that would leave 0 to 100% are on the logit scale; the CSV file has Student's t.")
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

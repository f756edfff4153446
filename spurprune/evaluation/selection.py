"""The selection of a method's candidate, by validation metrics only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spurprune.errors import DataError
from spurprune.evaluation.statistics import ROUNDING
from spurprune.storage.words import RULES


@dataclass(frozen=True)
class Candidate:
    """A point of a method's grid and its results: ``values`` holds the deciding validation metric by repeat, None if undefined.

    ``reasons`` says by repeat why it is undefined, as a clause.
    """

    name: str
    coordinates: Mapping[str, Any]
    values: Mapping[int, float | None]
    reasons: Mapping[int, str] = field(default_factory=dict)


def mean_value(candidate: Candidate) -> float:
    """Return the mean over repeats, independent of their order."""
    return math.fsum(value for value in candidate.values.values() if value is not None) / len(candidate.values)


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate with the highest mean, the first of several that are equal but for rounding."""
    best = max(map(mean_value, candidates))
    return next(one for one in candidates if best - mean_value(one) <= ROUNDING)


def tie(means: Mapping[str, float]) -> str | None:
    """Return a clause for the log if several of the named means are the highest, of which the first is chosen; None otherwise."""
    best = max(means.values())
    tied = [name for name, mean in means.items() if best - mean <= ROUNDING]
    if len(tied) == 1:
        return None
    if len(tied) == len(means):
        return f"all {len(tied)} candidates have the same mean {best:.4g}, so nothing speaks for the one chosen, '{tied[0]}', the first"
    names = ", ".join(f"'{name}'" for name in tied)
    return f"{len(tied)} of {len(means)} candidates have the highest mean {best:.4g}: {names}; the first is chosen"


def check_comparable(candidates: Sequence[Candidate], by: str, method: str) -> None:
    """Raise DataError unless all candidates have a value of the metric ``by`` in the same repeats, and in at least one."""
    repeats = sorted({repeat for candidate in candidates for repeat in candidate.values})
    for candidate in candidates:
        lacking = next((repeat for repeat in repeats if not _is_number(candidate.values.get(repeat))), None)
        if lacking is not None or not repeats:
            where = "" if lacking is None else f" in repeat {lacking}"
            reason = None if lacking is None else candidate.reasons.get(lacking)
            where += "" if reason is None else f" ({reason})"
            raise DataError(
                f"The candidate '{candidate.name}' of the method '{method}' has no validation {by}{where}; give the setting a validation "
                f"split for which it is defined, or set methods.{method}.by to another of {', '.join(RULES)}."
            )


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)

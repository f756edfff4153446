"""The selection of a method's candidate, by validation metrics only."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spurprune.errors import DataError, first_sentence
from spurprune.evaluation.statistics import ROUNDING
from spurprune.storage.checksums import sealed, unsealed
from spurprune.storage.files import write_text
from spurprune.storage.tables import Provenance

RULES = ("worst_group_accuracy", "worst_class_accuracy", "accuracy")  # the metrics to choose from for selection; higher is better


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
    """Return the candidate with the highest mean, the first of several equal ones."""
    return max(candidates, key=mean_value)


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
                f"split for which it is defined, or set methods.{method}.tuning.by to another of {', '.join(RULES)}."
            )


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


@dataclass(frozen=True)
class Choice:
    """Which candidate of a method the runs of a setting use: its name, and its values by dotted key."""

    setting: str
    method: str
    chosen: str
    coordinates: Mapping[str, Any]


def write_selection(path: Path, choice: Choice) -> None:
    """Write a choice with its digest as JSON, atomically."""
    write_text(path, json.dumps(sealed(asdict(choice)), indent=2, ensure_ascii=False) + "\n")


def read_selection(path: Path, run: Provenance) -> Mapping[str, Any]:
    """Return the chosen candidate's coordinates for a run.

    Raises DataError if the file is missing, damaged or of another setting or method than the run's.
    """
    try:
        choice = Choice(**unsealed(json.loads(path.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        raise DataError(f"{path} is missing; rerun the workflow to make it.") from None
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged or not a selection ({first_sentence(error)}); delete it and rerun.") from error
    method = run.place.get("method", choice.method)
    if (choice.setting, choice.method) != (run.setting, method):
        raise DataError(
            f"{path} is the selection of the method '{choice.method}' in '{choice.setting}', not of '{method}' in '{run.setting}'; "
            "delete it and rerun."
        )
    return choice.coordinates

"""Measured seconds of the training behind a method, from the timings of its jobs."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spurprune.errors import DataError
from spurprune.evaluation.comparison import Entrant

if TYPE_CHECKING:
    from spurprune.storage.timings import Timing


def seconds_behind(one: Entrant, setting: str, timings: "Sequence[Timing]") -> float:
    """Return the seconds of all training behind one repeat of an entrant: its runs' and its references', each the mean over repeats.

    References that all repeats share count whole, as in the cost. NaN if a job's time is not known, since it was resumed. Raises
    DataError if a job has no timing.
    """
    runs = [{"setting": setting, "method": method, "plan": plan, "candidate": ""} for method, plan in one.runs]
    return sum(_seconds(job, timings) for job in [*runs, *({"setting": setting, "recipe": recipe} for recipe in one.recipes)])


def _seconds(job: Mapping[str, str], timings: "Sequence[Timing]") -> float:
    """Return the mean over the repeats of all blocks of a job."""
    found = [one for one in timings if job.items() <= one.origin.provenance.place.items()]
    if not found:
        names = ", ".join(f"{key} '{value}'" for key, value in job.items() if value)
        raise DataError(f"There is no timing of {names}; rerun the workflow to make it.")
    total = sum(math.nan if one.seconds is None else one.seconds * one.repeats for one in found)
    return total / sum(one.repeats for one in found)

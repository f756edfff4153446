"""How long training took: one small JSON file per training job, which no other result is made from but tables that show it.

What is measured is the job's wall time from the first run's preparation to the last prediction: data onto the device, training,
observation and predictions of all its runs; not the start of Python, the wait for a device, the reading of its inputs or the writing of
its results. Of a refinement it is the fit and its predictions, not the embedding. Runs that share a device share the time.
"""

from dataclasses import dataclass
from pathlib import Path

from spurprune.errors import DataError, first_sentence
from spurprune.storage import layout, schemas
from spurprune.storage.files import write_text
from spurprune.storage.provenance import Origin, Provenance, from_json, origin, to_json
from spurprune.storage.regular import require_regular

RUN, REFERENCE = "timing", "reference_timing"  # the kinds
PLACES = {RUN: schemas.PREDICTIONS.place, REFERENCE: schemas.DYNAMICS.place}
VERSION = 1


@dataclass(frozen=True)
class Timing:
    """The wall time of a training job in ``seconds`` per repeat, None if it is not known; ``origin`` says of which job."""

    origin: Origin
    repeats: int
    seconds: float | None


def write(path: Path, provenance: Provenance, *, seconds: float, repeats: int, resumed: bool) -> None:
    """Write what a job of ``repeats`` took in all, in seconds; a job that was ``resumed`` does not know what it took before.

    ``provenance`` is that of the job's other outputs. Raises DataError if the file cannot be written.
    """
    kind = REFERENCE if "recipe" in provenance.place else RUN
    of_repeat = None if resumed else seconds / repeats
    write_text(path, to_json(kind, VERSION, provenance, seconds=of_repeat, resumed=resumed) + "\n")


def read(path: Path) -> Timing:
    """Return what ``write`` wrote; raises DataError if the file is missing, damaged, no timing or not of the job that its path names."""
    try:
        require_regular(path)
        content = from_json(path.read_bytes())
        kind, version = content.get("table"), content.get("version")
        if kind not in PLACES or version != VERSION:
            raise ValueError(f"it holds '{kind} v{version}'")
        found = origin(str(path), content, PLACES[kind])
        seconds = None if content["resumed"] else float(content["seconds"])
    except FileNotFoundError:
        raise DataError(f"{path} is missing; rerun the workflow to make it.") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} is damaged or no timing ({first_sentence(error)}); delete it and rerun.") from error
    if not found.is_complete or not found.provenance.repeats:
        raise DataError(f"{path} does not say which job took that time; delete it and rerun.")
    return Timing(found.require(layout.place_of(kind, path)), len(found.provenance.repeats), seconds)

"""The choice of a method's candidate, as the runs that use it read it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spurprune.errors import DataError, first_sentence
from spurprune.storage import layout
from spurprune.storage.checksums import DIGEST, sealed, unsealed
from spurprune.storage.files import write_text
from spurprune.storage.provenance import Origin, Provenance
from spurprune.storage.regular import require_regular

KIND = "choice"


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
    choice, _ = _read(path)
    method = run.place.get("method", choice.method)
    if (choice.setting, choice.method) != (run.setting, method):
        raise DataError(
            f"{path} is the selection of the method '{choice.method}' in '{choice.setting}', not of '{method}' in '{run.setting}'; "
            "delete it and rerun."
        )
    return choice.coordinates


def read_choices(paths: Iterable[Path]) -> dict[tuple[str, str], Choice]:
    """Return several choices by setting and method; raises DataError if one is missing or damaged."""
    choices = [_read(path)[0] for path in paths]
    return {(one.setting, one.method): one for one in choices}


def origins_of(inputs: Mapping[str, Path]) -> list[Origin]:
    """Return the origin of the choice among a run's inputs, if any: runs with different choices do not belong together."""
    if "selection" not in inputs:
        return []
    path = inputs["selection"]
    choice, digest = _read(path)
    place = {"setting": choice.setting, "method": choice.method}
    return [Origin(str(path), KIND, tuple(place), digest, Provenance(place, "", "")).require(layout.place_of(KIND, path))]


def _read(path: Path) -> tuple[Choice, str]:
    """Return a choice and its digest."""
    try:
        require_regular(path)
        content = json.loads(path.read_text(encoding="utf-8"))
        return Choice(**unsealed(content)), str(content[DIGEST])
    except FileNotFoundError:
        raise DataError(f"{path} is missing; rerun the workflow to make it.") from None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is damaged or not a selection ({first_sentence(error)}); delete it and rerun.") from error

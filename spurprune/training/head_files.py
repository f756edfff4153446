"""Refined last layers, by repeat, in one file: ``{repeat}.weight`` float64 [C, D] and ``{repeat}.bias`` float64 [C]; without torch."""

from collections.abc import Mapping
from pathlib import Path

from spurprune.errors import DataError
from spurprune.storage import array_files
from spurprune.storage.provenance import Provenance
from spurprune.training.refinement import Head

PARTS = ("weight", "bias")


def write(path: Path, heads: Mapping[int, Head], provenance: Provenance) -> None:
    """Write the heads of all repeats with what run they are of; raises DataError if the file cannot be written."""
    arrays = {f"{repeat}.{part}": getattr(head, part) for repeat, head in heads.items() for part in PARTS}
    run = {"code_version": provenance.code_version, "config_hash": provenance.config_hash}
    array_files.write(path, arrays, dict(provenance.place) | run)


def read(path: Path, **run: str) -> dict[int, Head]:
    """Return the heads by repeat, for users: no stage reads them.

    ``run`` may hold names that the file must have, such as ``plan``. Raises DataError if it is missing, damaged or of another run.
    """
    content, arrays = array_files.read(path)
    for name, value in run.items():
        if content.get(name) != value:
            raise DataError(f"{path} is of another run (its {name} is '{content.get(name)}', not '{value}'); delete it and rerun.")
    try:
        repeats = sorted({int(name.partition(".")[0]) for name in arrays})
        return {repeat: Head(arrays[f"{repeat}.weight"], arrays[f"{repeat}.bias"]) for repeat in repeats}
    except (ValueError, KeyError):
        raise DataError(f"{path} holds no refined last layers; delete it and rerun.") from None

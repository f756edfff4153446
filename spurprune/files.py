"""Small text files, written so that a killed job leaves nothing half-written."""

import os
from pathlib import Path

from spurprune.errors import DataError


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to a temporary name and rename it; raises DataError if the file cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(text, encoding="utf-8", newline="\n")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{path} could not be written ({error.strerror or error}); free some space or mend the folder, then rerun."
        ) from error

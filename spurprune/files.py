"""Files, written so that a killed job leaves nothing half-written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spurprune.errors import DataError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against writing ``path`` into a DataError that names it."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path} could not be written ({error.strerror or error}); free some space or mend the folder, then rerun."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to, and rename it when the block ends; raises DataError if that is not possible."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; raises DataError if the file cannot be written."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")

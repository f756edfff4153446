"""The file of results: one JSON object per line, on the disk the moment it is known, so that a run that is cut off loses nothing."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Line = dict[str, Any]
FILE = "results.jsonl"


class Record:
    """Appends what a step finds to ``results.jsonl`` in a folder; several processes may append, one after another."""

    def __init__(self, folder: Path, step: str) -> None:
        """Write lines of ``step`` into ``folder``, which must exist."""
        self.path = folder / FILE
        self.step = step

    def write(self, event: str, **found: Any) -> None:
        """Append one line: the step, the event ("result", "failed", …), the time in seconds since 1970, and what was found."""
        line = json.dumps({"step": self.step, "event": event, "time": round(time.time(), 3), **found}, default=_plain) + "\n"
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        print(line, end="", flush=True)

    def attempt(self, name: str, measure: Callable[[], Line]) -> bool:
        """Write what ``measure`` returns as the result ``name``, or why it failed; return whether it succeeded."""
        started = time.perf_counter()
        try:
            found = measure()
        except Exception as error:
            self.write("failed", name=name, error=f"{type(error).__name__}: {error}"[:2000])
            return False
        self.write("result", name=name, **found, took_seconds=round(time.perf_counter() - started, 2))
        return True


def _plain(value: Any) -> Any:
    """Return NumPy's and torch's scalars as Python's; everything else as text."""
    return value.item() if hasattr(value, "item") else str(value)


def read(folder: Path) -> list[Line]:
    """Return all complete lines; the last may be cut off if the machine was taken away while it was written."""
    path = folder / FILE
    if not path.is_file():
        return []
    found: list[Line] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found

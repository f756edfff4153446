"""A short text of the results, for the end of the output; the numbers are in the file."""

from collections.abc import Sequence

from benchmarks.gpu.record import Line

HIDDEN = ("step", "event", "time", "name", "took_seconds", "longest", "coordinates", "setting", "plan", "block", "recorded")
WIDEST = 220  # characters per line


def text(lines: Sequence[Line]) -> str:
    """Return one line per result, failure and step."""
    return "\n".join(_line(line)[:WIDEST] for line in lines if line["event"] != "started")


def _line(line: Line) -> str:
    found = ", ".join(f"{key} {_short(value)}" for key, value in line.items() if key not in HIDDEN)
    name = f" {line['name']}" if "name" in line else ""
    mark = "" if line["event"] == "result" else f" [{line['event']}]"
    return f"{line['step']}{name}{mark}: {found}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

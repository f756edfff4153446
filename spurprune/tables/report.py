"""What a report is made from and what it comes to: tidy records for the CSV file, sections for reading in Markdown."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spurprune.evaluation.statistics import Estimate

if TYPE_CHECKING:
    import pyarrow as pa

    from spurprune.evaluation.frame import Metrics

NOT_KNOWN = "–"


@dataclass(frozen=True)
class Scored:
    """One file of difficulty: a table, the setting it belongs to and the notes of its provenance."""

    table: "pa.Table"
    setting: str
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class Sources:
    """All that a table for readers may be made from; what its kind does not ask for is empty."""

    metrics: "Metrics"
    difficulty: Sequence[Scored] = ()


@dataclass(frozen=True)
class Section:
    """One Markdown table under its heading; ``rows`` hold as many cells as ``header``, the first one names the row."""

    heading: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Report:
    """``rows`` are dataclass records of one kind, the CSV file's; ``introduction`` and ``sections`` are the Markdown file's."""

    rows: Sequence[Any]
    introduction: str
    sections: Sequence[Section]


def to_markdown(title: str, report: Report) -> str:
    """Return a report as Markdown text below a title."""
    lines = [f"# {title}", "", report.introduction]
    for section in report.sections:
        ruler = [":--", *["--:"] * (len(section.header) - 1)]
        lines += ["", f"## {section.heading}", "", *(_line(cells) for cells in (section.header, ruler, *section.rows))]
    return "\n".join([*lines, ""])


def interval(value: Estimate, scale: float = 1, digits: int = 2, sign: bool = False) -> str:
    """Return an estimate as text: "41.2 ± 8.3", the mean alone where there is no interval, a dash where there is no value.

    ``sign`` writes a plus before positive means, as suits a difference; what rounds to zero has no sign.
    """
    if not value.n:
        return NOT_KNOWN
    mean = f"{value.mean * scale:{'+' if sign else ''}.{digits}f}"
    mean = mean.lstrip("+-") if float(mean) == 0 else mean.replace("-", "−")
    return mean if math.isnan(value.low) else f"{mean} ± {(value.high - value.mean) * scale:.{digits}f}"


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that takes the numbers within a name as numbers: "count-5" comes before "count-10"."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

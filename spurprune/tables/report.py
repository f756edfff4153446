"""The input and the content of a report: tidy records for the CSV file, sections for the Markdown file."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from spurprune.evaluation.statistics import Estimate
from spurprune.storage.escaping import markdown

if TYPE_CHECKING:
    import pyarrow as pa

    from spurprune.evaluation.frame import Metrics

NOT_KNOWN = "–"


class Run(NamedTuple):
    """What identifies a run, with all its blocks."""

    setting: str
    method: str
    plan: str


@dataclass(frozen=True)
class Scored:
    """One difficulty file: its table, its setting and the notes of its provenance."""

    table: "pa.Table"
    setting: str
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class Sources:
    """Everything that a report can be made from; what its kind does not read is empty."""

    metrics: "Metrics"
    difficulty: Sequence[Scored] = ()


class Bold(str):
    """The text of a cell that stands out."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """One table under its heading, as plain text; every row has as many cells as ``header``, and the first names the row."""

    heading: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Report:
    """``rows``, records of one dataclass, are for the CSV file; ``introduction``, in Markdown, and ``sections`` for the Markdown file."""

    rows: Sequence[Any]
    introduction: str
    sections: Sequence[Section]


def to_markdown(title: str, report: Report) -> str:
    """Return a report as Markdown text with a title; title, headings and cells are shown literally."""
    lines = [f"# {markdown(title)}", "", report.introduction]
    for section in report.sections:
        header, *rows = ([_cell(cell) for cell in cells] for cells in (section.header, *section.rows))
        ruler = [":--", *["--:"] * (len(header) - 1)]
        lines += ["", f"## {markdown(section.heading)}", "", *(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))]
    return "\n".join([*lines, ""])


def interval(value: Estimate, scale: float = 1, digits: int = 2, sign: bool = False) -> str:
    """Return an estimate as text: "41.2 ± 8.3", only the mean if there is no interval, a dash if there is no value.

    With ``sign``, positive means have a plus, as for differences; what rounds to zero has no sign.
    """
    if not value.n:
        return NOT_KNOWN
    mean = f"{value.mean * scale:{'+' if sign else ''}.{digits}f}"
    mean = mean.lstrip("+-") if float(mean) == 0 else mean.replace("-", "−")
    return mean if math.isnan(value.low) else f"{mean} ± {(value.high - value.mean) * scale:.{digits}f}"


def number_of_repeats(counts: Iterable[int]) -> str:
    """Return the number of repeats in words, "n = 5", or "n = 4 to 5" if it varies; "n = 0" without counts."""
    found = list(counts)
    return "n = " + " to ".join(str(count) for count in sorted({min(found, default=0), max(found, default=0)}))


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that compares numbers within names as numbers, so that "count-5" comes before "count-10"."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _cell(text: str) -> str:
    return f"**{markdown(text)}**" if isinstance(text, Bold) else markdown(text)

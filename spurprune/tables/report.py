"""The input and the content of a report: tidy records for the CSV file, sections for the Markdown file."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from spurprune.evaluation.choices import Choice
from spurprune.evaluation.statistics import Estimate, bounded
from spurprune.storage.escaping import markdown

if TYPE_CHECKING:
    import pyarrow as pa

    from spurprune.evaluation.frame import Metrics
    from spurprune.evaluation.survival import Survival
    from spurprune.storage.timings import Timing

NOT_KNOWN = "–"
SHARE = (0.0, 1.0)  # the bounds of a share
SHOWN_SCORES = {"grand": "last-layer GraNd"}  # the scores that readers know by other names than the configuration's


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
    """Everything that a report can be made from; what its kind does not read is empty.

    ``tuning`` holds the metrics of tuning runs by setting, method entry and candidate, ``choices`` the choices by setting and method,
    ``timings`` how long training jobs took,
    ``survivals`` what masks keep.
    """

    metrics: "Metrics"
    difficulty: Sequence[Scored] = ()
    tuning: "Mapping[tuple[str, str, str], Metrics]" = field(default_factory=dict)
    choices: Mapping[tuple[str, str], Choice] = field(default_factory=dict)
    timings: "Sequence[Timing]" = ()
    survivals: "Sequence[Survival]" = ()


def shown_score(score: str) -> str:
    """Return what readers call a score."""
    return SHOWN_SCORES.get(score, score)


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
    """``rows``, records of one dataclass, are for the CSV file; the rest for the Markdown file.

    ``introduction`` and ``notes``, which stand below the sections, are in Markdown.
    """

    rows: Sequence[Any]
    introduction: str
    sections: Sequence[Section]
    notes: Sequence[str] = ()


def to_markdown(title: str, report: Report) -> str:
    """Return a report as Markdown text with a title; title, headings and cells are shown literally."""
    lines = [f"# {markdown(title)}", "", report.introduction]
    for section in report.sections:
        header, *rows = ([_cell(cell) for cell in cells] for cells in (section.header, *section.rows))
        ruler = [":--", *["--:"] * (len(header) - 1)]
        lines += ["", f"## {markdown(section.heading)}", "", *(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))]
    for note in report.notes:
        lines += ["", note]
    return "\n".join([*lines, ""])


def interval(
    value: Estimate,
    scale: float = 1,
    digits: int = 2,
    sign: bool = False,
    *,
    bounds: tuple[float, float] | None = None,
    repeats: int | None = None,
) -> str:
    """Return an estimate as text: "41.2 ± 8.3", only the mean if there is no interval, a dash if there is no value.

    With ``sign``, positive means have a plus, as for differences; what rounds to zero has no sign. An interval that leaves the ``bounds``
    of the values, such as (0, 1) for a share, is taken on the logit scale and written with both ends: "98.5 [93.1, 99.7]". If
    the value is of fewer than all ``repeats``, their number is added: "41.2 ± 8.3 (n = 4)".
    """
    if not value.n:
        return NOT_KNOWN

    def number(of: float) -> str:
        text = f"{of * scale:{'+' if sign else ''}.{digits}f}"
        return text.lstrip("+-") if float(text) == 0 else text.replace("-", "−")

    text = number(value.mean)
    within = value if bounds is None else bounded(value, *bounds)
    if within is not value:
        text += f" [{number(within.low)}, {number(within.high)}]"
    elif not math.isnan(value.low):
        text += f" ± {(value.high - value.mean) * scale:.{digits}f}"
    return text if repeats is None or value.n >= repeats else f"{text} (n = {value.n})"


def lone_means(values: Iterable[Estimate]) -> list[str]:
    """Return a note on means without interval, if there are any."""
    if not any(value.n and math.isnan(value.low) for value in values):
        return []
    return ["A mean alone has no interval: it is of one repeat, or all repeats are equal."]


def logit_scale(values: Iterable[Estimate], bounds: tuple[float, float], what: str) -> list[str]:
    """Return a note on intervals that leave the ``bounds`` of their values, if there are any; ``what`` names values and bounds."""
    if all(bounded(value, *bounds) is value for value in values):
        return []
    return [f"Intervals of {what} are on the logit scale and show both ends; the CSV file has Student's t."]


def fewer_repeats(values: Iterable[Estimate], repeats: int) -> list[str]:
    """Return a note on values that are missing in some of the ``repeats``, if there are any."""
    if all(value.n in (0, repeats) for value in values):
        return []
    return ["Where a cell gives n, the value is missing in the other repeats."]


def number_of_repeats(counts: Iterable[int]) -> str:
    """Return the number of repeats in words, "n = 5", or "n = 4 to 5" if it varies; "n = 0" without counts."""
    found = list(counts)
    return "n = " + " to ".join(str(count) for count in sorted({min(found, default=0), max(found, default=0)}))


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that compares numbers within names as numbers, so that "count-5" comes before "count-10"."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _cell(text: str) -> str:
    return f"**{markdown(text)}**" if isinstance(text, Bold) else markdown(text)

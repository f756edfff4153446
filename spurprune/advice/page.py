"""The page: one HTML file that needs no network. Every text is escaped; pictures are of the samples that are shown, not of all."""

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from spurprune.advice.look import SCRIPT, STYLE
from spurprune.storage.escaping import one_line

NUMBER, CHOSEN = ' class="number"', ' class="chosen"'
# Scripts and pictures within the page alone may run and show; nothing is fetched.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


@dataclass(frozen=True)
class Card:
    """A sample that is shown: ``picture`` is a data address and ``text`` the sample's, each empty without one; ``marks`` say what it is."""

    key: str
    picture: str
    text: str
    marks: Sequence[str]
    is_dropped: bool


@dataclass(frozen=True)
class Gallery:
    """Some samples under a heading, with a ``note`` on them."""

    heading: str
    note: str
    cards: Sequence[Card]


@dataclass(frozen=True)
class Grid:
    """A table of texts; ``numbers`` are the columns of numbers, ``chosen`` the rows that stand out. A cell may have several lines."""

    header: Sequence[str]
    rows: Sequence[Sequence[str | Sequence[str]]]
    numbers: frozenset[int] = frozenset()
    chosen: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Chart:
    """A picture of the evidence as a data address, and what it shows in words."""

    picture: str
    words: str


@dataclass(frozen=True)
class Map:
    """The reliance on places of a class's inputs: pictures as data addresses, before and after pruning."""

    heading: str
    pictures: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """All that the page shows; ``samples`` are the columns of its table of samples (see ``look.SCRIPT``)."""

    title: str
    advice: str
    is_pruning: bool
    applies: str
    chart: Chart | None
    evidence: Grid
    evidence_notes: Sequence[str]
    tested: Grid | None
    maps: Sequence[Map]
    regions: Grid | None
    diagnosis: Sequence[str]
    cues: Grid | None
    cues_note: str
    hardest: Sequence[Gallery]
    suspects: Sequence[Gallery]
    clusters: Sequence[Gallery]
    samples: dict[str, Any]
    samples_note: str
    notes: Sequence[str] = field(default_factory=tuple)


def render(page: Page) -> str:
    """Return the page as HTML."""
    sections = [
        ("evidence", "Evidence", _evidence(page)),
        ("reliance", "Reliance on regions", _reliance(page)),
        ("suspects", "Suspected carriers", _galleries(page.suspects)),
        ("cues", "Simple cues", _cues(page)),
        ("diagnosis", "Diagnosis", _list(page.diagnosis)),
        ("hardest", "The hardest samples of every class", _galleries(page.hardest)),
        ("clusters", "Clusters", _galleries(page.clusters)),
        ("all", "All training samples", _samples(page)),
    ]
    sections = [one for one in sections if one[2]]
    links = "".join(f'<a href="#{name}">{escape(heading)}</a>' for name, heading, _ in sections)
    verdict = "" if page.is_pruning else " no"
    content = "".join(f'<section id="{name}"><h2>{escape(heading)}</h2>{inner}</section>' for name, heading, inner in sections)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>{escape(page.title)}</title><style>{STYLE}</style></head>'
        f"<body><header><div><h1>{escape(page.title)}</h1><nav>{links}</nav></div></header><main>"
        f'<section id="advice"><h2>Advice</h2><p class="advice{verdict}">{escape(page.advice)}</p>'
        f'<p class="note">{escape(page.applies)}</p></section>{content}</main>'
        f'<script type="application/json" id="samples">{script_json(page.samples)}</script><script>{SCRIPT}</script></body></html>\n'
    )


def escape(text: str) -> str:
    """Return HTML that shows a text literally, on one line, also within a quoted attribute."""
    return html.escape(one_line(text), quote=True)


def script_json(value: Any) -> str:
    """Return JSON that is safe within a script element: no text in it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _evidence(page: Page) -> str:
    notes = "".join(f'<p class="note">{escape(one)}</p>' for one in page.evidence_notes)
    tested = "" if page.tested is None else f"<h3>On the test split, shown once</h3>{_grid(page.tested)}"
    chart = ""
    if page.chart is not None:
        chart = f'<div class="chart"><img src="{escape(page.chart.picture)}" alt="{escape(page.chart.words)}"></div>'
    return f"<h3>On the validation split</h3>{chart}{_grid(page.evidence)}{notes}{tested}"


def _reliance(page: Page) -> str:
    shown = "".join(
        f'<h3>{escape(one.heading)}</h3><div class="maps">'
        + "".join(
            f'<figure><img src="{escape(picture)}" alt="{escape(words)}"><figcaption>{escape(words)}</figcaption></figure>'
            for words, picture in one.pictures
        )
        + "</div>"
        for one in page.maps
    )
    return shown + ("" if page.regions is None else f"<h3>Suspected regions</h3>{_grid(page.regions)}")


def _cues(page: Page) -> str:
    note = f'<p class="note">{escape(page.cues_note)}</p>' if page.cues_note else ""
    return note + ("" if page.cues is None else _grid(page.cues))


def _grid(grid: Grid) -> str:
    def line(cells: Iterable[str | Sequence[str]], tag: str) -> str:
        kinds = [NUMBER if place in grid.numbers else "" for place in range(len(grid.header))]
        return "".join(f"<{tag}{kind}>{_lines(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    rows = "".join(f"<tr{CHOSEN if place in grid.chosen else ''}>{line(row, 'td')}</tr>" for place, row in enumerate(grid.rows))
    return f'<div class="scroll"><table><thead><tr>{line(grid.header, "th")}</tr></thead><tbody>{rows}</tbody></table></div>'


def _lines(cell: str | Sequence[str]) -> str:
    """Return a cell's first line, and the others below it, smaller."""
    if isinstance(cell, str):
        return escape(cell)
    return escape(cell[0]) + "".join(f'<br><span class="note">{escape(one)}</span>' for one in cell[1:])


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _galleries(galleries: Sequence[Gallery]) -> str:
    return "".join(
        f'<h3>{escape(one.heading)}</h3><p class="note">{escape(one.note)}</p><div class="gallery">{_cards(one)}</div>' for one in galleries
    )


def _cards(gallery: Gallery) -> str:
    return "".join(map(_card, gallery.cards))


def _card(card: Card) -> str:
    picture = f'<img src="{escape(card.picture)}" alt="" loading="lazy">' if card.picture else ""
    text = f"<span>{escape(card.text)}</span>" if card.text else ""
    marks = "".join(f"<b>{escape(mark)}</b> " for mark in card.marks)
    kind = " ".join(name for name, is_so in (("dropped", card.is_dropped), ("wide", not card.picture)) if is_so)
    return (
        f'<figure class="{kind}">{picture}<figcaption>{text}{marks}<span class="key" title="{escape(card.key)}">{escape(card.key)}</span>'
        "</figcaption></figure>"
    )


def _samples(page: Page) -> str:
    header = ("sample", "class", "difficulty", "rank in class, the last is the hardest", "suspected of teaching", "dropped with", "")
    cells = "".join(f"<th{NUMBER if place in (2, 3) else ''}>{escape(name)}</th>" for place, name in enumerate(header))
    return (
        f'<p class="note">{escape(page.samples_note)}</p><div class="controls">'
        '<input id="find" type="search" placeholder="part of a name" aria-label="part of a name">'
        '<select id="of" aria-label="class"></select><select id="by" aria-label="dropped"></select>'
        '<span id="count"></span><button id="back">Back</button><span id="where"></span>'
        '<button id="on">On</button></div>'
        f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody id="rows"></tbody></table></div>'
    )

"""The style of all figures: the widths of a paper's columns, looks that are distinct for colour-blind readers and in grey, stable files.

Matplotlib is imported only for drawing, since the figures' modules are also imported for planning.
"""

from __future__ import annotations

import itertools
import math
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spurprune.evaluation.statistics import Estimate, bounded
from spurprune.figures import fonts
from spurprune.storage.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLUMN, PAGE = 3.3, 6.9  # widths of one column and of two, in inches
CHARACTER = 0.052  # mean width of a title's character, in inches
DOTS_PER_INCH = 300
MOST_EPOCHS_LABELLED = 5  # with more epochs, round numbers are labelled instead
LONGEST_NAME = 40  # characters; longer names are shortened in labels
SHORTENED = 21  # characters of a name that is shortened
LABEL_ROOM = 28  # characters of a line along the lowest panels; only labels with shortened names are wrapped
NOTE_COLOUR = "#555555"
FONT = "DejaVu Sans"
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": [FONT],  # comes with Matplotlib, so figures are the same on every machine
    "font.size": 7.5,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "figure.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.0,
    "lines.markeredgecolor": "white",
    "lines.markeredgewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    "legend.columnspacing": 1.6,
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.use": True,
    "savefig.dpi": DOTS_PER_INCH,
    "pdf.fonttype": 42,  # TrueType, so that text stays text, as journals require
}


@dataclass(frozen=True)
class Look:
    """The look of a series: a colour (mostly Okabe and Ito's, for colour-blind readers), and a marker and dashes that work in grey."""

    colour: str
    marker: str
    dashes: Literal["-", "--", "-.", ":", ""]


HARDEST = Look("#D55E00", "o", "-")
EASIEST = Look("#0072B2", "s", "--")
RANDOM = Look("#767676", "^", ":")
REFERENCES = (
    Look("#000000", "", ":"),
    Look("#000000", "", "-."),
    Look("#767676", "", "--"),
    Look("#767676", "", "-"),
    Look("#B0B0B0", "", "-"),
)
ORDERS = {"hardest": HARDEST, "easiest": EASIEST, "random": RANDOM}
CORRECT = Look("#009E73", "^", "-.")
MISCLASSIFIED = Look("#000000", "o", "-")
CARRIERS = Look("#8C3A78", "D", "-")
OTHERS = Look("#8A8A8A", "v", "--")
# Stronger is darker, so that the order is kept in grey.
STRENGTHS = (Look("#E69F00", "^", ":"), Look("#009E73", "s", "--"), Look("#1F3A73", "o", "-"), Look("#000000", "D", "-."))


def looks_of(names: Iterable[str], looks: Sequence[Look]) -> dict[str, Look]:
    """Return a look for every name, in order; looks repeat if there are more names."""
    return dict(zip(names, itertools.cycle(looks), strict=False))


def shortened(name: str) -> str:
    """Return a name as it is or, if it is longer than LONGEST_NAME, with an ellipsis for its middle; names often differ at their ends."""
    if len(name) <= LONGEST_NAME:
        return name
    half = (SHORTENED - 1) // 2
    return f"{name[: SHORTENED - 1 - half]}…{name[-half:]}"


def shortened_apart(names: Iterable[str]) -> dict[str, str]:
    """Return names, each once, shortened where they are too long; those that would read the same are numbered in their order."""
    short = {name: shortened(name) for name in names}
    alike: dict[str, list[str]] = {}
    for name, text in short.items():
        alike.setdefault(text, []).append(name)
    numbered = {name: f"{text} ({number})" for text, of in alike.items() if len(of) > 1 for number, name in enumerate(of, 1)}
    return short | numbered


def label(text: str, **names: object) -> str:
    """Return an axis or legend label with names filled into its placeholders; if one is too long, it is shortened and lines are wrapped."""
    given = {key: str(name) for key, name in names.items()}
    apart = shortened_apart(given.values())
    short = {key: apart[name] for key, name in given.items()}
    filled = text.format(**short)
    return filled if short == given else "\n".join(textwrap.fill(line, LABEL_ROOM) for line in filled.split("\n"))


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the style within this context, regardless of the user's own Matplotlib settings."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def letters() -> Iterator[str]:
    """Yield the panels' letters: a to z, then aa, ab, and so on."""
    for length in itertools.count(1):
        yield from map("".join, itertools.product(ALPHABET, repeat=length))


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def strips(width: float, height: float, names: Sequence[str]) -> tuple[Figure, dict[str, Figure | SubFigure]]:
    """Return a figure and a strip for every name, one below the other, each of a size in inches; for one name, the figure itself."""
    figure = new_figure(width, height * len(names))
    if len(names) == 1:
        return figure, {names[0]: figure}
    return figure, dict(zip(names, figure.subfigures(len(names), 1, squeeze=False)[:, 0], strict=True))


def fit_percent(axes: Axes, shares: Sequence[Estimate], from_zero: bool) -> None:
    """Fit a vertical axis in per cent to shares and their intervals: from 0 up to the data, or from the data up to 100."""
    from matplotlib.ticker import MaxNLocator

    ends = [100 * end for share in map(bounded, shares) for end in (share.mean, share.low, share.high) if math.isfinite(end)]
    if from_zero:
        low, high = 0.0, min(100.0, _round_up(max([0.0, *ends])))
    else:
        low, high = max(0.0, 100.0 - _round_up(100.0 - min([100.0, *ends]))), 100.0
    room = 0.04 * (high - low)  # for the markers at the ends
    axes.set_ylim(low - room, high + room)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))


def _round_up(span: float) -> float:
    """Return a span of per cent rounded up to a good end of an axis, at least 5."""
    step = next(step for limit, step in ((10, 2), (25, 5), (math.inf, 10)) if span <= limit)
    return max(5.0, float(step * math.ceil(span / step)))


def line(axes: Axes, x: Sequence[float], shares: Sequence[Estimate], look: Look) -> None:
    """Draw mean shares in per cent, joined by a line, with 95% intervals as a band; missing ones leave a gap."""
    low, high = ([100 * getattr(bounded(share), end) for share in shares] for end in ("low", "high"))
    axes.fill_between(x, low, high, color=look.colour, alpha=0.16, linewidth=0)
    axes.plot(x, [100 * share.mean for share in shares], color=look.colour, marker=look.marker, linestyle=look.dashes)


def barred_line(axes: Axes, x: Sequence[float], shares: Sequence[Estimate], look: Look) -> None:
    """Draw mean shares in per cent, joined by a line, with 95% intervals as bars; missing ones leave a gap."""
    axes.plot(x, [100 * share.mean for share in shares], color=look.colour, linestyle=look.dashes)
    for position, share in zip(x, shares, strict=True):
        point(axes, position, share, look)


def point(axes: Axes, x: float, share: Estimate, look: Look) -> None:
    """Draw one mean share in per cent with its 95% interval as a bar, if it was measured."""
    if share.n:
        axes.errorbar(x, 100 * share.mean, whiskers(share), color=look.colour, marker=look.marker, elinewidth=1, capsize=2)


def whiskers(share: Estimate) -> list[list[float]] | None:
    """Return the lengths in per cent of the two halves of a share's interval within 0 and 100, as ``errorbar`` takes them."""
    within = bounded(share)
    return None if math.isnan(share.high) else [[100 * (share.mean - within.low)], [100 * (within.high - share.mean)]]


def value_ticks(axes: Axes, values: Sequence[float]) -> None:
    """Put a tick at each of the ascending values, and a label wherever there is room."""
    labels: list[str] = []
    last = -math.inf
    for value in values:
        fits = value - last >= 0.07 * (values[-1] - values[0])
        labels.append(f"{value:g}" if fits else "")
        last = value if fits else last
    axes.set_xticks(values, labels)


def epoch_axis(axes: Axes, epochs: Sequence[int]) -> None:
    """Make the horizontal axis one of epochs, logarithmic since most is learned early; without any, say so in the panel."""
    axes.set_xlabel("Epoch")
    if not epochs:
        message(axes, "nothing recorded")
        return
    axes.set_xlabel("Epoch (log scale)")
    axes.set_xscale("log")
    marks = (1, 2, 5, 10, 20, 50, 100, 200, 500)
    different = sorted(set(epochs))
    ticks = different if len(different) <= MOST_EPOCHS_LABELLED else [tick for tick in marks if min(epochs) <= tick <= max(epochs)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()


def message(axes: Axes, text: str) -> None:
    """Say in the middle of a panel why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=NOTE_COLOUR)


def say_if_empty(axes: Axes, shares: Iterable[Estimate]) -> None:
    """Say in a panel of shares that it is empty, if none of them was measured."""
    if not any(share.n for share in shares):
        message(axes, "nothing measured")


def panel_title(axes: Axes, letter: str, text: str, inches: float) -> None:
    """Title a panel with its letter and a text, left-aligned and wrapped to a width in inches.

    The letter is bold, which is mathematical text, unless the font lacks a character of the text: such text has one font only.
    """
    room = int((inches - 0.4) / CHARACTER)  # without the numbers and label of the vertical axis
    first, *others = (textwrap.fill(one, room, initial_indent="" if number else "  ") for number, one in enumerate(text.split("\n")))
    if not fonts.has_all(FONT, text):
        axes.set_title("\n".join([f"{letter}{first}", *others]), loc="left")
        return
    plain = [line.replace("$", r"\$") for line in (first, *others)]  # only the letter is mathematical text
    axes.set_title("\n".join([f"$\\bf{{{letter}}}${plain[0]}", *plain[1:]]), loc="left").set_parse_math(True)


def bars(axes: Axes, names: Sequence[str], shares: Sequence[Estimate], look: Look) -> None:
    """Draw one hatched bar per share, in per cent, with its 95% interval; missing ones are left out, and an empty panel says so."""
    axes.set_xticks(range(len(names)), list(names))
    axes.grid(False, axis="x")
    for position, share in enumerate(shares):
        axes.bar(position, 100 * share.mean if share.n else 0, 0.7, facecolor="white", edgecolor=look.colour, hatch="////", linewidth=1)
        point(axes, position, share, look)
    say_if_empty(axes, shares)


def level(axes: Axes, share: float, look: Look) -> None:
    """Draw a share in per cent as a reference line across the panel."""
    axes.axhline(100 * share, color=look.colour, linewidth=0.8, linestyle=look.dashes)


def legend(figure: Figure | SubFigure, looks: Mapping[str, Look], columns: int = 4, short: bool = False) -> None:
    """Put the series' names, or what is ``short`` for them, and looks above the panels in up to ``columns`` columns, if there are any."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.dashes) for look in looks.values()]
    if handles:
        figure.legend(
            handles,
            list(shortened_apart(looks).values() if short else looks),
            loc="outside upper left",
            ncols=min(len(looks), columns),
            borderpad=0,
            borderaxespad=0.3,
        )


def note(figure: Figure, text: str) -> None:
    """Put a note on the repeats below the panels, on the right."""
    placed = figure.legend([], [], title=text, loc="outside lower right", borderpad=0, borderaxespad=0.2)
    placed.get_title().set(color=NOTE_COLOUR, fontsize=6.5)


def save(figure: Figure, pdf: Path, png: Path, title: str, subject: str) -> None:
    """Write a figure as PDF and PNG (300 dots per inch) without timestamps, so that equal figures give equal bytes.

    Characters that the font lacks are of others that are installed, or boxes (see ``figures.fonts``).
    """
    words: Mapping[str, str | None] = {"Creator": "spurprune", "Title": title, "Subject": subject, "CreationDate": None}
    with replacing(pdf) as temporary:
        fonts.drawn(figure, partial(figure.savefig, temporary, format="pdf", metadata=words), FONT)
    with replacing(png) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+")  # named when the PDF was drawn
        figure.savefig(temporary, format="png", metadata={"Software": "spurprune", "Title": title, "Description": subject})

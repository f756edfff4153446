"""The evidence as a chart: what runs reach on validation samples by the share that is pruned, hardest first and at random."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spurprune.advice import tallies
from spurprune.advice.choices import Choice
from spurprune.advice.evidence import RELIANCE, Evidence, Measure
from spurprune.evaluation.statistics import Estimate
from spurprune.figures import style
from spurprune.pruning import plan as plans

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DRAWN = (tallies.WHOLE, tallies.CLASSES, tallies.GROUPS, tallies.INFERRED, RELIANCE)  # kinds of measures
WIDE, HIGH = 2.3, 2.0  # inches of a panel
ACROSS = 4  # panels in a row at most
DOTS_PER_INCH = 160
NONE = style.Look("#000000", "D", "--")
LOOKS = {"hardest": style.HARDEST, "random": style.RANDOM, "nothing pruned": NONE}


@dataclass(frozen=True)
class Panel:
    """One measure by the share that is pruned ``of`` something, in words; ``falls`` says that lower is better.

    ``nothing`` is the mean without pruning; ``hardest`` and ``random`` are those by share in (0, 1), ascending.
    """

    measure: str
    of: str
    falls: bool
    nothing: Estimate
    hardest: Mapping[float, Estimate]
    random: Mapping[float, Estimate]


def panels(found: Evidence, choices: Sequence[Choice]) -> list[Panel]:
    """Return the panels: for plans on every class, then for those on each partition of suspects, one per measure that is drawn."""
    families: dict[str | None, list[Choice]] = {}
    for one in choices:
        families.setdefault(one.partition, []).append(one)
    return [panel for partition, family in families.items() for panel in _of_family(found, partition, family)]


def _of_family(found: Evidence, partition: str | None, family: Sequence[Choice]) -> Iterator[Panel]:
    for measure in found.measures:
        nothing = found.mean(measure, plans.NO_PRUNING)
        if measure.kind not in DRAWN or not nothing.n or (measure.kind == RELIANCE and measure.name != partition):
            continue
        yield Panel(
            _words(measure),
            "every class" if partition is None else "the suspects",
            measure.kind == RELIANCE,
            nothing,
            {float(one.sparsity): found.mean(measure, one.plan) for one in family},
            {float(one.sparsity): found.mean(measure, one.control) for one in family},
        )


def _words(measure: Measure) -> str:
    text = "highest reliance on a region" if measure.kind == RELIANCE else measure.words
    return text[:1].upper() + text[1:]


def drawn(shown: Sequence[Panel]) -> bytes:
    """Return the panels as a PNG file; those of other plans begin in a new row."""
    rows: list[list[Panel]] = []
    for panel in shown:
        if not rows or rows[-1][0].of != panel.of or len(rows[-1]) == ACROSS:
            rows.append([])
        rows[-1].append(panel)
    across = max(map(len, rows))
    with style.house_style():
        figure = style.new_figure(WIDE * across, HIGH * len(rows) + 0.3)
        style.legend(figure, LOOKS)
        axes = figure.subplots(len(rows), across, squeeze=False)
        for of_row, row in zip(axes, rows, strict=True):
            for place, one in enumerate(of_row):
                if place < len(row):
                    _draw(one, row[place])
                else:
                    one.set_axis_off()
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=DOTS_PER_INCH, metadata={"Software": "spurprune"})
    return stream.getvalue()


def _draw(axes: "Axes", panel: Panel) -> None:
    shares = list(panel.hardest)
    apart = 0.012 * 100 * max(shares)  # so that intervals do not cover each other
    style.level(axes, panel.nothing.mean, NONE)
    style.point(axes, 0, panel.nothing, NONE)
    for values, look, side in ((panel.random, style.RANDOM, 1), (panel.hardest, style.HARDEST, -1)):
        style.barred_line(axes, [100 * share + side * apart for share in values], list(values.values()), look)
    style.value_ticks(axes, [0, *(100 * share for share in shares)])
    style.fit_percent(axes, [panel.nothing, *panel.hardest.values(), *panel.random.values()], from_zero=panel.falls)
    axes.set_xlabel(f"Pruned of {panel.of} (%)")
    axes.set_ylabel("%")
    axes.set_title(style.label("{name}", name=panel.measure), loc="left")


def words(shown: Sequence[Panel]) -> str:
    """Return what the chart shows, for readers who cannot see it; its numbers are in the table."""
    return (
        f"Charts of {'; '.join(dict.fromkeys(one.measure.lower() for one in shown))}, by the share pruned of "
        f"{' and of '.join(dict.fromkeys(one.of for one in shown))}, hardest first and at random, beside no pruning; the table holds the "
        "numbers."
    )

"""What masks keep of every layer's weights."""

from collections.abc import Mapping
from typing import Any

from spurprune.evaluation.survival import summarised
from spurprune.figures import masked
from spurprune.figures.kind import METHODS, NAMES, Kind
from spurprune.tables.report import SHARE, Report, Section, Sources, interval, logit_scale, lone_means, number_of_repeats

KIND = Kind(
    "What masks keep of every layer's weights.",
    reads=("masks",),
    required={"settings": NAMES},
    optional=METHODS,
    runs_of=masked.runs_of,
    check=masked.check,
)
HEADER = ("Layer", "Weights", "Kept", "Kept (%)")
INTRODUCTION = "Weights that masks keep, mean over repeats ({repeats}); shares in per cent, ± half of the 95% confidence interval."


def report(sources: Sources, options: Mapping[str, Any]) -> Report:
    """Return the report: a section for every setting and method, with a row per layer."""
    rows = summarised(sources.survivals)
    sections = [
        Section(
            f"{setting}, {method}",
            HEADER,
            [
                [row.layer, f"{row.weights:,}", f"{row.kept:,.1f}", interval(row.share, 100, 1, bounds=SHARE)]
                for row in rows
                if (row.setting, row.method) == (setting, method)
            ],
        )
        for setting, method in dict.fromkeys((row.setting, row.method) for row in rows)
    ]
    shares = [row.share for row in rows]
    notes = [*lone_means(shares), *logit_scale(shares, SHARE, "shares that would leave 0 to 100%")]
    return Report(rows, INTRODUCTION.format(repeats=number_of_repeats(one.n for one in shares)), sections, notes)

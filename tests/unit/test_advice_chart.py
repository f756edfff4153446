"""The chart of the evidence: which panels there are and what they hold, by hand; the picture opens and is bounded."""

import io
from collections.abc import Sequence

import pandas as pd
import pytest
from PIL import Image

from spurprune.advice import chart
from spurprune.advice.choices import Choice
from spurprune.advice.evidence import Evidence

EVERY = [Choice("per_class-el2n-hardest-0.05", "random-0.05", "0.05"), Choice("per_class-el2n-hardest-0.20", "random-0.20", "0.20")]
SUSPECTS = Choice("within-suspects-el2n-hardest-0.50", "within-suspects-random-hardest-0.50", "0.50", "suspects")


def evidence(kinds: Sequence[tuple[str, str]]) -> Evidence:
    """Two repeats of every plan, each with its own share: 50 and 52 of 100 for the first, two more for each further one."""
    every = ["none", *(plan for one in (*EVERY, SUSPECTS) for plan in (one.plan, one.control))]
    rows = [
        (plan, repeat, "validation", kind, name, "part", 100, 50 + 2 * place + 2 * repeat)
        for place, plan in enumerate(every)
        for repeat in (0, 1)
        for kind, name in kinds
    ]
    shares = {("suspects", plan): {("cat", "left"): {0: 0.4 - place / 20, 1: 0.5 - place / 20}} for place, plan in enumerate(every)}
    return Evidence(pd.DataFrame(rows, columns=["plan", "repeat", "split", "kind", "division", "part", "n", "n_correct"]), shares)


def test_panels_are_of_plans_then_of_measures() -> None:
    found = evidence([("whole", "whole"), ("inferred", "clusters"), ("attribute", "mark"), ("groups", "groups"), ("classes", "classes")])
    shown = chart.panels(found, [*EVERY, SUSPECTS])
    measures = ["Accuracy", "Worst class", "Worst known group", "Worst inferred group (clusters)"]
    assert [(one.of, one.measure) for one in shown] == [
        *(("every class", name) for name in measures),
        *(("the suspects", name) for name in [*measures, "Highest reliance on a region"]),
    ]
    assert [one.falls for one in shown] == [False] * 8 + [True]
    first, reliance = shown[0], shown[-1]
    assert first.nothing.mean == pytest.approx(0.51) and first.nothing.n == 2
    assert {share: one.mean for share, one in first.hardest.items()} == {0.05: pytest.approx(0.53), 0.2: pytest.approx(0.57)}
    assert {share: one.mean for share, one in first.random.items()} == {0.05: pytest.approx(0.55), 0.2: pytest.approx(0.59)}
    assert reliance.hardest[0.5].mean == pytest.approx(0.2) and reliance.random[0.5].mean == pytest.approx(0.15)
    assert chart.words(shown).startswith("Charts of accuracy; worst class; worst known group; ")


def test_nothing_measured_has_no_panel() -> None:
    assert chart.panels(evidence([("attribute", "mark")]), EVERY) == []


def test_the_picture_has_a_row_for_each_kind_of_plans() -> None:
    found = evidence([("whole", "whole"), ("classes", "classes")])
    one, both = (Image.open(io.BytesIO(chart.drawn(chart.panels(found, plans)))) for plans in (EVERY, [*EVERY, SUSPECTS]))
    assert one.size == (2 * 2.3 * 160, 2.3 * 160) and both.size == (3 * 2.3 * 160, 4.3 * 160)


def test_the_same_evidence_gives_the_same_bytes() -> None:
    shown = chart.panels(evidence([("whole", "whole")]), EVERY)
    assert chart.drawn(shown) == chart.drawn(shown)


def test_axes_stay_within_all_and_nothing() -> None:
    from spurprune.figures import style

    (panel,) = chart.panels(evidence([("whole", "whole")]), EVERY)
    with style.house_style():
        axes = style.new_figure(2, 2).subplots()
        chart._draw(axes, panel)
        low, high = axes.get_ylim()
        left, right = axes.get_xlim()
    assert -4.5 <= low < high <= 104.5 and left < 0 < 20 < right < 25

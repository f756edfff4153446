"""The cure test: hand-worked verdicts, one for each condition, and the corrections behind them."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.transplants.cure import Measured, Verdict, holm, judge, one_sided, upper_bound

ACCURACY = {0: 0.98, 1: 0.97, 2: 0.985}
STAYS = {0: 0.979, 1: 0.972, 2: 0.983}


def region(**changes: Any) -> Measured:
    """A region whose reliance falls from .4, .3, .5 to less than half of it."""
    values: dict[str, Any] = {
        "before": {0: 0.4, 1: 0.3, 2: 0.5},
        "hardest": {0: 0.1, 1: 0.05, 2: 0.12},
        "random": {0: 0.3, 1: 0.25, 2: 0.45},
    }
    return Measured("5-9", "column 0", **values | changes)


def verdict(*, accuracy: dict[int, float] | None = None, repeats: int = 3, **changes: Any) -> Verdict:
    return judge([region(**changes)], ACCURACY, accuracy or STAYS, repeats)[0]


def test_reliance_that_falls_where_the_control_does_not_is_a_shortcut() -> None:
    found = verdict()
    assert found.is_shortcut
    assert (found.before, found.hardest, found.random) == (pytest.approx(0.4), pytest.approx(0.09), pytest.approx(1 / 3))
    # Differences .3, .25, .38: mean .31, standard deviation .06557, t = .31 / (.06557 / √3) = 8.188; P(t₂ > 8.188) = .00730.
    assert found.p == pytest.approx(0.0073, abs=2e-5)
    assert found.sentence == (
        "A shortcut: column 0 of class 5-9; it turns 40% of the test samples of other classes into this one, 9% once the hardest suspects "
        "are pruned, 33% with as many random ones, and accuracy stays."
    )


@pytest.mark.parametrize(
    ("number", "changes", "words"),
    [
        (1, {"repeats": 7}, "it is suspected in 3 of 7 repeats only"),
        (2, {"before": {0: 0.03, 1: 0.04, 2: 0.05}, "hardest": {0: 0.0, 1: 0.0, 2: 0.001}}, "little depends on it"),
        (3, {"hardest": {0: 0.45, 1: 0.25, 2: 0.5}}, "pruning does not cure it"),
        (4, {"hardest": {0: 0.3, 1: 0.2, 2: 0.41}, "random": {0: 0.3, 1: 0.19, 2: 0.4}}, "do not teach it more than random ones"),
        (5, {"accuracy": {0: 0.95, 1: 0.96, 2: 0.96}}, "accuracy may fall by"),
    ],
)
def test_every_condition_must_be_met(number: int, changes: dict[str, Any], words: str) -> None:
    found = verdict(**changes)
    assert found.failed == number
    assert found.sentence.startswith("No shortcut: column 0 of class 5-9; ")
    assert words in found.sentence


def test_a_fall_to_more_than_half_counts_if_it_is_further_than_at_random() -> None:
    found = verdict(hardest={0: 0.25, 1: 0.18, 2: 0.31}, random={0: 0.4, 1: 0.29, 2: 0.48})
    assert found.hardest > 0.5 * found.before
    assert found.is_shortcut


def test_only_repeats_with_suspects_count() -> None:
    found = verdict(before={0: 0.4, 2: 0.5}, hardest={0: 0.1, 2: 0.21}, random={0: 0.3, 2: 0.45})
    assert (found.repeats, found.of) == (2, 3)
    assert found.before == pytest.approx(0.45)


def test_regions_are_corrected_together() -> None:
    alone = judge([region()], ACCURACY, STAYS, 3)[0].p
    assert [one.p for one in judge([region(), region()], ACCURACY, STAYS, 3)] == [pytest.approx(2 * alone)] * 2


def test_regions_that_are_rarely_suspected_or_little_relied_on_do_not_count_for_the_correction() -> None:
    alone = judge([region()], ACCURACY, STAYS, 3)[0].p
    rare = region(before={0: 0.4}, hardest={0: 0.1}, random={0: 0.3})
    little = region(before={0: 0.04, 1: 0.03, 2: 0.05}, hardest={0: 0.0, 1: 0.0, 2: 0.01})
    found = judge([rare, region(), little], ACCURACY, STAYS, 3)
    assert [one.failed for one in found] == [1, 0, 2]
    assert [one.p for one in found] == [1.0, alone, 1.0]


def test_holms_correction() -> None:
    assert holm([0.01, 0.04, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_corrected_p_value_is_no_lower_and_keeps_the_order(p: list[float]) -> None:
    corrected = holm(p)
    assert all(before <= after <= 1 for before, after in zip(p, corrected, strict=True))
    assert all(corrected[i] <= corrected[j] for i in range(len(p)) for j in range(len(p)) if p[i] < p[j])


def test_one_repeat_and_equal_ones_prove_nothing() -> None:
    assert one_sided(np.array([0.3])) == one_sided(np.array([0.3, 0.3])) == 1
    assert upper_bound(np.array([0.3])) == math.inf


def test_the_upper_bound_of_a_mean() -> None:
    # Mean .01, standard deviation .01, t₂ at 95% 2.91999.
    assert upper_bound(np.array([0.0, 0.01, 0.02])) == pytest.approx(0.01 + 2.91999 * 0.01 / math.sqrt(3), abs=1e-6)

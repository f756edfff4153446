"""Importance sampling: weights worked out by hand, and what holds for all of them."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spurprune.errors import PlanError
from spurprune.pruning import plan as plans
from spurprune.pruning.strategies import importance
from spurprune.pruning.weights import DRAWN, Request, Weights

# Class 0 has parts of 4 and 1, class 1 of 3 and 2.
LABEL = np.repeat([0, 1], [5, 5]).astype(np.int16)
PART = np.repeat([0, 1, 2, 3], [4, 1, 3, 2]).astype(np.int32)


def weigh(power: str, label: np.ndarray = LABEL, part: np.ndarray = PART, silhouette: list[float] | None = None) -> Weights:
    unknown = np.full(len(label), -1)
    names = tuple(f"part {number}" for number in range(max(4, int(part.max()) + 1)))
    plan = plans.parse(f"importance-clusters-{power}")
    found = None if silhouette is None else np.array(silhouette)
    asked = Request(plan, 0, label, unknown, unknown, unknown, part=part, parts=names, silhouette=found)
    return importance.weigh(asked)


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        ("1", [5 / 8, 5 / 2, 5 / 6, 5 / 4]),  # the parts of a class share its half
        ("2", [1 / 4, 4, 2 / 3, 3 / 2]),  # 1/16 to 1, 1/9 to 1/4
        ("0.5", [5 / 6, 5 / 3, 5 / (3 + 2 * 1.5**0.5), 5 * 1.5**0.5 / (3 + 2 * 1.5**0.5)]),
    ],
)
def test_weights_by_hand(power: str, expected: list[float]) -> None:
    weights = weigh(power)
    np.testing.assert_allclose(weights.weight, np.array(expected)[PART], rtol=1e-14)
    assert weights.visits == DRAWN and weights.candidates.all() and weights.notice is None


@pytest.mark.parametrize(
    ("silhouette", "powers"),
    [([0.89, 0.91], "21"), ([0.9, 0.5], "12"), ([0.1, -0.2], "22"), ([np.nan, 0.95], "11")],
)
def test_the_power_of_a_class_goes_by_its_silhouette(silhouette: list[float], powers: str) -> None:
    found = weigh("auto", silhouette=silhouette).weight
    expected = np.where(LABEL == 0, weigh(powers[0]).weight, weigh(powers[1]).weight)
    np.testing.assert_array_equal(found, expected)


def test_a_part_of_several_classes_counts_in_each_by_what_it_has_of_it() -> None:
    label, part = np.array([0, 0, 0, 1, 1, 1], np.int16), np.array([0, 0, 1, 0, 1, 1], np.int32)
    np.testing.assert_allclose(weigh("1", label, part).weight, [3 / 4, 3 / 4, 3 / 2, 3 / 2, 3 / 4, 3 / 4], rtol=1e-15)


def test_classes_that_are_absent_have_no_share() -> None:
    label = np.where(LABEL == 1, 3, 0).astype(np.int16)
    np.testing.assert_array_equal(weigh("1", label).weight, weigh("1").weight)


@st.composite
def divided(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """(label, part) of some samples; parts are of one class, or of several."""
    n = draw(st.integers(2, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    label = rng.integers(0, draw(st.integers(1, 4)), n)
    part = (rng.random(n) ** 3 * 5).astype(np.int64) + 5 * label * draw(st.booleans())
    assume(len(np.unique(part)) > 1)
    return label.astype(np.int16), part.astype(np.int32)


@given(divided(), st.sampled_from(["0.5", "1", "2", "9.999", "auto"]))
def test_weights_add_up_classes_are_equal_and_smaller_parts_weigh_more(data: tuple[np.ndarray, np.ndarray], power: str) -> None:
    label, part = data
    weight = weigh(power, label, part, silhouette=[0.95, 0.2, np.nan, 0.9]).weight
    assert (weight > 0).all() and np.isfinite(weight).all()
    assert weight.sum() == pytest.approx(len(label))
    present = np.unique(label)
    np.testing.assert_allclose([weight[label == one].sum() for one in present], len(label) / len(present))
    for one in present:
        mine = label == one
        size = np.bincount(part[mine])[part[mine]]
        order = np.argsort(size, kind="stable")
        sizes, weights = size[order], weight[mine][order]
        assert ((np.diff(weights) < 0) == (np.diff(sizes) > 0)).all()


@given(divided())
def test_the_first_power_draws_all_parts_of_a_class_equally_often(data: tuple[np.ndarray, np.ndarray]) -> None:
    label, part = data
    weight = weigh("1", label, part).weight
    for one in np.unique(label):
        sums = [weight[(label == one) & (part == other)].sum() for other in np.unique(part[label == one])]
        np.testing.assert_allclose(sums, sums[0])


def test_parts_of_equal_size_are_noticed() -> None:
    notice = "no class has parts of 'clusters' that differ in size, so the plan only balances the classes"
    assert weigh("2", part=np.repeat([0, 1], [5, 5]).astype(np.int32)).notice == notice
    assert weigh("2", np.repeat([0, 1], [6, 4]).astype(np.int16), np.repeat([0, 1, 2, 3], [3, 3, 2, 2]).astype(np.int32)).notice == notice


def test_one_part_alone_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(PlanError, match=r"^all training samples are in part 'part 2' of 'clusters', so there is nothing") as error:
        weigh("1", part=np.full(10, 2, np.int32))
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("power", ["1", "2", "1.5", "0.25", "9.9999", "auto"])
def test_powers_are_written_in_one_way(power: str) -> None:
    parsed = plans.parse(f"importance-clusters-{power}")
    assert (parsed.strategy, parsed.partition, parsed.power, parsed.factor) == ("importance", "clusters", power, None)


@pytest.mark.parametrize("power", ["0", "10", "1.0", "01", "-1", "1e1", "Auto", "auto-1", ""])
def test_other_powers_are_refused(power: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(PlanError, match=r"'importance-clusters-.*' is not a plan; .* written importance-PARTITION-POWER") as error:
        plans.parse(f"importance-clusters-{power}")
    assert_one_sentence(str(error.value))

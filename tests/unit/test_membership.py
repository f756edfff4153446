"""Membership inference: four parts, what an attacker sees, and attacks that find something or nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.evaluation import membership


@given(count=st.integers(4, 500), seed=st.integers(0, 1000))
def test_the_parts_are_disjoint_and_equal(count: int, seed: int) -> None:
    parts = membership.parts_of(count, np.random.default_rng(seed))
    assert tuple(parts) == membership.PARTS
    assert {len(part) for part in parts.values()} == {count // 4}
    together = np.concatenate(list(parts.values()))
    assert len(np.unique(together)) == 4 * (count // 4) and together.min() >= 0 and together.max() < count


def test_fewer_samples_than_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="3 samples cannot be cut into 4 parts"):
        membership.parts_of(3, np.random.default_rng(0))


def test_an_attacker_sees_sorted_logits_and_whether_they_are_right() -> None:
    logits = np.array([[3.0, -1.0, 2.0], [0.0, 5.0, 1.0]], dtype=np.float32)
    assert membership.features(logits, np.array([0, 2])).tolist() == [[-1.0, 2.0, 3.0, 1.0], [0.0, 1.0, 5.0, 0.0]]


def seen(n: int, lead: float, seed: int) -> np.ndarray:
    """Features of n samples of two classes, the first half members, whose right logit is larger by a lead on average."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 2))
    label = rng.integers(0, 2, n)
    logits[np.arange(n), label] += 2.0
    logits[np.arange(n // 2), label[: n // 2]] += lead
    return membership.features(logits, label)


def found(lead: float, told: np.ndarray, unit: float = 1.0) -> membership.Leak:
    """What an attacker learns who is ``told`` who the shadow's members are; features but the last are in a ``unit``."""
    n = len(told)
    units = np.array([unit, unit, 1.0])
    attacker = membership.attack(seen(n, lead, 1) * units, told, seed=0)
    members = np.arange(n) < n // 2
    spurious, control = np.arange(n) < 10, (np.arange(n) >= 10) & members
    return membership.leak(attacker, seen(n, lead, 2) * units, is_member=members, is_spurious=spurious, is_control=control)


def test_an_attack_finds_members_whose_logits_give_them_away() -> None:
    n = 2000
    leak = found(4.0, np.arange(n) < n // 2)
    assert leak.auc > 0.9 and leak.balanced_accuracy > 0.8 and leak.control > 0.8 and leak.spurious >= 0.7
    assert (leak.n_spurious, leak.n_control) == (10, 990)


def test_an_attack_that_learned_from_shuffled_members_finds_nothing() -> None:
    n = 4000
    members = np.arange(n) < n // 2
    shuffled = np.random.default_rng(5).permutation(members)
    attacker = membership.attack(seen(n, 4.0, 1), shuffled, seed=0)
    leak = membership.leak(attacker, seen(n, 4.0, 2), is_member=shuffled, is_spurious=members[:0], is_control=members[:0])
    assert leak.auc == pytest.approx(0.5, abs=0.05) and leak.balanced_accuracy == pytest.approx(0.5, abs=0.05)
    assert found(4.0, members).auc > 0.9, "where the members are the true ones, the same logits give them away"


def test_the_unit_of_the_logits_is_of_no_account() -> None:
    members = np.arange(2000) < 1000
    whole, thousandths = found(1.0, members), found(1.0, members, unit=1e-3)
    assert thousandths.auc == pytest.approx(whole.auc, abs=1e-6) and thousandths.control == pytest.approx(whole.control, abs=1e-6)


def test_shares_are_of_those_who_are_asked_about() -> None:
    class Sure:
        def predict(self, seen: np.ndarray) -> np.ndarray:
            return seen[:, 0] > 0

        def decision_function(self, seen: np.ndarray) -> np.ndarray:
            return seen[:, 0]

    values = np.array([[3.0], [-1.0], [1.0], [2.0], [-2.0], [-3.0]])
    is_member = np.array([True, True, True, False, False, False])
    nobody = np.zeros(6, dtype=bool)
    leak = membership.leak(Sure(), values, is_member=is_member, is_spurious=np.arange(6) < 2, is_control=nobody)
    assert leak.spurious == 0.5 and math.isnan(leak.control) and (leak.n_spurious, leak.n_control) == (2, 0)
    assert leak.balanced_accuracy == pytest.approx(2 / 3) and leak.auc == pytest.approx(7 / 9)


def test_the_same_seed_gives_the_same_attacker() -> None:
    data, member = seen(400, 1.0, 3), np.arange(400) < 200
    first, second = (membership.attack(data, member, seed=4).decision_function(data) for _ in range(2))
    assert np.array_equal(first, second)

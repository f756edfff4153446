"""Every score by hand; larger is always harder."""

import math
from types import ModuleType

import numpy as np
import pytest

from spurprune.dag import plugins
from spurprune.difficulty.dynamics import Dynamics
from spurprune.difficulty.scores import aum, el2n, forgetting, grand, loss, margin, random

# One reference seed, three epochs, two samples, of the classes 3 and 0.
DYNAMICS = Dynamics(
    loss=np.array([[[0.1, 2.0], [0.2, 1.0], [0.3, 0.5]]], dtype=np.float32),
    error=np.array([[[0.2, 1.0], [0.4, 1.2], [0.6, 1.4]]], dtype=np.float32),
    margin=np.array([[[3.0, -1.0], [2.0, 0.5], [4.0, -4.0]]], dtype=np.float32),
    predicted=np.array([[[3, 1], [3, 0], [3, 2]]], dtype=np.int16),
    feature_norm=np.array([[[0.0, 1.0], [math.sqrt(3), 0.0], [math.sqrt(8), math.sqrt(3)]]], dtype=np.float32),
    label=np.array([3, 0], dtype=np.int16),
)


def correctness(*histories: str) -> Dynamics:
    """Dynamics of one seed whose samples were right (1) or wrong (0) as the strings say, with one character per epoch."""
    predicted = np.array([[int(c) for c in history] for history in histories], dtype=np.int16).T[None]
    empty = np.zeros(predicted.shape, dtype=np.float32)
    return Dynamics(empty, empty, empty, predicted, empty, np.ones(len(histories), dtype=np.int16))


def test_a_prediction_is_correct_if_it_is_the_label() -> None:
    assert DYNAMICS.correct.tolist() == [[[True, False], [True, True], [True, False]]]


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (el2n, [0.4, 1.2]),  # the mean error
        (aum, [-3.0, 1.5]),  # minus the mean margin
        (loss, [0.3, 0.5]),  # the last loss
        (margin, [-4.0, 4.0]),  # minus the last margin
        (grand, [(0.2 * 1 + 0.4 * 2 + 0.6 * 3) / 3, (1.0 * math.sqrt(2) + 1.2 * 1 + 1.4 * 2) / 3]),
        (forgetting, [0.0, 1.0]),
    ],
)
def test_scores_by_hand(score: ModuleType, expected: list[float]) -> None:
    result = score.score(DYNAMICS)
    assert result.shape == (1, 2) and result.dtype == np.float64
    np.testing.assert_allclose(result[0], expected, rtol=1e-6)


def test_forgetting_counts_transitions_from_right_to_wrong() -> None:
    histories = {"1111": 0, "0111": 0, "0001": 0, "1110": 1, "1011": 1, "1010": 2, "0101": 1, "0110": 1}
    scores = forgetting.score(correctness(*histories))[0]
    assert scores.tolist() == list(histories.values())


def test_never_learned_is_not_never_forgotten() -> None:
    never_forgotten, most_forgotten, never_learned = forgetting.score(correctness("11111", "10101", "00000"))[0]
    assert never_forgotten == 0
    assert never_learned == 5 > most_forgotten > never_forgotten


def test_seeds_are_scored_separately() -> None:
    arrays = {
        "loss": DYNAMICS.loss,
        "error": DYNAMICS.error,
        "margin": DYNAMICS.margin,
        "predicted": 3 - DYNAMICS.label + DYNAMICS.predicted,  # of one class, so that the samples can change places
        "feature_norm": DYNAMICS.feature_norm,
    }
    two = Dynamics(**{name: np.concatenate([a, a[:, :, ::-1]]) for name, a in arrays.items()}, label=np.array([3, 3]), seed=0)
    for score in (el2n, aum, loss, margin, grand, forgetting):
        result = score.score(two)
        assert result.shape == (2, 2)
        assert np.array_equal(result[1], result[0][::-1])


def test_larger_is_harder_for_every_score() -> None:
    """A sample that is classified worse in every respect must score higher, whatever the score."""
    worse = {"loss": (0.1, 3.0), "error": (0.1, 1.3), "margin": (5.0, -5.0), "predicted": (0, 1), "feature_norm": (1.0, 1.0)}
    arrays = {name: np.array([[values, values]], dtype=np.int16 if name == "predicted" else np.float32) for name, values in worse.items()}
    for name in plugins.names("scores"):
        if name != "random":
            easy, hard = plugins.load("scores", name).score(Dynamics(**arrays, label=np.array([0, 0]), seed=0))[0]
            assert hard > easy, name


def test_el2n_stays_within_its_bounds() -> None:
    certain_and_wrong = Dynamics(*(np.full((1, 1, 1), math.sqrt(2), dtype=np.float32) for _ in range(5)), np.zeros(1))
    assert el2n.score(certain_and_wrong)[0, 0] == pytest.approx(math.sqrt(2))


def test_random_scores_are_uniform_and_come_from_the_seed() -> None:
    empty, label = np.zeros((1, 1, 4000), dtype=np.float32), np.zeros(4000)
    one, again, other = (random.score(Dynamics(empty, empty, empty, empty, empty, label, seed)) for seed in (5, 5, 6))
    assert one.shape == (1, 4000)
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert one.min() >= 0 and one.max() < 1
    assert np.abs(np.histogram(one, bins=10, range=(0, 1))[0] - 400).max() < 100

"""The task set: equal classes in every part that has them all, no sample twice, and balanced colours from clusters by colour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.dag import plugins
from spurprune.errors import PlanError
from spurprune.pruning import plan as plans
from spurprune.pruning.weights import EXACT, Request, Weights


def weigh(label: list[int], part: list[int], repeat: int = 0) -> Weights:
    labels, parts = np.array(label, dtype=np.int16), np.array(part, dtype=np.int32)
    unknown = np.full(len(labels), -1, dtype=np.int8)
    names = tuple(f"cluster {number + 1}" for number in range(parts.max() + 1))
    asked = Request(plans.parse("task_set-clusters"), repeat, labels, unknown.astype(np.int32), unknown, unknown, part=parts, parts=names)
    weights: Weights = plugins.load("strategies", "task_set").weigh(asked)
    return weights


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=3, max_size=80), st.integers(0, 5))
def test_classes_are_equal_in_every_part(samples: list[tuple[int, int]], repeat: int) -> None:
    label, part = (np.array(column) for column in zip(*samples, strict=True))
    classes = np.unique(label)
    count = np.array([[np.sum((label == a) & (part == b)) for a in classes] for b in range(4)])
    if not count.min(axis=1).any():
        with pytest.raises(PlanError, match="every part of 'clusters' lacks a class"):
            weigh(label.tolist(), part.tolist(), repeat)
        return
    weights = weigh(label.tolist(), part.tolist(), repeat)
    assert set(weights.weight.tolist()) <= {0.0, 1.0} and weights.visits == EXACT and weights.candidates.all()
    kept = [[np.sum(weights.weight[(label == a) & (part == b)]) for a in classes] for b in range(4)]
    assert kept == [[smallest] * len(classes) for smallest in count.min(axis=1).tolist()]


def test_a_part_without_a_class_is_dropped_and_draws_differ_between_repeats() -> None:
    label, part = [0, 0, 0, 1] * 10 + [0] * 7, [0] * 40 + [1] * 7
    found = [weigh(label, part, repeat).weight for repeat in (0, 0, 1)]
    assert found[0][40:].sum() == 0 and found[0].sum() == 20
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


def test_clusters_by_colour_balance_the_colours() -> None:
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], 600)
    colour = np.where(rng.random(1200) < 0.9, label, 1 - label)
    kept = weigh(label.tolist(), colour.tolist()).weight > 0
    assert (label == colour).mean() > 0.85 and (label == colour)[kept].mean() == 0.5


def test_equal_parts_change_nothing_and_say_so() -> None:
    assert weigh([0, 1, 0, 1], [0, 0, 1, 1]).notice == "all parts of 'clusters' have equally many samples of each class already"

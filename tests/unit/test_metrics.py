"""Metrics of one run, by hand."""

import math

import numpy as np
import pytest

from spurprune.evaluation import metrics

#            class 0, group 0 and 1      class 1, group 2          unknown group
LABEL = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
GROUP = np.array([0, 0, 0, 1, 2, 2, 2, 2, 3, -1])
PREDICTED = np.array([0, 0, 1, 1, 1, 1, 1, 0, 1, 0])
GROUPS = {0: (3, 2 / 3), 1: (1, 0.0), 2: (4, 0.75), 3: (1, 1.0)}


def test_accuracy() -> None:
    assert metrics.accuracy(PREDICTED, LABEL) == 0.6
    assert math.isnan(metrics.accuracy(np.array([]), np.array([])))


def test_group_accuracies_leave_out_unknown_groups() -> None:
    assert metrics.group_accuracies(PREDICTED, LABEL, GROUP) == GROUPS
    assert metrics.group_accuracies(PREDICTED, LABEL, np.full(10, -1)) == {}


def test_worst_group() -> None:
    train = {0: 70, 1: 10, 2: 20, 3: 1}
    assert metrics.worst_group_accuracy(GROUPS, train) == 0.0
    assert metrics.worst_group_accuracy({0: (3, 2 / 3), 2: (4, 0.75)}, {0: 70, 2: 20}) == 2 / 3
    assert metrics.worst_group_accuracy({0: (3, 2 / 3), 2: (4, 0.5)}, {0: 70}) == 0.5  # only tested groups count, too
    assert metrics.worst_group_accuracy({0: (3, 1.0)}, {}) == 1.0
    assert math.isnan(metrics.worst_group_accuracy({}, {}))


def test_the_worst_group_is_missing_without_test_samples_of_a_trained_group() -> None:
    train = {0: 70, 1: 10}
    assert metrics.lacking({0: (3, 1.0)}, train) == [1]
    assert math.isnan(metrics.worst_group_accuracy({0: (3, 1.0)}, train)), "not 100%"
    assert metrics.worst_group_accuracy({0: (3, 1.0)}, {0: 70, 1: 0}) == 1.0  # a group that exists nowhere is not promised


def test_groups_are_counted_without_the_unknown() -> None:
    assert metrics.counts_of(GROUP) == {0: 3, 1: 1, 2: 4, 3: 1}
    assert metrics.counts_of(np.array([-1])) == {}


def test_accuracy_is_weighted_by_the_training_groups() -> None:
    train = {0: 70, 1: 10, 2: 20}
    assert metrics.weighted_accuracy(GROUPS, train) == pytest.approx(0.7 * 2 / 3 + 0.1 * 0.0 + 0.2 * 0.75)
    assert metrics.weighted_accuracy(GROUPS, {2: 5, 9: 0}) == 0.75  # a group without training samples does not count


def test_weighted_accuracy_is_unknown_without_test_samples_of_a_trained_group() -> None:
    assert math.isnan(metrics.weighted_accuracy(GROUPS, {0: 1, 7: 1}))
    assert math.isnan(metrics.weighted_accuracy(GROUPS, {}))
    assert math.isnan(metrics.weighted_accuracy({}, {0: 1}))


def test_groups_are_aligned_if_training_has_more_of_them_than_if_class_and_attribute_were_independent() -> None:
    celeba = np.array([[71_629, 66_874], [22_880, 1_387]])  # dark or blond hair of women and men: 138,503 · 68,261 / 162,770 is 58,085
    assert metrics.alignment(celeba).tolist() == [[-1, 1], [1, -1]]
    assert metrics.alignment(np.array([[3, 1, 2], [9, 3, 6]])).tolist() == [[0, 0, 0], [0, 0, 0]], "the shares are the same in each class"
    assert metrics.alignment(np.array([[4], [2]])).tolist() == [[0], [0]], "no attribute"


def test_spurious_misclassification_is_the_share_predicted_as_the_source_class() -> None:
    members = LABEL == 1
    assert metrics.predicted_as(PREDICTED, members, 0) == pytest.approx(2 / 6)
    assert metrics.predicted_as(PREDICTED, members, 5) == 0.0
    assert math.isnan(metrics.predicted_as(PREDICTED, np.zeros(10, dtype=bool), 0))


def test_classes_without_a_sample_of_known_group() -> None:
    label, group = np.array([0, 0, 1, 1, 3]), np.array([-1, 0, -1, -1, -1])
    assert metrics.without_group(label, group) == [1, 3]
    assert metrics.without_group(label[:2], group[:2]) == [] == metrics.without_group(label[:0], group[:0])


def test_probabilities_are_softmax_and_stay_finite() -> None:
    logits = np.array([[0.0, 0.0], [np.log(3), 0.0], [2000.0, -2000.0]], dtype=np.float32)
    assert metrics.probability(logits, 0) == pytest.approx([0.5, 0.75, 1.0])
    assert metrics.probability(logits, 1) == pytest.approx([0.5, 0.25, 0.0])


def test_a_sample_is_drawn_to_a_class_whose_probability_rises_by_more_than_the_threshold() -> None:
    def logits(*probabilities: float) -> np.ndarray:
        return np.log(np.array([[p, 1 - p] for p in probabilities]))

    natural, featured = logits(0.50, 0.50, 0.20, 0.90), logits(0.59, 0.61, 0.90, 0.50)
    assert metrics.drawn_to(natural, featured, 0, 0.1).tolist() == [False, True, True, False]
    assert metrics.drawn_to(natural, featured, 0, 0.0).tolist() == [True, True, True, False]
    assert metrics.drawn_to(natural, featured, 1, 0.1).tolist() == [False, False, False, True]
    assert not metrics.drawn_to(natural, natural, 0, 0.0).any(), "not by as much as the threshold"

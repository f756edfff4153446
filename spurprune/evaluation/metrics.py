"""Metrics of one run: pure functions of predictions, labels and groups."""

import math

import numpy as np


def accuracy(predicted: np.ndarray, label: np.ndarray) -> float:
    """Return the share of correct predictions in [0, 1]; NaN without predictions."""
    return float((predicted == label).mean()) if len(label) else math.nan


def group_accuracies(predicted: np.ndarray, label: np.ndarray, group: np.ndarray) -> dict[int, tuple[int, float]]:
    """Return (number of samples, accuracy) of every group present, by group; samples of unknown group (-1) do not count."""
    result = {}
    for value in np.unique(group[group >= 0]).tolist():
        members = group == value
        result[value] = (int(members.sum()), accuracy(predicted[members], label[members]))
    return result


def worst_group_accuracy(groups: dict[int, tuple[int, float]]) -> float:
    """Return the lowest group accuracy (WGA, Sagawa et al. 2020); NaN without groups."""
    return min((value for _, value in groups.values()), default=math.nan)


def weighted_accuracy(groups: dict[int, tuple[int, float]], train_counts: dict[int, int]) -> float:
    """Return the average of the group accuracies, weighted by the groups' shares of the training set.

    This is the 'mean accuracy' of the group-robustness literature (Sagawa et al. 2020), which differs from the raw test accuracy if groups
    have other shares of the test set. NaN if a group in training has no test samples, since its accuracy is unknown.
    """
    total = sum(train_counts.values())
    if not total or any(count and group not in groups for group, count in train_counts.items()):
        return math.nan
    return sum(count / total * groups[group][1] for group, count in train_counts.items() if count)


def share(members: np.ndarray) -> float:
    """Return the share of true values in a bool array; NaN for an empty one."""
    return float(members.mean()) if len(members) else math.nan


def predicted_as(predicted: np.ndarray, members: np.ndarray, label: int) -> float:
    """Return the share of ``members`` (bool [N]) that are predicted as ``label``; NaN without members.

    If the members are the target class's samples with the feature and ``label`` is the source class, this is spurious misclassification
    (Sec. 3 of the paper).
    """
    return float((predicted[members] == label).mean()) if members.any() else math.nan

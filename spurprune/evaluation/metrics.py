"""Metrics of one run: pure functions of predictions, labels and groups."""

import math
from collections.abc import Collection

import numpy as np


def accuracy(predicted: np.ndarray, label: np.ndarray) -> float:
    """Return the share of correct predictions in [0, 1]; NaN without predictions."""
    return float((predicted == label).mean()) if len(label) else math.nan


def group_accuracies(predicted: np.ndarray, label: np.ndarray, group: np.ndarray) -> dict[int, tuple[int, float]]:
    """Return (number of samples, accuracy) of every group present, by group; samples of unknown group (-1) do not count."""
    known = group >= 0
    count = np.bincount(group[known])
    right = np.bincount(group[known & (predicted == label)], minlength=len(count))
    return {value: (int(count[value]), float(right[value] / count[value])) for value in np.flatnonzero(count).tolist()}


def counts_of(group: np.ndarray) -> dict[int, int]:
    """Return the number of samples of every group present, by group, ascending; samples of unknown group (-1) do not count."""
    count = np.bincount(group[group >= 0])
    return {value: int(count[value]) for value in np.flatnonzero(count).tolist()}


def lacking(groups: Collection[int], train_counts: dict[int, int]) -> list[int]:
    """Return the groups that have training samples but are not among the tested ``groups``."""
    return [group for group, count in train_counts.items() if count and group not in groups]


def without_group(label: np.ndarray, group: np.ndarray) -> list[int]:
    """Return the labels all of whose samples are of unknown group (-1), ascending."""
    known = np.bincount(label[group >= 0], minlength=int(label.max(initial=-1)) + 1)
    return [value for value in np.flatnonzero(np.bincount(label)).tolist() if not known[value]]


def worst_group_accuracy(groups: dict[int, tuple[int, float]], train_counts: dict[int, int]) -> float:
    """Return the lowest group accuracy (WGA, Sagawa et al. 2020) over all groups in training and all that are tested.

    NaN if a group in training has no test samples: its accuracy is unknown, and it may be the lowest. NaN without groups.
    """
    if lacking(groups, train_counts):
        return math.nan
    return min((value for _, value in groups.values()), default=math.nan)


def by_rule(
    rule: str,
    *,
    predicted: np.ndarray,
    label: np.ndarray,
    group: np.ndarray,
    natural: np.ndarray,
    train_label: np.ndarray,
    train_group: np.ndarray,
) -> float:
    """Return the metric by which candidates and epochs are chosen (see ``storage.words.RULES``) of one split's predictions.

    ``predicted``, ``label``, ``group`` (int [N], group -1 unknown) and ``natural`` (bool [N], of the natural view) are over the same rows;
    ``train_label`` and ``train_group`` are those of the training samples. NaN where the metric is undefined.
    """
    if rule == "worst_group_accuracy":
        return worst_group_accuracy(group_accuracies(predicted, label, group), counts_of(train_group))
    predicted, label = predicted[natural], label[natural]
    if rule == "worst_class_accuracy":
        return worst_group_accuracy(group_accuracies(predicted, label, label), counts_of(train_label))
    return accuracy(predicted, label)


def weighted_accuracy(groups: dict[int, tuple[int, float]], train_counts: dict[int, int]) -> float:
    """Return the average of the group accuracies, weighted by the groups' shares of the training set.

    This is the 'mean accuracy' of the group-robustness literature (Sagawa et al. 2020), which differs from the raw test accuracy if groups
    have other shares of the test set. NaN if a group in training has no test samples, since its accuracy is unknown. Classes
    without training samples of known group (see ``without_group``) have no weight.
    """
    total = sum(train_counts.values())
    if not total or lacking(groups, train_counts):
        return math.nan
    return sum(count / total * groups[group][1] for group, count in train_counts.items() if count)


def alignment(counts: np.ndarray) -> np.ndarray:
    """Return which groups have more training samples than if class and attributes were independent, int64 [classes, combinations].

    1 is aligned (more samples), −1 in conflict (fewer), 0 neither. ``counts``, int64 of the same shape, are the groups' training samples.
    """
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True)  # times the total
    sign: np.ndarray = np.sign(counts * counts.sum() - expected)
    return sign


def share(members: np.ndarray) -> float:
    """Return the share of true values in a bool array; NaN for an empty one."""
    return float(members.mean()) if len(members) else math.nan


def predicted_as(predicted: np.ndarray, members: np.ndarray, label: int) -> float:
    """Return the share of ``members`` (bool [N]) that are predicted as ``label``; NaN without members.

    If the members are the target class's samples with the feature and ``label`` is the source class, this is spurious misclassification
    (Sec. 3 of the paper).
    """
    return float((predicted[members] == label).mean()) if members.any() else math.nan


def probability(logits: np.ndarray, label: int) -> np.ndarray:
    """Return the softmax probability of one class, float64 [N], from logits [N, C]."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    raised = np.exp(shifted)
    found: np.ndarray = raised[:, label] / raised.sum(axis=1)
    return found


def drawn_to(natural: np.ndarray, featured: np.ndarray, label: int, threshold: float) -> np.ndarray:
    """Return which samples the feature draws to a class, bool [N]: its probability rises by more than the ``threshold``.

    ``natural`` and ``featured`` are the logits [N, C] of the same samples in both views. The mean is the spurious score of Yang, Chou and
    Chaudhuri (2022), with a threshold of 0.1.
    """
    return probability(featured, label) - probability(natural, label) > threshold

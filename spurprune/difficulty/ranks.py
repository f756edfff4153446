"""Difficulty ranks, overall and within the class: 0 = easiest, ties broken at random."""

import numpy as np


def ranks(score: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rank of every sample, int32 [N], 0 = lowest score; the order of equal scores is drawn from ``rng``."""
    order = np.lexsort((rng.permutation(len(score)), score))
    result = np.empty(len(score), dtype=np.int32)
    result[order] = np.arange(len(score), dtype=np.int32)
    return result


def ranks_within(rank: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return each sample's rank within its own class, int32 [N], in the order of the overall ranks."""
    result = np.empty(len(rank), dtype=np.int32)
    for value in np.unique(label):
        members = np.flatnonzero(label == value)
        result[members[np.argsort(rank[members])]] = np.arange(len(members), dtype=np.int32)
    return result

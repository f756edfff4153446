"""Quotas by class recall: classes that a network trained on everything recalls badly keep more samples (Vysogorets et al. 2025, DRoP)."""

from dataclasses import replace

import numpy as np

from spurprune.pruning.candidates import everyone
from spurprune.pruning.thinning import foremost, pruned_count, strata, without
from spurprune.pruning.weights import Request, Weights

FIELDS = ("predictor", "sparsity")


def weigh(request: Request) -> Weights:
    """Keep a random subset of every class, in proportion to 1 − recall; a larger sparsity prunes a superset.

    Of N samples, N − ⌊s·N + ½⌋ are kept, whatever the recalls.
    """
    assert request.plan.sparsity is not None and request.recall is not None
    label, order = request.label.astype(np.int64), request.random_order()
    size = np.bincount(label, minlength=len(request.recall))
    kept = quotas(request.recall, size, len(label) - pruned_count(len(label), request.plan.sparsity))
    pruned = np.ones(len(label), dtype=bool)
    for members in strata(np.arange(len(label)), label):
        pruned[foremost(members, order, int(kept[label[members[0]]]))] = False
    learned = (request.recall[size > 0] == 1).all()
    notice = "every class has a recall of 1, so all classes keep the same share" if learned else None
    return replace(without(pruned, everyone(request)), notice=notice)


def quotas(recall: np.ndarray, size: np.ndarray, total: int) -> np.ndarray:
    """Return how many samples of each class are kept, int64 [classes], ``total`` altogether.

    Class k keeps the share d_k = min(1, c·(1 − r_k)) of its N_k samples: what a class cannot take goes to the others in proportion. Counts
    are rounded half up, c being such that they add up (Webster's method), so that a larger total takes none from any class; of equal
    claims the lower label's comes first. Classes of recall 1 share what the others leave, at one rate. ``recall`` float64, ``size`` int64,
    both [classes]; the recall of a class without samples may be NaN.
    """
    missed = 1 - recall
    label = np.repeat(np.arange(len(size)), size)
    nth = np.arange(len(label)) - np.repeat(np.cumsum(size) - size, size)  # of its class, from 0
    claim = size * np.where(missed > 0, missed, 1.0)
    # ⌊c·claim + ½⌋ reaches n + 1 where 1/c falls to claim / (n + ½), so the total goes to the highest of these.
    highest = np.lexsort((label, -claim[label] / (nth + 0.5), missed[label] == 0))
    return np.bincount(label[highest[:total]], minlength=len(size))

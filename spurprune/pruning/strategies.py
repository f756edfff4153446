"""Pruning strategies: which training samples are candidates, and how many of which candidates go.

Rounding rule: of n candidates, a sparsity s prunes ⌊s·n + ½⌋ (half up), computed in decimals so that "0.10" means one tenth exactly.
Strategies that prune by class or group apply the rule in each class or group. Ties were broken by seed when the ranks were made, so
the ranks of a repeat are a strict order.
"""

import math
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.plan import Plan


def pruned_count(candidates: int, sparsity: str) -> int:
    """Return how many of ``candidates`` samples a sparsity (a decimal's text) prunes: ⌊s·n + ½⌋."""
    return int((Decimal(sparsity) * candidates).to_integral_value(ROUND_HALF_UP))


def candidates_of(strategy: str, label: np.ndarray, attribute: np.ndarray, aligned: np.ndarray, source_label: int) -> np.ndarray:
    """Return which training samples a strategy may prune, bool [N].

    ``carriers``: the source class's samples with the feature (Sec. 4 of the paper). ``per_group``, ``per_group_equal``: the samples of
    the groups whose feature goes with their class (Sec. 6.2). All others: every sample.
    """
    match strategy:
        case "none":
            return np.zeros(len(label), dtype=bool)
        case "carriers":
            return (label == source_label) & (attribute == 1)
        case "per_group" | "per_group_equal":
            return aligned == 1
        case _:
            return np.ones(len(label), dtype=bool)


def prune(plan: Plan, label: np.ndarray, group: np.ndarray, candidates: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return which training samples a plan prunes, bool [N].

    ``rank`` is the overall difficulty rank [N], 0 = easiest (for ``random``, a random order). Raises PlanError if the plan asks for
    what the groups cannot give.
    """
    pruned = np.zeros(len(label), dtype=bool)
    if plan.strategy == "none":
        return pruned
    assert plan.sparsity is not None
    first = -rank if plan.order != "easiest" else rank  # ascending: the first go first
    for members in _strata(plan, label, group, candidates):
        count = pruned_count(len(members), plan.sparsity)
        pruned[_foremost(members, first, count)] = True
    if plan.strategy == "per_group_equal":
        pruned = _equal_classes(plan.sparsity, label, candidates, first)
    return pruned


def _strata(plan: Plan, label: np.ndarray, group: np.ndarray, candidates: np.ndarray) -> list[np.ndarray]:
    """Return the positions of the candidates, divided into the strata that share the sparsity."""
    positions = np.flatnonzero(candidates)
    match plan.strategy:
        case "global" | "carriers":
            return [positions]
        case "per_class" | "random":
            by = label
        case "per_group":
            by = group
        case _:
            return []
    value = by[positions]
    order = np.argsort(value, kind="stable")  # one pass for short integers, however many strata there are
    starts = np.flatnonzero(np.diff(value[order])) + 1
    return np.split(positions[order], starts)


def _foremost(members: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    """Return the ``count`` of ``members`` (positions, ascending) that stand first in ``order``, equals by position; without sorting."""
    if count in (0, len(members)):
        return members[:count]
    value = order[members]
    last = np.partition(value, count - 1)[count - 1]
    chosen = value < last
    chosen[np.flatnonzero(value == last)[: count - int(chosen.sum())]] = True
    return members[chosen]


def _equal_classes(sparsity: str, label: np.ndarray, candidates: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Prune within the candidates so that all classes that have some end equal in size (Waterbirds, Sec. 6.2).

    The common final size is the largest that prunes at least the sparsity's share of all candidates; hence the count may exceed
    ⌊s·n + ½⌋ by less than the number of classes. Raises PlanError if a class has too few candidates to come down to that size.
    """
    classes = np.unique(label[candidates])
    sizes = {int(c): int((label == c).sum()) for c in classes}
    available = {c: int((candidates & (label == c)).sum()) for c in sizes}
    wanted = pruned_count(int(candidates.sum()), sparsity)
    size = min(sizes.values(), default=0)
    _require_candidates(sizes, available, size, sparsity)
    least = sum(n - size for n in sizes.values())
    if wanted < least:
        total = int(candidates.sum())
        raise PlanError(
            f"classes cannot end equal at sparsity {sparsity}: that takes at least {least} of {total} candidates, "
            f"a sparsity of {math.ceil(least / total * 10_000) / 10_000} or more."
        )
    if sizes:
        size = min(size, (sum(sizes.values()) - wanted) // len(sizes))
        _require_candidates(sizes, available, size, sparsity)
    pruned = np.zeros(len(label), dtype=bool)
    for c, n in sizes.items():
        members = np.flatnonzero(candidates & (label == c))
        pruned[_foremost(members, first, n - size)] = True
    return pruned


def _require_candidates(sizes: dict[int, int], available: dict[int, int], size: int, sparsity: str) -> None:
    """Raise PlanError naming a class that has too few candidates to come down to a size."""
    for c, n in sizes.items():
        if n - size > available[c]:
            raise PlanError(
                f"classes cannot end equal at sparsity {sparsity}: class {c} would lose {n - size} samples, "
                f"but only {available[c]} are candidates."
            )

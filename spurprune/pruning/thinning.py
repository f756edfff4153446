"""Pruning a share of the candidates from one end of the ranking, which most strategies do.

Rounding rule: of n candidates, a sparsity s prunes ⌊s·n + ½⌋ (half up), computed in decimals so that "0.10" means exactly one tenth.
Strategies that prune by class or group apply the rule to each of them. A repeat's ranks are a strict order: ties were broken when the
ranks were made.
"""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from spurprune.pruning.weights import Request, Weights


def pruned_count(candidates: int, sparsity: str) -> int:
    """Return how many of ``candidates`` samples a sparsity (a decimal as text) prunes: ⌊s·n + ½⌋."""
    return int((Decimal(sparsity) * candidates).to_integral_value(ROUND_HALF_UP))


def thin(request: Request, candidates: np.ndarray, *, by: np.ndarray | None = None, first: np.ndarray | None = None) -> Weights:
    """Prune the plan's sparsity of the candidates (bool [N]), within each value of ``by`` (int [N]) if given.

    Samples are pruned in ascending order of ``first`` (int [N]), by default the plan's order of difficulty.
    """
    assert request.plan.sparsity is not None
    first = by_difficulty(request) if first is None else first
    pruned = np.zeros(len(candidates), dtype=bool)
    positions = np.flatnonzero(candidates)
    for members in [positions] if by is None else strata(positions, by):
        pruned[foremost(members, first, pruned_count(len(members), request.plan.sparsity))] = True
    return without(pruned, candidates)


def without(pruned: np.ndarray, candidates: np.ndarray) -> Weights:
    """Return weights that leave out the ``pruned`` samples; both arguments bool [N]."""
    return Weights((~pruned).astype(np.float64), candidates)


def by_difficulty(request: Request) -> np.ndarray:
    """Return numbers, int32 [N], whose ascending order is the plan's order of pruning by difficulty."""
    assert request.rank is not None
    return request.rank if request.plan.order == "easiest" else -request.rank


def strata(positions: np.ndarray, by: np.ndarray) -> list[np.ndarray]:
    """Return ``positions`` split by their values of ``by``, each part ascending, in the order of the values."""
    value = by[positions]
    order = np.argsort(value, kind="stable")  # a radix sort for short integers, so fast for any number of strata
    starts = np.flatnonzero(np.diff(value[order])) + 1
    return np.split(positions[order], starts)


def foremost(members: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    """Return the ``count`` members (positions, ascending) that are lowest in ``order``, ties broken by position; without sorting."""
    if count in (0, len(members)):
        return members[:count]
    value = order[members]
    last = np.partition(value, count - 1)[count - 1]
    chosen = value < last
    chosen[np.flatnonzero(value == last)[: count - int(chosen.sum())]] = True
    return members[chosen]

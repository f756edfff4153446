"""Pruning a share of the candidates from one end of the ranking, which most strategies do.

Rounding rule: of n candidates, a sparsity s prunes ⌊s·n + ½⌋ (half up), computed in decimals so that "0.10" means one tenth exactly.
Strategies that prune by class or group apply the rule in each class or group. Ties were broken by seed when the ranks were made, so
the ranks of a repeat are a strict order.
"""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from spurprune.pruning.weights import Request, Weights


def pruned_count(candidates: int, sparsity: str) -> int:
    """Return how many of ``candidates`` samples a sparsity (a decimal's text) prunes: ⌊s·n + ½⌋."""
    return int((Decimal(sparsity) * candidates).to_integral_value(ROUND_HALF_UP))


def thin(request: Request, candidates: np.ndarray, *, by: np.ndarray | None = None, first: np.ndarray | None = None) -> Weights:
    """Prune the plan's sparsity of the candidates, bool [N]; with ``by``, int [N], that share within each of its values.

    The samples lowest in ``first``, int [N], are pruned first; by default, the plan's order of difficulty.
    """
    assert request.plan.sparsity is not None
    first = by_difficulty(request) if first is None else first
    pruned = np.zeros(len(candidates), dtype=bool)
    positions = np.flatnonzero(candidates)
    for members in [positions] if by is None else strata(positions, by):
        pruned[foremost(members, first, pruned_count(len(members), request.plan.sparsity))] = True
    return without(pruned, candidates)


def without(pruned: np.ndarray, candidates: np.ndarray) -> Weights:
    """Return the weights that leave out the pruned samples, both bool [N]."""
    return Weights((~pruned).astype(np.float64), candidates)


def by_difficulty(request: Request) -> np.ndarray:
    """Return the plan's order of difficulty, int32 [N]: ascending, the first to be pruned first."""
    assert request.rank is not None
    return request.rank if request.plan.order == "easiest" else -request.rank


def strata(positions: np.ndarray, by: np.ndarray) -> list[np.ndarray]:
    """Return ``positions`` divided by the value of ``by`` there, each ascending, in the order of the values."""
    value = by[positions]
    order = np.argsort(value, kind="stable")  # one pass for short integers, however many strata there are
    starts = np.flatnonzero(np.diff(value[order])) + 1
    return np.split(positions[order], starts)


def foremost(members: np.ndarray, order: np.ndarray, count: int) -> np.ndarray:
    """Return the ``count`` of ``members`` (positions, ascending) that come first in ``order``, ties by position; without sorting."""
    if count in (0, len(members)):
        return members[:count]
    value = order[members]
    last = np.partition(value, count - 1)[count - 1]
    chosen = value < last
    chosen[np.flatnonzero(value == last)[: count - int(chosen.sum())]] = True
    return members[chosen]

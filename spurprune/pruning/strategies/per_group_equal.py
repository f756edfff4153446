"""Pruning aligned samples until the classes are equal in size (Waterbirds, Sec. 6.2 of the paper)."""

import math

import numpy as np

from spurprune.errors import PlanError
from spurprune.pruning.candidates import aligned
from spurprune.pruning.thinning import by_difficulty, foremost, pruned_count, without
from spurprune.pruning.weights import Request, Weights

FIELDS = ("score", "order", "sparsity")
NEEDS = ("aligned",)  # what a setting must have
USES_GROUPS = True
CANDIDATES = "the aligned samples"


def weigh(request: Request) -> Weights:
    """Prune aligned samples so that all classes that have some end up equal in size.

    The common size is the largest that prunes at least the sparsity's share of all candidates, so the count may exceed ⌊s·n + ½⌋ by less
    than the number of classes. Raises PlanError if no sample is aligned, or if a class has too few aligned samples to be reduced to that
    size.
    """
    sparsity, label, candidates = request.plan.sparsity, request.label, aligned(request)
    assert sparsity is not None
    first = by_difficulty(request)
    sizes = {int(c): int((label == c).sum()) for c in np.unique(label[candidates])}
    available = {c: int((candidates & (label == c)).sum()) for c in sizes}
    size = _final_size(sizes, available, sparsity)
    pruned = np.zeros(len(label), dtype=bool)
    for c, n in sizes.items():
        pruned[foremost(np.flatnonzero(candidates & (label == c)), first, n - size)] = True
    return without(pruned, candidates)


def _final_size(sizes: dict[int, int], available: dict[int, int], sparsity: str) -> int:
    """Return the common final size, from each class's size and number of candidates; raises PlanError if there is none."""
    total = sum(available.values())
    wanted = pruned_count(total, sparsity)
    smallest = min(sizes.values())
    _require_candidates(sizes, available, smallest, sparsity)
    least = sum(n - smallest for n in sizes.values())
    if wanted < least:
        raise PlanError(
            f"classes cannot become equal at sparsity {sparsity}: that takes at least {least} of {total} candidates, "
            f"a sparsity of {math.ceil(least / total * 10_000) / 10_000} or more."
        )
    size = min(smallest, (sum(sizes.values()) - wanted) // len(sizes))
    _require_candidates(sizes, available, size, sparsity)
    return size


def _require_candidates(sizes: dict[int, int], available: dict[int, int], size: int, sparsity: str) -> None:
    """Raise PlanError naming a class that has too few candidates to be reduced to ``size``."""
    for c, n in sizes.items():
        if n - size > available[c]:
            raise PlanError(
                f"classes cannot become equal at sparsity {sparsity}: class {c} would lose {n - size} samples, "
                f"but only {available[c]} are candidates."
            )

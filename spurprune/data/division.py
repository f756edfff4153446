"""Random stratified splits."""

from collections.abc import Sequence

import numpy as np


def stratified_split(y: np.ndarray, counts: dict[str, int], rng: np.random.Generator) -> np.ndarray:
    """Return split codes int8 [N] (positions in ``counts``) with exactly the given sizes, stratified by class.

    Shares are rounded by largest remainder, within classes first, so that split and class sizes are both exact. Raises ValueError if
    ``counts`` do not add up to the number of samples.
    """
    sizes = np.array(list(counts.values()))
    if sizes.sum() != len(y):
        raise ValueError(f"the splits hold {sizes.sum()} samples in total, the data {len(y)}")
    classes, class_sizes = np.unique(y, return_counts=True)
    quota = np.outer(class_sizes, sizes / len(y))
    table = np.floor(quota).astype(int)
    # The remainder goes to the cells that lost most by rounding down, within the totals of rows and columns.
    for row, column in sorted(np.ndindex(*quota.shape), key=lambda cell: (table[cell] - quota[cell], cell)):
        if table[row].sum() < class_sizes[row] and table[:, column].sum() < sizes[column]:
            table[row, column] += 1
    for row in range(len(classes)):
        while table[row].sum() < class_sizes[row]:
            table[row, int(np.argmax(sizes - table.sum(axis=0)))] += 1
    split = np.empty(len(y), dtype=np.int8)
    for row, label in enumerate(classes):
        members = rng.permutation(np.flatnonzero(y == label))
        split[members] = np.repeat(np.arange(len(sizes)), table[row])
    return split


def grouped_split(y: np.ndarray, unit: np.ndarray, shares: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Return split codes int8 [N] (positions in ``shares``) that keep the samples of every unit together, stratified as that allows.

    ``y`` and ``unit`` are whole numbers from 0, [N]; ``shares`` add up to 1, and a share of 0 gets nothing. The units go, largest first
    and those of one size in random order, each to the split where the sum of (found − wanted)² / wanted over splits and classes grows
    least. (With one class and units of one size that is the apportionment of Webster; a split then exceeds its share by less than a
    unit.) The rule is ours; scikit-learn's StratifiedGroupKFold, which goes by the standard deviation of shares, needs equal folds.
    """
    counts = np.bincount(y)
    used = np.flatnonzero(np.asarray(shares) > 0)
    wanted = np.outer(np.asarray(shares)[used], counts)
    found = np.zeros_like(wanted)
    order = np.lexsort((y, unit))
    cells, sizes = np.unique(np.stack([unit[order], y[order]]), axis=1, return_counts=True)
    starts = np.flatnonzero(np.diff(cells[0], prepend=-1))
    units = [(cells[1, part], sizes[part]) for part in map(slice, starts, [*starts[1:], cells.shape[1]])]
    totals = np.add.reduceat(sizes, starts)
    chosen = np.empty(len(units), dtype=np.int8)
    shuffled = rng.permutation(len(units))
    for one in shuffled[np.argsort(-totals[shuffled], kind="stable")]:
        of_class, size = units[one]
        growth = (size * (size + 2 * (found[:, of_class] - wanted[:, of_class])) / wanted[:, of_class]).sum(axis=1)
        best = int(np.argmin(growth))
        found[best, of_class] += size
        chosen[one] = used[best]
    return chosen[np.unique(unit, return_inverse=True)[1]]

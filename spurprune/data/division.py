"""Samples divided into splits at random, every class in proportion."""

import numpy as np


def stratified_split(y: np.ndarray, counts: dict[str, int], rng: np.random.Generator) -> np.ndarray:
    """Return split codes [N] (positions in ``counts``) with exactly the given sizes, every class divided in proportion.

    Shares are rounded by largest remainder, within the class first, so that both the split sizes and the class sizes come out exactly.
    """
    sizes = np.array(list(counts.values()))
    if sizes.sum() != len(y):
        raise ValueError(f"the splits hold {sizes.sum()} samples together, the data {len(y)}")
    classes, class_sizes = np.unique(y, return_counts=True)
    quota = np.outer(class_sizes, sizes / len(y))
    table = np.floor(quota).astype(int)
    # Give what is left to the cells that lost most by rounding down, never beyond a row's or a column's total.
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

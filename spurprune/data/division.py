"""Random stratified splits."""

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

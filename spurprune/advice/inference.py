"""Groups of samples that no partition covers, inferred from those of training samples by a network's features.

A partition holds training samples. A held-out sample is taken for one of the part, among those of its own class, whose mean is nearest to
it in the features; for k-means clusters of features within classes that is the assignment of k-means itself.
"""

import numpy as np

UNKNOWN = -1


def nearest_parts(features: np.ndarray, label: np.ndarray, part: np.ndarray, of: np.ndarray, of_label: np.ndarray) -> np.ndarray:
    """Return the part of each held-out sample, int32 [M]: UNKNOWN for a class without training samples.

    ``features`` float [N, D], ``label`` and ``part`` int [N] are of training samples, ``of`` float [M, D] and ``of_label`` int [M] of the
    others. Of parts that are equally near, the lower number counts.
    """
    found = np.full(len(of), UNKNOWN, dtype=np.int32)
    for value in np.unique(of_label).tolist():
        members, mine = np.flatnonzero(of_label == value), label == value
        numbers = np.unique(part[mine])
        if not len(numbers):
            continue
        means = np.stack([features[mine & (part == number)].mean(axis=0, dtype=np.float64) for number in numbers])
        points = of[members].astype(np.float64)
        # squared distances but for the points' own length, which all parts share
        distances = (means**2).sum(axis=1) - 2 * points @ means.T
        found[members] = numbers[distances.argmin(axis=1)]
    return found

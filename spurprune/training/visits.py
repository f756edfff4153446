"""How a plan's weights become the rows that an epoch visits."""

import numpy as np

from spurprune.errors import TrainingError

EXACT, DRAWN = "exact", "drawn"
NAMED_AT_MOST = 3  # weights that a message names


def count(weight: np.ndarray, visits: str) -> int:
    """Return how many rows an epoch visits: the sum of the weights [N], rounded if visits are drawn.

    Raises TrainingError if a weight is negative, not finite or, with exact visits, fractional, or if nothing is left to visit.
    """
    if visits not in (EXACT, DRAWN):
        raise ValueError(f"visits are '{EXACT}' or '{DRAWN}', not '{visits}'")
    unfit = ~np.isfinite(weight) | (weight < 0)
    if unfit.any():
        raise TrainingError(f"{_some(weight, unfit)}, but weights must be finite numbers >= 0; correct the plan.")
    fractional = weight != np.floor(weight)
    if visits == EXACT and fractional.any():
        raise TrainingError(
            f"{_some(weight, fractional)}, but exact visits need whole numbers; let the plan draw its visits or give whole weights."
        )
    total = round(float(weight.sum()))
    if total == 0:
        raise TrainingError("The plan leaves no training sample to visit; lower its sparsity.")
    return total


def epoch_rows(weight: np.ndarray, visits: str, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of one epoch in random order, int64, from the weights [N].

    ``exact``: a sample of weight k is visited k times per epoch. ``drawn``: round(sum of weights) rows are drawn with replacement, with
    probabilities proportional to the weights, so that a weight is the expected number of visits. Raises TrainingError as ``count`` does.
    """
    total = count(weight, visits)
    if visits == EXACT:
        return rng.permutation(np.repeat(np.arange(len(weight)), weight.astype(np.int64)))
    return rng.choice(len(weight), size=total, replace=True, p=weight / weight.sum())


def _some(weight: np.ndarray, which: np.ndarray) -> str:
    """Return the beginning of a message, such as "The plan's weights of 7 training samples are 0.5, 1.5 and others"."""
    values = np.unique(weight[which])
    named = ", ".join(f"{value:g}" for value in values[:NAMED_AT_MOST]) + (" and others" if len(values) > NAMED_AT_MOST else "")
    if which.sum() == 1:
        return f"The plan's weight of one training sample is {named}"
    return f"The plan's weights of {which.sum()} training samples are {named}"

"""How a plan's weights become the rows that an epoch visits, and these batches."""

import numpy as np

from spurprune.errors import TrainingError

EXACT, DRAWN = "exact", "drawn"
NAMED_AT_MOST = 3  # weights that a message names
MOST = 1 << 27  # visits of an epoch, which takes 8 bytes for each


def count(weight: np.ndarray, visits: str) -> int:
    """Return how many rows an epoch visits: the sum of the weights [N], rounded if visits are drawn.

    Raises TrainingError if a weight is negative, not finite or, with exact visits, fractional, if nothing is left to visit, or if there are
    more than MOST visits.
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
    with np.errstate(over="ignore"):
        total = float(weight.sum())
    if total > MOST:
        raise TrainingError(
            f"The plan asks for {total:.3g} visits an epoch, since its largest weight is {weight.max():g}, but at most {MOST:,} fit into "
            "memory; lower its weights."
        )
    total = round(total)
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


def batches(rows: np.ndarray, *, batch_size: int, least: int) -> list[np.ndarray]:
    """Return an epoch's rows in batches of ``batch_size``, of which the last may be smaller.

    A last batch of fewer than ``least`` rows is joined to the one before.
    """
    starts = [batch_size * i for i in range(num_batches(len(rows), batch_size=batch_size, least=least))]
    return [rows[start:stop] for start, stop in zip(starts, [*starts[1:], len(rows)], strict=False)]  # no start, no batch


def num_batches(total: int, *, batch_size: int, least: int) -> int:
    """Return how many batches ``batches`` makes of ``total`` rows."""
    full, rest = divmod(total, batch_size)
    return full + (rest > 0 and (rest >= least or not full))


def _some(weight: np.ndarray, which: np.ndarray) -> str:
    """Return the beginning of a message, such as "The plan's weights of 7 training samples are 0.5, 1.5 and others"."""
    values = np.unique(weight[which])
    named = ", ".join(f"{value:g}" for value in values[:NAMED_AT_MOST]) + (" and others" if len(values) > NAMED_AT_MOST else "")
    if which.sum() == 1:
        return f"The plan's weight of one training sample is {named}"
    return f"The plan's weights of {which.sum()} training samples are {named}"

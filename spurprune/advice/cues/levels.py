"""Known attributes of any number of values, as a number: how often samples with a value are of a class."""

from collections.abc import Sequence

import numpy as np

LEAST_SAMPLES = 5  # with a value, for its share to count
SHOWN = 3  # values that are named
LONGEST = 40  # characters of one


def shares(codes: np.ndarray, is_class: np.ndarray, count: int) -> np.ndarray:
    """Return for each of ``count`` values the share of samples with it that are of a class, float64 [count].

    ``codes`` int [N] are positions among the values, negative where unknown; ``is_class`` is bool [N]. NaN for values of too few samples.
    """
    known = codes >= 0
    n = np.bincount(codes[known], minlength=count)
    of_class = np.bincount(codes[known], weights=is_class[known], minlength=count)
    found: np.ndarray = np.where(n >= LEAST_SAMPLES, of_class / np.maximum(n, 1), np.nan)
    return found


def of_samples(codes: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return every sample's value's share, float64 [N], NaN where either is unknown."""
    found: np.ndarray = np.where(codes >= 0, share[np.maximum(codes, 0)], np.nan)
    return found


def lift(share: np.ndarray, of_all: float) -> float:
    """Return how far the highest share lies above that of all samples; −1 if none is known."""
    known = share[np.isfinite(share)]
    return float(known.max()) - of_all if len(known) else -1.0


def named(name: str, values: Sequence[str], share: np.ndarray) -> str:
    """Return an attribute with those of its values whose shares lie in the upper half of their range, the highest first."""
    known = np.flatnonzero(np.isfinite(share)).tolist()
    middle = (share[known].min() + share[known].max()) / 2
    leading = sorted((place for place in known if share[place] > middle), key=lambda place: -share[place])
    more = f" and {len(leading) - SHOWN} more" if len(leading) > SHOWN else ""
    return f"{name} = {', '.join(values[place][:LONGEST] for place in leading[:SHOWN])}{more}"

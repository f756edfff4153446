"""Which properties are cues: classes differ in them, and the network follows them among samples of one class.

The rule, ours, is fixed before anything is measured. For every property and class, on samples that are apart from each other,

1. training samples of the class have higher, or lower, values than others: the two-sided Mann-Whitney test,
2. among validation samples of one class, the network gives the class higher odds where the property is so: the one-sided t-test of the
   correlation of ranks within classes,
3. the larger of the two p-values, corrected by Benjamini and Hochberg (1995) for the number of properties and classes, is at most 0.05, and
4. from one end of the property to the other, the odds at least double: the odds ratio of Mantel and Haenszel (1959) of the ends within
   classes. Ends are the lowest and the highest fifth or, where values are few, the lowest and the highest value. A difference of
   probabilities would miss a cue that never misleads: where all who carry it are of the class, all are close to 1.

A property can be a cue of a class though it belongs to it: these are hints.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

SIGNIFICANT = 0.05
LEAST_FOLD = 2.0
LEAST_SAMPLES = 10  # of the class and of others, and at each end; else the property is not tested
FIFTH = 0.2
LEAST = 1e-12  # of what is divided by


@dataclass(frozen=True)
class Property:
    """A property of samples: its values of some training and some validation samples, float64 [T] and [V], NaN where unknown.

    ``of`` is the class that it was made for, None if it was made for none. With ``is_named_high``, its name says what higher values mean.
    """

    name: str
    train: np.ndarray
    held: np.ndarray
    of: int | None = None
    is_named_high: bool = False


@dataclass(frozen=True)
class Seen:
    """The samples: labels of training and validation samples, int [T] and [V], and the probability of each class for the latter [V, C]."""

    train: np.ndarray
    held: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class Cue:
    """A property tested for a class: ``is_higher`` says whether values of the class are higher.

    ``pairs`` is the share of pairs of a training sample of the class and another in which the former's value is higher (lower, if not
    ``is_higher``); ``fold`` says how many times as high the odds of the class are at this end as at the other, within classes. ``p`` is the
    larger of the two, ``q`` the corrected one.
    """

    name: str
    of: int
    is_higher: bool
    is_named_high: bool
    pairs: float
    fold: float
    p: float
    q: float

    @property
    def is_found(self) -> bool:
        """Whether it meets the rule."""
        return self.q <= SIGNIFICANT and self.fold >= LEAST_FOLD


def judge(properties: Iterable[Property], seen: Seen) -> list[Cue]:
    """Return all properties that could be tested, for every class, the most decisive first.

    Of two classes only the one whose values are higher is tested, since the other's are lower by the same test.
    """
    num_classes = seen.probability.shape[1]
    every = list(range(num_classes)) if num_classes > 2 else [num_classes - 1]
    tested = [_tested(one, of, seen) for one in properties for of in (every if one.of is None else [one.of])]
    found = [one for one in tested if one is not None]
    return sorted(_corrected(found), key=lambda one: (one.q, -one.fold, one.name, one.of))


def _corrected(found: Sequence[Cue]) -> list[Cue]:
    if not found:
        return []
    from scipy import stats  # imported here, since it takes most of a second

    q = stats.false_discovery_control([one.p for one in found], method="bh")
    return [replace(one, q=float(value)) for one, value in zip(found, q, strict=True)]


def _tested(one: Property, of: int, seen: Seen) -> Cue | None:
    pairs, p_pairs = association(one.train, seen.train == of)
    if math.isnan(pairs):
        return None
    higher = pairs >= 0.5
    if one.of is not None:  # made to be higher
        higher, p_pairs = True, p_pairs if higher else 1.0
    elif not higher and seen.probability.shape[1] == 2:
        of, higher, pairs = 1 - of, True, 1 - pairs
    value = one.held if higher else -one.held
    p_followed = following(value, seen.probability[:, of], seen.held)
    fold = odds_ratio(value, seen.probability[:, of], seen.held)
    if math.isnan(p_followed) or math.isnan(fold):
        return None
    p = max(p_pairs, p_followed)
    return Cue(one.name, of, higher, one.is_named_high, pairs if higher else 1 - pairs, fold, p, p)


def association(value: np.ndarray, is_class: np.ndarray) -> tuple[float, float]:
    """Return (share of pairs in which a sample of the class has the higher value, ties counting half; p of the Mann-Whitney test).

    ``value`` is float [N], NaN where unknown, ``is_class`` bool [N]. Both are NaN with fewer than LEAST_SAMPLES on either side or if all
    values are equal.
    """
    known = np.isfinite(value)
    mine, others = value[known & is_class], value[known & ~is_class]
    if min(len(mine), len(others)) < LEAST_SAMPLES or np.ptp(value[known]) == 0:
        return math.nan, math.nan
    from scipy import stats

    found = stats.mannwhitneyu(mine, others, method="asymptotic")
    return float(found.statistic / (len(mine) * len(others))), float(found.pvalue)


def following(value: np.ndarray, probability: np.ndarray, label: np.ndarray) -> float:
    """Return the p-value that probabilities rise with values among samples of one class, all float or int [N].

    The ranks within each class, centred and over the class's size, are correlated over all classes; one degree of freedom is lost per
    class. NaN if nothing varies.
    """
    from scipy import stats

    known = np.isfinite(value)
    a, b = (_centred_ranks(one[known], label[known]) for one in (value, probability))
    freedom = int(known.sum()) - len(np.unique(label[known])) - 1
    size = math.sqrt(float(a @ a) * float(b @ b))
    if size == 0 or freedom < 1:
        return math.nan
    r = min(max(float(a @ b) / size, -1.0), 1.0)
    t = math.copysign(math.inf, r) if abs(r) >= 1 else r * math.sqrt(freedom / (1 - r * r))
    return float(stats.t.sf(t, freedom))


def _centred_ranks(value: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return ranks within each class, centred, over the class's size; equal values share their mean rank."""
    import pandas as pd

    groups = pd.Series(value).groupby(label)
    n = groups.transform("size").to_numpy()
    found: np.ndarray = (groups.rank().to_numpy() - (n + 1) / 2) / n
    return found


def odds_ratio(value: np.ndarray, probability: np.ndarray, label: np.ndarray) -> float:
    """Return the odds at the high end of a property over those at the low end, within classes; arrays are as in ``following``.

    Probabilities count as shares of samples. NaN if fewer than LEAST_SAMPLES of classes that have samples at both ends are at one.
    """
    known = np.isfinite(value)
    if not known.any():
        return math.nan
    low_edge, high_edge = np.quantile(value[known], [FIFTH, 1 - FIFTH])
    high = value > high_edge if (value > high_edge).any() else value >= high_edge
    low = value < low_edge if (value < low_edge).any() else value <= low_edge
    ends = [known & end & ~other for end, other in ((low, high), (high, low))]
    place = np.unique(label, return_inverse=True)[1]
    classes = int(place.max()) + 1
    n = np.stack([np.bincount(place[end], minlength=classes) for end in ends])
    of_class = np.stack([np.bincount(place[end], weights=probability[end], minlength=classes) for end in ends])
    both = n.min(axis=0) > 0
    numbers, total, others = n[:, both].sum(axis=1), n[:, both].sum(axis=0), (n - of_class)[:, both]
    rising = float((of_class[1, both] * others[0] / total).sum())
    falling = float((others[1] * of_class[0, both] / total).sum())
    return math.nan if numbers.min() < LEAST_SAMPLES else rising / max(falling, LEAST)

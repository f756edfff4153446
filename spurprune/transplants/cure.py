"""The cure test: is a region on which a network relies a shortcut that pruning the hardest suspects removes?

The rule, ours, is fixed before anything is measured. For every region that some samples are suspected by, in the repeats in which they are,
the *reliance* is the mean share of test recipients that the region of its suspects turns into their class. It is measured with runs on all
training samples, without the hardest share of the suspects, and without as many random ones. A region is a shortcut if

1. it is suspected in at least half of the repeats, and in two at least,
2. reliance on all samples is at least 5% on average,
3. reliance is lower without the hardest suspects: a paired one-sided t-test over repeats, corrected by Holm for the number of regions
   that meet the first two conditions, with p at most 0.05,
4. it then is at most half, or it is lower than without the random suspects by the same test without correction, and
5. accuracy stays: the one-sided 95% interval of its loss over all repeats lies below two percentage points.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SEEN = 0.5
LEAST_REPEATS = 2
LEAST_RELIANCE = 0.05
SIGNIFICANT = 0.05
HALF = 0.5
MARGIN = 0.02

ByRepeat = Mapping[int, float]


@dataclass(frozen=True)
class Measured:
    """Reliance on a region of a source class by repeat: on all samples, without the hardest suspects, and without as many random ones."""

    source: str
    region: str
    before: ByRepeat
    hardest: ByRepeat
    random: ByRepeat


@dataclass(frozen=True)
class Verdict:
    """What the cure test says of a region.

    ``repeats`` are those in which it is suspected; ``before``, ``hardest`` and ``random`` the means of its reliance over these; ``p`` that
    of the fall, corrected; ``p_random`` that of the further fall than at random; ``loss`` the upper bound of the loss of accuracy.
    ``failed`` numbers the first condition that is not met, 0 if it is a shortcut.
    """

    source: str
    region: str
    repeats: int
    of: int
    before: float
    hardest: float
    random: float
    p: float
    p_random: float
    loss: float
    failed: int

    @property
    def is_shortcut(self) -> bool:
        """Whether all conditions are met."""
        return self.failed == 0

    @property
    def is_seldom(self) -> bool:
        """Whether the region is suspected in too few repeats, the first condition."""
        return self.failed == 1

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        where = f"{self.region} of class {self.source}"
        numbers = (
            f"it turns {self.before:.0%} of the test samples of other classes into this one, {self.hardest:.0%} once the hardest suspects "
            f"are pruned, {self.random:.0%} with as many random ones"
        )
        if self.is_shortcut:
            return f"A shortcut: {where}; {numbers}, and accuracy stays."
        why = (
            "",
            f"it is suspected in {self.repeats} of {self.of} repeats only",
            f"little depends on it: {numbers}",
            f"pruning does not cure it: {numbers} (p = {self.p:.2f})",
            f"the hardest suspects do not teach it more than random ones: {numbers}",
            f"accuracy may fall by {100 * self.loss:.1f} percentage points: {numbers}",
        )[self.failed]
        return f"No shortcut: {where}; {why}."


def judge(regions: Sequence[Measured], accuracy: ByRepeat, without: ByRepeat, repeats: int) -> list[Verdict]:
    """Return a verdict for every region, in their order.

    ``accuracy`` is that on all samples, ``without`` that without the hardest suspects, by repeat; there are ``repeats`` of them.
    """
    eligible = [_is_eligible(one, repeats) for one in regions]
    corrected_p = iter(holm([_p(one.before, one.hardest) for one, tested in zip(regions, eligible, strict=True) if tested]))
    p = [next(corrected_p) if tested else 1.0 for tested in eligible]
    loss = upper_bound(np.array([accuracy[repeat] - without[repeat] for repeat in sorted(accuracy.keys() & without.keys())]))
    found = []
    for one, corrected in zip(regions, p, strict=True):
        shared = sorted(one.before.keys() & one.hardest.keys() & one.random.keys())
        before, hardest, random = (float(np.mean([by[repeat] for repeat in shared])) for by in (one.before, one.hardest, one.random))
        p_random = _p(one.random, one.hardest)
        conditions = (
            len(shared) >= max(LEAST_REPEATS, SEEN * repeats),
            before >= LEAST_RELIANCE,
            corrected <= SIGNIFICANT,
            hardest <= HALF * before or p_random <= SIGNIFICANT,
            loss < MARGIN,
        )
        failed = next((number for number, met in enumerate(conditions, start=1) if not met), 0)
        found.append(Verdict(one.source, one.region, len(shared), repeats, before, hardest, random, corrected, p_random, loss, failed))
    return found


def _is_eligible(one: Measured, repeats: int) -> bool:
    """Return whether a region meets the first two conditions, which do not look at what pruning does."""
    shared = sorted(one.before.keys() & one.hardest.keys() & one.random.keys())
    enough = len(shared) >= max(LEAST_REPEATS, SEEN * repeats)
    return enough and float(np.mean([one.before[repeat] for repeat in shared])) >= LEAST_RELIANCE


def one_sided(differences: np.ndarray) -> float:
    """Return the p-value of a t-test that the mean difference, of [N], is above 0; 1 for fewer than two, or if all are equal."""
    if len(differences) < 2 or np.ptp(differences) <= 1e-12:
        return 1.0
    from scipy import stats  # imported here, since it takes most of a second

    return float(stats.ttest_1samp(differences, 0, alternative="greater").pvalue)


def upper_bound(values: np.ndarray) -> float:
    """Return the upper bound of the one-sided 95% Student interval of the mean of values [N]; infinite for fewer than two."""
    n = len(values)
    if n < 2:
        return math.inf
    from scipy import stats

    return float(values.mean() + stats.t.ppf(1 - SIGNIFICANT, n - 1) * values.std(ddof=1) / math.sqrt(n))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's method (1979), in their order."""
    corrected, highest = [1.0] * len(p), 0.0
    for rank, position in enumerate(sorted(range(len(p)), key=lambda position: p[position])):
        highest = max(highest, min(1.0, p[position] * (len(p) - rank)))
        corrected[position] = highest
    return corrected


def _p(higher: ByRepeat, lower: ByRepeat) -> float:
    return one_sided(np.array([higher[repeat] - lower[repeat] for repeat in sorted(higher.keys() & lower.keys())]))

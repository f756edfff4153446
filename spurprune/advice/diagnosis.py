"""The diagnosis: how stable the ranking is, whether difficulty tells suspects apart, what is out of balance, which labels look wrong."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from spurprune.evaluation.statistics import rank_correlation, top_overlap

HARDEST = 0.1  # the share of samples whose overlap between rankings is shown, and among which labels are suspected (ours)
QUARTILES = 4
LEAST_EXPECTED = 5.0  # carriers in a quartile, below which the chi-square test is not made (Cochran 1954)
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Agreement:
    """How far rankings agree: the means, over all pairs, of Spearman's correlation and of the share of the hardest tenth in common."""

    pairs: int
    correlation: float
    overlap: float


def agreement(rankings: Sequence[np.ndarray]) -> Agreement:
    """Return how far scores of the same samples, float [N] each, agree; NaN with fewer than two."""
    found = [(rank_correlation(a, b), top_overlap(a, b, HARDEST)) for a, b in combinations(rankings, 2)]
    if not found:
        return Agreement(0, math.nan, math.nan)
    correlation, overlap = (float(np.mean(column)) for column in zip(*found, strict=True))
    return Agreement(len(found), correlation, overlap)


def pooled(found: Sequence[Agreement]) -> Agreement:
    """Return the agreement over all pairs of several."""
    known = [one for one in found if one.pairs]
    if not known:
        return Agreement(0, math.nan, math.nan)
    pairs = sum(one.pairs for one in known)
    return Agreement(
        pairs, sum(one.pairs * one.correlation for one in known) / pairs, sum(one.pairs * one.overlap for one in known) / pairs
    )


@dataclass(frozen=True)
class Spread:
    """How some samples of a class spread over the quartiles of its difficulty, the easiest first.

    ``p`` is that of a chi-square test against the quartiles' sizes; NaN with too few samples. ``is_identifiable`` says whether difficulty
    tells them from others of the class: the paper's identifiable setting (Sec. 6) if they gather among the easiest or the hardest.
    """

    what: str
    label: str
    counts: tuple[int, ...]
    p: float

    @property
    def is_identifiable(self) -> bool:
        """Whether the spread differs from a uniform one."""
        return self.p <= SIGNIFICANT


def spread(what: str, label: str, members: np.ndarray, rank: np.ndarray) -> Spread:
    """Return how ``members`` (bool [N]) of a class spread over its quartiles; ``rank`` int [N] is 0 for the easiest of its N samples."""
    n = len(rank)
    quartile = QUARTILES * rank.astype(np.int64) // n
    counts = np.bincount(quartile[members], minlength=QUARTILES)
    expected = members.sum() * np.bincount(quartile, minlength=QUARTILES) / n
    if members.sum() in (0, n) or expected.min() < LEAST_EXPECTED:
        return Spread(what, label, tuple(counts.tolist()), math.nan)
    from scipy import stats  # imported here, since it takes most of a second

    return Spread(what, label, tuple(counts.tolist()), float(stats.chisquare(counts, expected).pvalue))


@dataclass(frozen=True)
class Balance:
    """The sizes of some parts by name, those without samples left out."""

    what: str
    sizes: Mapping[str, int]

    @property
    def ratio(self) -> float:
        """The size of the largest part over that of the smallest."""
        return max(self.sizes.values()) / min(self.sizes.values()) if self.sizes else math.nan


def mislabelled(rank: np.ndarray, size: np.ndarray, predicted: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return which samples may have a wrong label, bool [N]: of the hardest tenth of their class, all networks see one other class in them.

    ``rank`` int [N] is that in the class, ``size`` int [N] the class's; ``predicted`` int [networks, N] are labels predicted for training
    samples by networks that are trained on them.
    """
    hardest = rank >= size - np.maximum(1, np.round(HARDEST * size))
    agreed = (predicted == predicted[0]).all(axis=0) & (predicted[0] != label)
    found: np.ndarray = hardest & agreed
    return found


@dataclass(frozen=True)
class Diagnosis:
    """All findings; ``mislabelled_suspects`` of the ``mislabelled`` samples are suspected to carry a cue, too."""

    seeds: Agreement
    repeats: Agreement
    spreads: Sequence[Spread]
    balances: Sequence[Balance]
    mislabelled: int
    mislabelled_suspects: int
    suspects: int

    def to_plain(self) -> dict[str, object]:
        """Return the findings as JSON values, null where a number is unknown."""
        return {
            "stability": {
                name: {"pairs": one.pairs, "spearman": _number(one.correlation), f"overlap_of_hardest_{HARDEST}": _number(one.overlap)}
                for name, one in (("between_seeds", self.seeds), ("between_repeats", self.repeats))
            },
            "identifiability": [
                {
                    "what": one.what,
                    "class": one.label,
                    "by_quartile": list(one.counts),
                    "p": _number(one.p),
                    "identifiable": None if math.isnan(one.p) else one.is_identifiable,
                }
                for one in self.spreads
            ],
            "balance": [{"what": one.what, "sizes": dict(one.sizes), "ratio": _number(one.ratio)} for one in self.balances],
            "mislabelled": {"candidates": self.mislabelled, "also_suspected": self.mislabelled_suspects, "suspects": self.suspects},
        }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def sentences(found: Diagnosis) -> list[str]:
    """Return the findings in words."""
    lines = []
    for what, one in (("reference seeds", found.seeds), ("repeats", found.repeats)):
        if one.pairs:
            lines.append(
                f"Between {what}, rankings correlate by {one.correlation:.2f} (Spearman), and share {one.overlap:.0%} of their hardest "
                f"{HARDEST:.0%} ({HARDEST:.0%} by chance)."
            )
    for spread_ in found.spreads:
        by_quartile = ", ".join(str(count) for count in spread_.counts)
        if math.isnan(spread_.p):
            verdict = "too few for a test against uniformity"
        elif spread_.is_identifiable:
            verdict = f"not uniform, p = {spread_.p:.2g}: difficulty tells them apart"
        else:
            verdict = f"no different from uniform, p = {spread_.p:.2g}: difficulty does not tell them apart"
        lines.append(f"{spread_.what} of class {spread_.label}, by quartile of difficulty from the easiest: {by_quartile} ({verdict}).")
    lines += [f"The largest of the {one.what} is {one.ratio:.1f} times as large as the smallest." for one in found.balances]
    return [
        *lines,
        f"{found.mislabelled:,} of the hardest samples may have a wrong label: all reference runs see one other class in them. They are "
        "not the carriers of a cue, whose labels are right: of the "
        f"{found.suspects:,} suspects, {found.mislabelled_suspects:,} are among them. Look at them before you drop or relabel any.",
    ]

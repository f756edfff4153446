"""Rankings by difficulty, as tables compare them: the scores of reference runs by repeat, and how far pairs of them agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spurprune.errors import DataError
from spurprune.evaluation.statistics import Estimate, estimate, rank_correlation, top_overlap
from spurprune.tables.report import Scored

CORRELATION = (-1.0, 1.0)  # the bounds of a rank correlation
TOP_SHARE = 0.10  # the share of hardest samples whose overlap is reported

Pairs = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class RepeatScores:
    """One repeat's values of one score: ``sample_id`` int64 [N], ascending; ``mean`` float64 [N]; ``seeds`` float64 [S, N]."""

    sample_id: np.ndarray
    mean: np.ndarray
    seeds: np.ndarray


@dataclass(frozen=True)
class Scores:
    """One setting's values of one score, by repeat; ``shared`` if all repeats have the same reference runs."""

    by_repeat: Mapping[int, RepeatScores]
    shared: bool


@dataclass(frozen=True)
class Agreement:
    """The agreement of rankings over repeats; ``pairs`` is the number of pairs of rankings in each repeat."""

    pairs: int
    rank_correlation: Estimate
    top_overlap: Estimate


def scores_of(sources: Sequence[Scored], setting: str, score: str) -> Scores:
    """Return one setting's values of one score in all blocks; raises DataError if there are none."""
    mine = [source for source in sources if source.setting == setting and source.notes["score"] == score]
    if not mine:
        raise DataError(f"There is no difficulty of '{setting}' by '{score}'; rerun the workflow to make it.")
    by_repeat = {}
    for frame in (source.table.to_pandas() for source in mine):
        seeds = [name for name in frame.columns if name.startswith("seed_")]
        for repeat, rows in frame.sort_values("sample_id").groupby("repeat"):
            sample_id, mean, *per_seed = (rows[name].to_numpy() for name in ("sample_id", "score", *seeds))
            by_repeat[int(repeat)] = RepeatScores(sample_id, mean, np.stack(per_seed))
    return Scores(by_repeat, shared=all(source.notes["shared_reference"] for source in mine))


def observed(*scores: Scores) -> list[int]:
    """Return the repeats that count as separate observations: those that all scores have, only one if all scores are shared."""
    repeats = sorted(set.intersection(*(set(one.by_repeat) for one in scores)))
    return repeats[:1] if all(one.shared for one in scores) else repeats


def agreement(compared: Sequence[Pairs]) -> Agreement:
    """Return the agreement of pairs of scores, listed by repeat: the mean over a repeat's pairs, then the estimate over repeats.

    A pair with a constant score has no rank correlation and is left out of the mean.
    """
    correlations = [estimate(np.array([rank_correlation(a, b) for a, b in pairs])).mean for pairs in compared]
    overlaps = [estimate(np.array([top_overlap(a, b, TOP_SHARE) for a, b in pairs])).mean for pairs in compared]
    return Agreement(len(compared[0]), estimate(np.array(correlations)), estimate(np.array(overlaps)))

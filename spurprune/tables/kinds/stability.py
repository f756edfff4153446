"""Stability: how much rankings by difficulty depend on the reference runs and on the score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from spurprune.errors import DataError
from spurprune.evaluation.statistics import Estimate, estimate, rank_correlation, top_overlap
from spurprune.figures.kind import NAMES, Item, Kind, Study, nothing
from spurprune.tables.report import NOT_KNOWN, SHARE, Report, Scored, Section, Sources, cuts, interval, lone_means


def scores_of(item: Item, study: Study) -> list[str]:
    """Return the scores that the table compares."""
    return list(item["scores"])


KIND = Kind(
    "How well rankings by difficulty agree between reference runs and between scores.",
    reads=("difficulty",),
    required={"settings": NAMES, "scores": NAMES},
    plans=nothing,
    scores=scores_of,
)
CORRELATION = (-1.0, 1.0)  # the bounds of a rank correlation
TOP_SHARE = 0.10  # the share of hardest samples whose overlap is reported
INTRODUCTION = (
    "How stable the ranking of training samples by difficulty is; mean ± half of the 95% confidence interval over repeats. Between "
    "reference runs: two rankings, each by the mean score of k reference runs that the other does not use. Overlap: the share of the "
    "hardest 10% of samples that the two rankings have in common, 0.10 by chance. Between scores, each averaged over all its reference "
    "runs: Spearman's rank correlation above the diagonal, the overlap of the hardest 10% below."
)


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


@dataclass(frozen=True)
class StabilityRow:
    """The agreement of two rankings of a setting's training samples.

    ``comparison`` is "seeds" (two disjoint sets of ``seeds_averaged`` reference runs of one score) or "scores" (two scores).
    """

    setting: str
    comparison: str
    score: str
    other_score: str | None
    seeds_averaged: int | None
    pairs: int
    rank_correlation: Estimate
    top_overlap: Estimate


def report(sources: Sources, options: Mapping[str, Any]) -> Report:
    """Return the report on the stability of the options' ``scores`` in each of their ``settings``.

    Repeats that share their reference runs count as one observation. Raises DataError if a setting's difficulty is missing.
    """
    rows: list[StabilityRow] = []
    sections: list[Section] = []
    for setting in options["settings"]:
        scores = {score: _scores(sources.difficulty, setting, score) for score in options["scores"]}
        own = {score: seed_agreement(of_score) for score, of_score in scores.items()}
        mutual = {(a, b): score_agreement(scores[a], scores[b]) for a, b in combinations(scores, 2)}
        rows += [_row(setting, "seeds", score, None, k, found) for score, by_k in own.items() for k, found in by_k.items()]
        rows += [_row(setting, "scores", a, b, None, found) for (a, b), found in mutual.items()]
        sections += _sections(setting, own, mutual)
    correlations, overlaps = ([getattr(row, name) for row in rows] for name in ("rank_correlation", "top_overlap"))
    notes = [
        *lone_means([*correlations, *overlaps]),
        *cuts(correlations, CORRELATION, "rank correlations are cut at −1 and 1"),
        *cuts(overlaps, SHARE, "overlaps are cut at 0 and 1"),
    ]
    return Report(rows, INTRODUCTION, sections, notes)


def seed_agreement(scores: Scores) -> dict[int, Agreement]:
    """Return the agreement of means over k reference seeds with means over k others, for k = 1, …, half the number of seeds."""
    repeats = [scores.by_repeat[repeat] for repeat in _observed(scores)]
    count = min(len(one.seeds) for one in repeats)
    result = {}
    for k in range(1, count // 2 + 1):
        pairs = disjoint_pairs(count, k)
        result[k] = _agreement([[(one.seeds[a].mean(axis=0), one.seeds[b].mean(axis=0)) for a, b in pairs] for one in repeats])
    return result


def score_agreement(a: Scores, b: Scores) -> Agreement:
    """Return the agreement of two scores, each averaged over all its reference seeds; raises DataError if their samples differ."""
    compared = []
    for repeat in _observed(a, b):
        first, second = a.by_repeat[repeat], b.by_repeat[repeat]
        if not np.array_equal(first.sample_id, second.sample_id):
            raise DataError(f"Two scores of repeat {repeat} are of different samples; delete the setting's difficulty files and rerun.")
        compared.append([(first.mean, second.mean)])
    return _agreement(compared)


def disjoint_pairs(seeds: int, k: int) -> list[tuple[list[int], list[int]]]:
    """Return pairs of disjoint sets of k out of ``seeds`` reference seeds; all pairs for k = 1.

    For larger k there are too many: with the seeds arranged in a circle, each k neighbours are paired with the next k, so that every seed
    is used equally often. Raises ValueError if there are fewer than 2k seeds.
    """
    if 2 * k > seeds:
        raise ValueError(f"{seeds} seeds do not contain two disjoint sets of {k}")
    if k == 1:
        return [([a], [b]) for a, b in combinations(range(seeds), 2)]
    starts = k if 2 * k == seeds else seeds  # with two halves, the second half of the circle would repeat every pair
    return [([(start + i) % seeds for i in range(k)], [(start + k + i) % seeds for i in range(k)]) for start in range(starts)]


def _agreement(compared: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]]) -> Agreement:
    """Return the agreement of pairs of scores, listed by repeat: the mean over a repeat's pairs, then the estimate over repeats.

    A pair with a constant score has no rank correlation and is left out of the mean.
    """
    correlations = [estimate(np.array([rank_correlation(a, b) for a, b in pairs])).mean for pairs in compared]
    overlaps = [estimate(np.array([top_overlap(a, b, TOP_SHARE) for a, b in pairs])).mean for pairs in compared]
    return Agreement(len(compared[0]), estimate(np.array(correlations)), estimate(np.array(overlaps)))


def _observed(*scores: Scores) -> list[int]:
    """Return the repeats that count as separate observations: those that all scores have, only one if all scores are shared."""
    repeats = sorted(set.intersection(*(set(one.by_repeat) for one in scores)))
    return repeats[:1] if all(one.shared for one in scores) else repeats


def _scores(sources: Sequence[Scored], setting: str, score: str) -> Scores:
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


def _row(setting: str, comparison: str, score: str, other: str | None, k: int | None, found: Agreement) -> StabilityRow:
    return StabilityRow(setting, comparison, score, other, k, found.pairs, found.rank_correlation, found.top_overlap)


def _sections(setting: str, own: Mapping[str, Mapping[int, Agreement]], mutual: Mapping[tuple[str, str], Agreement]) -> list[Section]:
    counts = range(1, max(len(by_k) for by_k in own.values()) + 1)
    header = ["Score", *(f"k = {k}" for k in counts)]
    correlations = [[score, *(_correlation(by_k.get(k)) for k in counts)] for score, by_k in own.items()]
    overlaps = [[score, *(_overlap(by_k.get(k)) for k in counts)] for score, by_k in own.items()]
    matrix = [[a, *(_correlation(mutual[a, b]) if (a, b) in mutual else _overlap(mutual.get((b, a))) for b in own)] for a in own]
    sections = [
        Section(f"{setting}: rank correlation between reference runs", header, correlations),
        Section(f"{setting}: overlap of the hardest 10% between reference runs", header, overlaps),
    ]
    between_scores = Section(f"{setting}: agreement between scores", ["Score", *own], matrix)
    return [*(sections if counts else []), *([between_scores] if mutual else [])]


def _correlation(found: Agreement | None) -> str:
    return NOT_KNOWN if found is None else interval(found.rank_correlation, bounds=CORRELATION)


def _overlap(found: Agreement | None) -> str:
    return NOT_KNOWN if found is None else interval(found.top_overlap, bounds=SHARE)

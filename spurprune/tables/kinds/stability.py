"""Stability: how much rankings by difficulty depend on the reference runs and on the score."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from spurprune.errors import DataError
from spurprune.evaluation.statistics import Estimate
from spurprune.figures.kind import NAMES, Item, Kind, Study, nothing
from spurprune.tables.rankings import CORRELATION, Agreement, Scores, agreement, observed, scores_of
from spurprune.tables.report import NOT_KNOWN, SHARE, Report, Section, Sources, interval, logit_scale, lone_means, shown_score


def _asked(item: Item, study: Study) -> list[str]:
    """Return the scores that the table compares."""
    return list(item["scores"])


KIND = Kind(
    "How well rankings by difficulty agree between reference runs and between scores.",
    reads=("difficulty",),
    required={"settings": NAMES, "scores": NAMES},
    plans=nothing,
    scores=_asked,
)
INTRODUCTION = (
    "How stable the ranking of training samples by difficulty is; mean ± half of the 95% confidence interval over repeats. Between "
    "reference runs: two rankings, each by the mean score of k reference runs that the other does not use. Overlap: the share of the "
    "hardest 10% of samples that the two rankings have in common, 0.10 by chance. Between scores, each averaged over all its reference "
    "runs: Spearman's rank correlation above the diagonal, the overlap of the hardest 10% below."
)


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
        scores = {score: scores_of(sources.difficulty, setting, score) for score in options["scores"]}
        own = {score: seed_agreement(of_score) for score, of_score in scores.items()}
        mutual = {(a, b): score_agreement(scores[a], scores[b]) for a, b in combinations(scores, 2)}
        rows += [_row(setting, "seeds", score, None, k, found) for score, by_k in own.items() for k, found in by_k.items()]
        rows += [_row(setting, "scores", a, b, None, found) for (a, b), found in mutual.items()]
        sections += _sections(setting, own, mutual)
    correlations, overlaps = ([getattr(row, name) for row in rows] for name in ("rank_correlation", "top_overlap"))
    notes = [
        *lone_means([*correlations, *overlaps]),
        *logit_scale(correlations, CORRELATION, "rank correlations that would leave −1 to 1"),
        *logit_scale(overlaps, SHARE, "overlaps that would leave 0 to 1"),
    ]
    return Report(rows, INTRODUCTION, sections, notes)


def seed_agreement(scores: Scores) -> dict[int, Agreement]:
    """Return the agreement of means over k reference seeds with means over k others, for k = 1, …, half the number of seeds."""
    repeats = [scores.by_repeat[repeat] for repeat in observed(scores)]
    count = min(len(one.seeds) for one in repeats)
    result = {}
    for k in range(1, count // 2 + 1):
        pairs = disjoint_pairs(count, k)
        result[k] = agreement([[(one.seeds[a].mean(axis=0), one.seeds[b].mean(axis=0)) for a, b in pairs] for one in repeats])
    return result


def score_agreement(a: Scores, b: Scores) -> Agreement:
    """Return the agreement of two scores, each averaged over all its reference seeds; raises DataError if their samples differ."""
    compared = []
    for repeat in observed(a, b):
        first, second = a.by_repeat[repeat], b.by_repeat[repeat]
        if not np.array_equal(first.sample_id, second.sample_id):
            raise DataError(f"Two scores of repeat {repeat} are of different samples; delete the setting's difficulty files and rerun.")
        compared.append([(first.mean, second.mean)])
    return agreement(compared)


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


def _row(setting: str, comparison: str, score: str, other: str | None, k: int | None, found: Agreement) -> StabilityRow:
    return StabilityRow(setting, comparison, score, other, k, found.pairs, found.rank_correlation, found.top_overlap)


def _sections(setting: str, own: Mapping[str, Mapping[int, Agreement]], mutual: Mapping[tuple[str, str], Agreement]) -> list[Section]:
    counts = range(1, max(len(by_k) for by_k in own.values()) + 1)
    header = ["Score", *(f"k = {k}" for k in counts)]
    correlations = [[shown_score(score), *(_correlation(by_k.get(k)) for k in counts)] for score, by_k in own.items()]
    overlaps = [[shown_score(score), *(_overlap(by_k.get(k)) for k in counts)] for score, by_k in own.items()]
    matrix = [
        [shown_score(a), *(_correlation(mutual[a, b]) if (a, b) in mutual else _overlap(mutual.get((b, a))) for b in own)] for a in own
    ]
    sections = [
        Section(f"{setting}: rank correlation between reference runs", header, correlations),
        Section(f"{setting}: overlap of the hardest 10% between reference runs", header, overlaps),
    ]
    between_scores = Section(f"{setting}: agreement between scores", ["Score", *map(shown_score, own)], matrix)
    return [*(sections if counts else []), *([between_scores] if mutual else [])]


def _correlation(found: Agreement | None) -> str:
    return NOT_KNOWN if found is None else interval(found.rank_correlation, bounds=CORRELATION)


def _overlap(found: Agreement | None) -> str:
    return NOT_KNOWN if found is None else interval(found.top_overlap, bounds=SHARE)

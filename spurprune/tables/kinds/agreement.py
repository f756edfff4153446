"""Agreement: how far settings agree on the ranking of their samples by difficulty, beside the reference runs of one setting."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, permutations
from typing import Any

import numpy as np

from spurprune.config.known import require_known
from spurprune.errors import ConfigError, DataError
from spurprune.evaluation.statistics import Estimate
from spurprune.figures.kind import NAMES, TEXT, Configuration, Item, Kind, Study, nothing, own_score
from spurprune.tables.rankings import CORRELATION, Agreement, Scores, agreement, observed, scores_of
from spurprune.tables.report import SHARE, Report, Section, Sources, interval, logit_scale, lone_means, shown_score

SAMPLES = ("dataset", "image_size", "validation", "subset")  # what decides which samples a setting has
LEAST_SEEDS = 2


def _check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError unless two settings or more have the same samples, and the score two reference runs per repeat in each."""
    first, *others = item["settings"]
    if not others:
        raise ConfigError(f"{key}.settings names '{first}' alone, but the table compares settings; name another.")
    for setting in item["settings"]:
        require_known(item["score"], config.settings[setting]["difficulty"], f"{key}.score: '{item['score']}'", f"score of '{setting}'")
        unlike = next((name for name in SAMPLES if config.settings[setting][name] != config.settings[first][name]), None)
        if unlike is not None:
            raise ConfigError(f"{key}: '{setting}' has other samples than '{first}', whose {unlike} differs; name settings of the same.")
        recipe = config.settings[setting]["difficulty"][item["score"]]["reference"]
        if recipe is None or config.settings[setting]["reference"][recipe]["seeds"] < LEAST_SEEDS:
            what = "has no reference runs" if recipe is None else f"has one reference run per repeat in '{setting}'"
            raise ConfigError(f"{key}: the score '{item['score']}' {what}, but the table compares those of different seeds; give it two.")


KIND = Kind(
    "How well settings agree on the ranking of their samples by difficulty, beside the reference runs of one setting.",
    reads=("difficulty",),
    required={"settings": NAMES, "score": TEXT},
    plans=nothing,
    scores=own_score,
    check=_check,
)
INTRODUCTION = (
    "How far rankings of the same training samples by {score} agree; mean ± half of the 95% confidence interval over repeats. Always two "
    "single reference runs of different seeds are compared: on the diagonal of one setting, which is the noise of seeds, elsewhere of two. "
    "What is lower there than on the diagonal is the settings' own difference. Overlap: the share of the hardest 10% of samples that two "
    "rankings have in common, 0.10 by chance."
)


@dataclass(frozen=True)
class AgreementRow:
    """The agreement of two settings' rankings, or of one setting's own; ``pairs`` is the number of pairs of reference runs per repeat."""

    setting: str
    other_setting: str
    score: str
    pairs: int
    rank_correlation: Estimate
    top_overlap: Estimate


def report(sources: Sources, options: Mapping[str, Any]) -> Report:
    """Return the report on the agreement of the options' ``settings`` in their ``score``.

    Raises DataError if a setting's difficulty is missing or of other samples.
    """
    score = options["score"]
    scores = {setting: scores_of(sources.difficulty, setting, score) for setting in options["settings"]}
    found = {(a, b): _between(scores[a], scores[b], a == b) for a, b in combinations_with_replacement(scores, 2)}
    rows = [AgreementRow(a, b, score, one.pairs, one.rank_correlation, one.top_overlap) for (a, b), one in found.items()]
    correlations, overlaps = ([getattr(row, name) for row in rows] for name in ("rank_correlation", "top_overlap"))
    sections = [
        _matrix("Rank correlation", scores, {pair: interval(one.rank_correlation, bounds=CORRELATION) for pair, one in found.items()}),
        _matrix("Overlap of the hardest 10%", scores, {pair: interval(one.top_overlap, bounds=SHARE) for pair, one in found.items()}),
    ]
    notes = [
        *lone_means([*correlations, *overlaps]),
        *logit_scale(correlations, CORRELATION, "rank correlations that would leave −1 to 1"),
        *logit_scale(overlaps, SHARE, "overlaps that would leave 0 to 1"),
    ]
    return Report(rows, INTRODUCTION.format(score=shown_score(score)), sections, notes)


def _between(a: Scores, b: Scores, is_one: bool) -> Agreement:
    """Return the agreement of single reference runs of different seeds, of two settings or of one with itself."""
    compared = []
    for repeat in observed(a, b):
        first, second = a.by_repeat[repeat], b.by_repeat[repeat]
        if not np.array_equal(first.sample_id, second.sample_id):
            raise DataError(f"Two settings have different samples in repeat {repeat}; delete their difficulty files and rerun.")
        count = min(len(first.seeds), len(second.seeds))
        pairs = combinations(range(count), 2) if is_one else permutations(range(count), 2)
        compared.append([(first.seeds[i], second.seeds[j]) for i, j in pairs])
    return agreement(compared)


def _matrix(heading: str, settings: Mapping[str, Scores], cells: Mapping[tuple[str, str], str]) -> Section:
    """Return a symmetric table of the settings."""
    rows = [[a, *(cells[(a, b) if (a, b) in cells else (b, a)] for b in settings)] for a in settings]
    return Section(heading, ["Setting", *settings], rows)

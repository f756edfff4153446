"""The stability table, on scores whose agreement is worked out by hand."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.errors import DataError
from spurprune.evaluation.frame import Metrics
from spurprune.evaluation.statistics import top_overlap
from spurprune.storage import schemas, tables
from spurprune.tables.kinds import stability
from spurprune.tables.report import Report, Scored, Sources

# Ten samples: the identity, one with its two hardest swapped, and the reverse. Spearman's ρ = 1 − 6 Σd² / (n (n² − 1)), n = 10.
UP = np.arange(10.0)
SWAPPED = np.array([0, 1, 2, 3, 4, 5, 6, 7, 9, 8.0])
DOWN = UP[::-1].copy()
RHO_SWAPPED = 1 - 6 * 2 / 990


def source(setting: str, score: str, by_repeat: dict[int, list[np.ndarray]], shared: bool = False) -> Scored:
    parts = []
    for repeat, seeds in by_repeat.items():
        n = len(seeds[0])
        order = np.random.default_rng(repeat).permutation(n)  # rows may come in any order
        columns: dict[str, Any] = {
            "repeat": np.full(n, repeat, dtype=np.int16),
            "sample_id": order.astype(np.int64),
            "label": np.zeros(n, dtype=np.int16),
            "score": np.mean(seeds, axis=0)[order],
            "rank": np.arange(n, dtype=np.int32),
            "rank_in_class": np.arange(n, dtype=np.int32),
        }
        parts.append(pa.table(columns | {f"seed_{k}": values[order] for k, values in enumerate(seeds)}))
    return Scored(
        tables.conform(pa.concat_tables(parts), schemas.DIFFICULTY, "here"), setting, {"score": score, "shared_reference": shared}
    )


def options(*scores: str, settings: tuple[str, ...] = ("s",)) -> dict[str, Any]:
    return {"kind": "stability", "title": "T", "settings": list(settings), "scores": list(scores)}


def report(found: list[Scored], asked: dict[str, Any]) -> Report:
    return stability.report(Sources(Metrics.none(), found), asked)


def rows_of(report: Report, comparison: str) -> list[stability.StabilityRow]:
    return [row for row in report.rows if row.comparison == comparison]


def test_single_seeds_are_compared_in_all_pairs() -> None:
    made = report([source("s", "el2n", {0: [UP, SWAPPED, DOWN]})], options("el2n"))
    (row,) = rows_of(made, "seeds")
    assert (row.setting, row.score, row.seeds_averaged, row.pairs) == ("s", "el2n", 1, 3)
    # UP–SWAPPED, UP–DOWN, SWAPPED–DOWN; the hardest one of ten samples is never the same.
    assert row.rank_correlation.mean == pytest.approx((RHO_SWAPPED - 1 - RHO_SWAPPED) / 3)
    assert row.top_overlap.mean == 0


def test_means_of_several_seeds_agree_more_than_single_ones() -> None:
    noise = np.random.default_rng(0).normal(size=(8, 200))
    seeds = list(np.arange(200) / 50 + noise)
    made = report([source("s", "el2n", {0: seeds})], options("el2n"))
    rows = rows_of(made, "seeds")
    assert [(row.seeds_averaged, row.pairs) for row in rows] == [(1, 28), (2, 8), (3, 8), (4, 4)]
    correlations = [row.rank_correlation.mean for row in rows]
    assert correlations == sorted(correlations) and correlations[0] < 0.7 < correlations[-1]


def test_the_means_of_neighbours_in_the_circle_are_ranked() -> None:
    made = report([source("s", "el2n", {0: [UP, UP, DOWN, DOWN]})], options("el2n"))
    two = rows_of(made, "seeds")[1]
    # UP, UP against DOWN, DOWN; and UP, DOWN against DOWN, UP: means without any order, which have no rank correlation.
    assert stability.disjoint_pairs(4, 2) == [([0, 1], [2, 3]), ([1, 2], [3, 0])]
    assert (two.seeds_averaged, two.pairs) == (2, 2)
    assert two.rank_correlation.mean == pytest.approx(-1)
    assert two.top_overlap.mean == pytest.approx((0 + 0.1) / 2)


def test_estimates_are_over_repeats_of_all_blocks() -> None:
    blocks = [source("s", "el2n", {0: [UP, UP], 1: [UP, DOWN]}), source("s", "el2n", {2: [UP, UP], 3: [UP, DOWN]})]
    (row,) = rows_of(report(blocks, options("el2n")), "seeds")
    assert row.rank_correlation.n == 4 and row.rank_correlation.mean == pytest.approx(0)
    # sd of (1, −1, 1, −1) is √(4/3), its standard error √(1/3), Student's t of three degrees of freedom 3.182446.
    assert row.rank_correlation.high == pytest.approx(3.182446305 * np.sqrt(1 / 3))


def test_repeats_with_the_same_reference_runs_are_one_observation() -> None:
    shared = source("s", "el2n", {0: [UP, SWAPPED], 1: [UP, SWAPPED]}, shared=True)
    other = source("s", "random", {0: [UP], 1: [DOWN]})
    made = report([shared, other], options("el2n", "random"))
    assert [row.rank_correlation.n for row in made.rows] == [1, 2]


def test_scores_are_compared_by_their_means() -> None:
    found = [source("s", "el2n", {0: [UP, UP]}), source("s", "aum", {0: [SWAPPED]}), source("s", "loss", {0: [DOWN]})]
    made = report(found, options("el2n", "aum", "loss"))
    rows = rows_of(made, "scores")
    assert [(row.score, row.other_score) for row in rows] == [("el2n", "aum"), ("el2n", "loss"), ("aum", "loss")]
    assert [row.rank_correlation.mean for row in rows] == pytest.approx([RHO_SWAPPED, -1, -RHO_SWAPPED])
    assert [row.top_overlap.mean for row in rows] == [0, 0, 0]
    matrix = made.sections[-1]
    assert matrix.header == ["Score", "el2n", "aum", "loss"]
    assert matrix.rows == [["el2n", "–", "0.99", "−1.00"], ["aum", "0.00", "–", "−0.99"], ["loss", "0.00", "0.00", "–"]]


def test_settings_and_scores_keep_the_configured_order() -> None:
    found = [source(setting, score, {0: [UP, UP]}) for setting in ("a", "b") for score in ("aum", "el2n")]
    made = report(found, options("el2n", "aum", settings=("b", "a")))
    assert [(row.setting, row.score) for row in rows_of(made, "seeds")] == [("b", "el2n"), ("b", "aum"), ("a", "el2n"), ("a", "aum")]


def test_a_score_of_one_seed_has_no_agreement_between_seeds() -> None:
    made = report([source("s", "random", {0: [UP]}), source("s", "el2n", {0: [UP, UP]})], options("random", "el2n"))
    assert [row.score for row in rows_of(made, "seeds")] == ["el2n"]
    assert made.sections[0].rows == [["random", "–"], ["el2n", "1.00"]]


def test_missing_difficulty_is_named(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="'s' by 'aum'") as error:
        report([source("s", "el2n", {0: [UP, UP]})], options("aum"))
    assert_one_sentence(str(error.value))


def test_scores_of_different_samples_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    found = [source("s", "el2n", {0: [UP]}), source("s", "aum", {0: [np.arange(11.0)]})]
    with pytest.raises(DataError, match="repeat 0 are of different samples") as error:
        report(found, options("el2n", "aum"))
    assert_one_sentence(str(error.value))


@given(st.integers(2, 12), st.data())
def test_pairs_are_disjoint_distinct_and_use_every_seed_equally(seeds: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, seeds // 2))
    pairs = stability.disjoint_pairs(seeds, k)
    assert all(len(set(a)) == len(set(b)) == k and not set(a) & set(b) for a, b in pairs)
    assert len({frozenset([frozenset(a), frozenset(b)]) for a, b in pairs}) == len(pairs)
    uses = np.bincount(list(chain.from_iterable(a + b for a, b in pairs)), minlength=seeds)
    assert len(uses) == seeds and len(set(uses.tolist())) == 1


def test_too_few_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="5 seeds do not contain two disjoint sets of 3"):
        stability.disjoint_pairs(5, 3)


def test_ties_at_the_threshold_count_with_their_probability() -> None:
    # The hardest two of four: the 9 in both; then one of three zeros in each, the same one with a chance of one third.
    tied = np.array([9.0, 0, 0, 0])
    assert top_overlap(tied, tied, 0.5) == pytest.approx((1 + 1 / 3) / 2)
    # Nothing but ties: each of ten samples is among two with a chance of a fifth.
    assert top_overlap(np.zeros(10), np.zeros(10), 0.2) == pytest.approx(0.2)
    assert top_overlap(np.zeros(10), UP, 0.2) == pytest.approx(0.2)

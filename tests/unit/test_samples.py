"""Samples of a setting: groups, alignment, carriers, hold-out, invariants."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data import samples as sampling
from spurprune.data.grouping import WITHOUT_WITH, Attribute, Grouping
from spurprune.data.samples import Samples
from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance
from spurprune.storage.words import SPLITS

LABEL = np.array([0, 0, 1, 1, 2, 2], dtype=np.int16)
CODES = {"line": np.array([0, 1, 0, 1, 1, -1], dtype=np.int16)}
GROUPING = Grouping(("cat", "dog", "cow"), (Attribute.of("line", WITHOUT_WITH),))
WITH, WITHOUT = {"line": 1}, {"line": 0}
ONE = Samples(
    repeat=3,
    sample_id=np.array([10, 11, 12, 13, 14, 15]),
    split=np.array(["train", "test", "train", "validation", "train", "test"]),
    label=LABEL,
    attributes=CODES,
    carrier=sampling.has(CODES, WITH, 6),
    aligned=sampling.alignment(LABEL, CODES, {0: WITH, 2: WITH}),
    group=GROUPING.numbers(LABEL, CODES),
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_sample_has_what_is_wanted_if_every_attribute_has_its_value() -> None:
    codes = {"line": np.array([1, 1, 0, -1, 1]), "hospital": np.array([2, 1, 2, 2, -1])}
    assert sampling.has(codes, {"line": 1}, 5).tolist() == [1, 1, 0, -1, 1]
    assert sampling.has(codes, {"line": 1, "hospital": 2}, 5).tolist() == [1, 0, 0, -1, -1]
    assert sampling.has(codes, {}, 5).tolist() == [1] * 5


def test_alignment_is_known_only_where_a_class_is_tied_and_the_attribute_known() -> None:
    assert sampling.alignment(LABEL, CODES, {0: WITH, 2: WITH}).tolist() == [0, 1, -1, -1, 1, -1]
    assert sampling.alignment(LABEL, CODES, {0: WITHOUT, 1: WITH}).tolist() == [1, 0, 0, 1, -1, -1]
    assert sampling.alignment(LABEL, CODES, {}).tolist() == [-1] * 6


def test_carriers_are_chosen_by_their_difficulty() -> None:
    candidates = np.array([4, 7, 8, 20, 31])
    rank = np.array([50, 10, 40, 20, 30])  # from easiest: 7, 20, 31, 8, 4
    chosen = {
        "easiest": sampling.choose_carriers("easiest", candidates, 2, rng(), rank, 0),
        "hardest": sampling.choose_carriers("hardest", candidates, 2, rng(), rank, 0),
        "window": sampling.choose_carriers("window", candidates, 2, rng(), rank, 1),
        "last window": sampling.choose_carriers("window", candidates, 2, rng(), rank, 3),
        "all": sampling.choose_carriers("hardest", candidates, 5, rng(), rank, 0),
        "none": sampling.choose_carriers("easiest", candidates, 0, rng(), rank, 0),
    }
    assert {name: positions.tolist() for name, positions in chosen.items()} == {
        "easiest": [7, 20],
        "hardest": [4, 8],
        "window": [20, 31],
        "last window": [4, 8],
        "all": [4, 7, 8, 20, 31],
        "none": [],
    }


@given(st.integers(0, 30), st.integers(0, 1000))
def test_random_carriers_are_distinct_candidates(count: int, seed: int) -> None:
    candidates = np.arange(100, 160, 2)
    chosen = sampling.choose_carriers("random", candidates, count, np.random.default_rng(seed), None, 0)
    assert len(set(chosen.tolist())) == count
    assert set(chosen.tolist()) <= set(candidates.tolist())
    assert chosen.tolist() == sorted(chosen.tolist())


def test_random_carriers_are_drawn_evenly() -> None:
    generator = rng()
    drawn = Counter(np.concatenate([sampling.choose_carriers("random", np.arange(5), 2, generator, None, 0) for _ in range(2000)]).tolist())
    assert all(abs(drawn[position] / 2000 - 2 / 5) < 0.05 for position in range(5))


@pytest.mark.parametrize(("choose", "count", "start"), [("random", 6, 0), ("hardest", 6, 0), ("easiest", 6, 0), ("window", 3, 3)])
def test_too_few_candidates_are_an_error(choose: str, count: int, start: int, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="6 samples of the source class are needed, but its training split has only 5") as error:
        sampling.choose_carriers(choose, np.arange(5), count, rng(), np.arange(5), start)
    assert_one_sentence(str(error.value))


def test_a_choice_by_difficulty_needs_ranks() -> None:
    with pytest.raises(ValueError, match="ranks"):
        sampling.choose_carriers("window", np.arange(5), 2, rng(), None, 0)


@given(st.sampled_from([0.1, 0.25, 0.5]), st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 9))
def test_hold_out_moves_a_share_of_every_class(share: float, sizes: list[int], official: int) -> None:
    label = np.repeat(np.arange(len(sizes)), sizes)
    split = np.full(len(label), "train", dtype=object)
    split[::7] = "test"
    split[1::7][:official] = "validation"
    result = sampling.hold_out(label, split, share)
    assert np.array_equal(result == "test", split == "test")
    for value in range(len(sizes)):
        free = (label == value) & (split != "test")
        assert int((result[free] == "validation").sum()) == round(share * int(free.sum()))
    assert np.array_equal(result, sampling.hold_out(label, split, share))


def provenance() -> Provenance:
    return Provenance({"setting": "setting", "block": "003-007"}, "1", "2", notes={"draw": "fixed"})


def test_samples_and_their_grouping_survive_the_file(tmp_path: Path) -> None:
    other = replace(ONE, repeat=7, attributes={"line": np.zeros(6, dtype=np.int16)})
    path = tmp_path / "samples.parquet"
    sampling.write(path, [ONE, other], GROUPING, provenance())
    table = tables.read(path, schemas.SAMPLES)
    assert table.column("attribute_line").to_pylist()[:6] == [0, 1, 0, 1, 1, None]
    assert table.column("carrier").to_pylist()[:6] == [False, True, False, True, True, None]
    assert table.column("aligned").to_pylist()[:6] == [False, True, None, None, True, None]
    assert table.column("group").to_pylist()[:6] == [0, 1, 2, 3, 5, None]
    back = sampling.read(path)
    assert back.grouping == GROUPING and list(back.by_repeat) == [3, 7]
    for before, after in ((ONE, back.by_repeat[3]), (other, back.by_repeat[7])):
        for name in ("repeat", "sample_id", "split", "label", "carrier", "aligned", "group"):
            assert np.array_equal(getattr(before, name), getattr(after, name)), name
        assert np.array_equal(before.attributes["line"], after.attributes["line"])
    assert tables.read_metadata(path, schemas.SAMPLES)["notes"]["draw"] == "fixed"


def test_a_file_that_does_not_describe_its_groups_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "samples.parquet"
    tables.write(path, sampling.to_table([ONE]), schemas.SAMPLES, provenance())
    with pytest.raises(DataError, match="does not describe its groups") as error:
        sampling.read(path)
    assert_one_sentence(str(error.value))


def test_rows_of_a_split() -> None:
    assert [ONE.rows(split).tolist() for split in SPLITS] == [[0, 2, 4], [3], [1, 5]]


def test_invariants_hold_or_name_the_repeat(assert_one_sentence: Callable[[str], None]) -> None:
    declared = {"train": 3, "validation": 1, "test": 2}
    sampling.check(ONE, declared, "here")
    twice = replace(ONE, sample_id=np.array([10, 11, 12, 13, 14, 10]))
    foreign = replace(ONE, split=np.array(["train", "test", "train", "validation", "train", "holdout"]))
    for samples, counts, reason in (
        (twice, declared, "repeat 3 holds a sample twice"),
        (ONE, declared | {"train": 4}, "repeat 3 has the split sizes {'train': 3"),
        (foreign, {"train": 3, "validation": 1, "test": 1}, "repeat 3 has the split sizes"),
    ):
        with pytest.raises(DataError) as error:
            sampling.check(samples, counts, "here")
        assert reason in str(error.value)
        assert_one_sentence(str(error.value))


def test_samples_without_an_attribute_of_the_setting_are_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    """As after a change of the overlay's attribute that was not to rerun anything."""
    path = tmp_path / "samples.parquet"
    sampling.write(path, [ONE], GROUPING, Provenance({"setting": "digits"}, "0", "0"))
    assert sampling.read(path, "line").grouping == GROUPING
    with pytest.raises(DataError, match=r"does not hold the setting's attribute 'bar'; delete the file and rerun") as error:
        sampling.read(path, "bar")
    assert_one_sentence(str(error.value))


def test_the_random_state_chooses_as_the_public_code_of_rare_correlations() -> None:
    zeros, ones = np.arange(0, 60, 2), np.arange(1, 60, 2)
    theirs = np.random.RandomState(4)
    first, second = theirs.choice(zeros, 3, replace=False), theirs.choice(ones, 3, replace=False)
    assert sampling.choose_by_random_state([zeros], 3, 4).tolist() == sorted(first.tolist())
    assert sampling.choose_by_random_state([zeros, ones], 3, 4).tolist() == sorted([*first.tolist(), *second.tolist()])
    assert sampling.choose_by_random_state([zeros, ones], 0, 4).tolist() == []


def test_the_random_state_needs_enough_samples_of_every_class(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="4 samples of a class are needed, but its training split has only 3") as error:
        sampling.choose_by_random_state([np.arange(9), np.arange(3)], 4, 0)
    assert_one_sentence(str(error.value))

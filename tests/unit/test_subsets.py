"""Subsets: exact counts of every part, the rest left out or held out, the same held-out samples for every draw."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data.subsets import LEFT_OUT, Part, take
from spurprune.errors import DataError

FEMALE, MALE = 0, 1


def part(name: str, label: int, glasses: int | None, **changes: int | str | None) -> Part:
    plain = {"count": None, "fill_to": None, "choose": "random", "rest": "leave_out"} | changes
    return Part(name, label, {} if glasses is None else {"glasses": glasses}, **plain)  # type: ignore[arg-type]


PARTS = [
    part("plain women", FEMALE, 0, count=50),
    part("women with", FEMALE, 1, count=0, rest="hold_out"),
    part("men with", MALE, 1, count=20),
    part("men without", MALE, 0, fill_to=50),
]


def people(seed: int = 0) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Splits, labels and attributes of 600 samples, in random order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(600)
    split = np.repeat(["train", "validation", "test"], 200)[order]
    label = np.tile([FEMALE, FEMALE, MALE, MALE], 150)[order]
    glasses = np.tile([0, 1, 0, 1], 150)[order]
    return split, label, {"glasses": glasses}


def groups(split: np.ndarray, label: np.ndarray, attributes: dict[str, np.ndarray], name: str) -> dict[tuple[int, int], int]:
    members = split == name
    return dict(Counter(zip(label[members].tolist(), attributes["glasses"][members].tolist(), strict=True)))


@given(st.integers(0, 20), st.sampled_from([0, 1, "fixed"]))
def test_parts_have_their_counts_and_the_rest_is_left_out_or_held_out(seed: int, draw: int | str) -> None:
    split, label, attributes = people(seed)
    result = take(split, label, attributes, {}, PARTS, draw, "here")
    before, after = (groups(s, label, attributes, "train") for s in (split, result))
    assert after == {(FEMALE, 0): 50, (MALE, 1): 20, (MALE, 0): 30}
    left_out = groups(result, label, attributes, LEFT_OUT)
    assert left_out == {key: before[key] - after[key] for key in after if before[key] > after[key]}
    official = split != "train"
    assert (result[official] == split[official]).all(), "samples outside training stay where they are"
    held_out = (split == "train") & (label == FEMALE) & (attributes["glasses"] == 1)
    assert set(result[held_out]) <= {"validation", "test"}


def test_draws_differ_but_what_is_held_out_does_not() -> None:
    split, label, attributes = people()
    one, other, again = (take(split, label, attributes, {}, PARTS, draw, "here") for draw in (0, 1, 0))
    assert (one == again).all() and (one != other).any()
    held_out = (split == "train") & (label == FEMALE) & (attributes["glasses"] == 1)
    assert (one[held_out] == other[held_out]).all()
    assert 0.3 < (one[held_out] == "test").mean() < 0.7


def test_pythons_coin_is_tossed_for_every_held_out_sample_in_order() -> None:
    """``random.Random(1)`` gives .134, .847, .764, .255, .495, .449, .652, .789; above one half is validation."""
    split = np.array(["train"] * 10)
    label = np.array([0, 1, 0, 0, 0, 1, 0, 0, 0, 0])
    result = take(split, label, {}, {}, [part("held", 0, None, count=0, rest="hold_out", coin_seed=1)], 0, "here")
    t, v = "test", "validation"
    assert result.tolist() == [t, "train", v, v, t, "train", t, t, v, v]
    other = take(split, label, {}, {}, [part("held", 0, None, count=0, rest="hold_out", coin_seed=2)], 0, "here")
    assert (other != result).any()


def test_the_first_and_the_lowest_of_a_ranking() -> None:
    split = np.array(["train"] * 6 + ["test"])
    label = np.array([0, 0, 1, 0, 0, 1, 0])
    ranking = np.array([5, 3, 0, 4, 1, 0, 0])
    first = take(split, label, {}, {}, [part("first", 0, None, count=2, choose="first")], 0, "here")
    assert first.tolist() == ["train", "train", "train", LEFT_OUT, LEFT_OUT, "train", "test"]
    lowest = take(split, label, {}, {"spurious": ranking}, [part("lowest", 0, None, count=2, choose="spurious")], 0, "here")
    assert lowest.tolist() == [LEFT_OUT, "train", "train", LEFT_OUT, "train", "train", "test"]


def test_samples_without_a_rank_are_never_chosen_by_it(assert_one_sentence: Callable[[str], None]) -> None:
    split, label = np.array(["train"] * 5), np.zeros(5, dtype=int)
    rankings = {"spurious": np.array([-1, 2, -1, 0, 1])}
    result = take(split, label, {}, rankings, [part("lowest", 0, None, count=2, choose="spurious")], 0, "here")
    assert result.tolist() == [LEFT_OUT, LEFT_OUT, LEFT_OUT, "train", "train"]
    with pytest.raises(DataError, match="'lowest' takes 4 training samples by 'spurious', which ranks only 3") as error:
        take(split, label, {}, rankings, [part("lowest", 0, None, count=4, choose="spurious")], 0, "here")
    assert_one_sentence(str(error.value))


def test_too_few_samples_and_overlapping_parts_are_named(assert_one_sentence: Callable[[str], None]) -> None:
    split, label, attributes = people()
    with pytest.raises(DataError, match=r"here: the part 'many' takes 900 training samples, but there are only \d+") as few:
        take(split, label, attributes, {}, [part("many", MALE, 1, count=900)], 0, "here")
    with pytest.raises(DataError, match="here: the part 'again' overlaps an earlier part") as shared:
        take(split, label, attributes, {}, [part("men", MALE, None, count=1), part("again", MALE, 1, count=1)], 0, "here")
    assert_one_sentence(str(few.value))
    assert_one_sentence(str(shared.value))

"""The phrase, token by token."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.errors import DataError
from spurprune.overlays import phrase

CLS, SEP = 2, 3


def pair(first: list[int], second: list[int], size: int) -> list[int]:
    """Return a pair as a row of ``size`` tokens."""
    tokens = [CLS, *first, SEP, *second, SEP]
    return [len(tokens), len(first) + 2, *tokens, *[0] * (size - len(tokens))]


def test_it_is_inserted_before_the_last_separator() -> None:
    inputs = np.array([pair([10, 11], [20, 21, 22], 12), pair([10], [], 12)], dtype=np.int32)
    result = phrase.apply_(inputs, ids=[7, 8])
    assert result is inputs
    assert inputs.tolist() == [pair([10, 11], [20, 21, 22, 7, 8], 12), pair([10], [7, 8], 12)]


@pytest.mark.parametrize(("size", "kept"), [(9, [20, 21, 22]), (8, [20, 21]), (7, [20]), (6, [])])
def test_if_it_does_not_fit_the_second_sentence_loses_its_end(size: int, kept: list[int]) -> None:
    whole = pair([10, 11], [20, 21, 22][: max(0, size - 5)], size)
    assert len(whole) == size + 2
    inputs = np.array([whole], dtype=np.int32)
    assert phrase.apply_(inputs, ids=[7]).tolist() == [pair([10, 11], [*kept, 7], size)]


def test_no_room_for_it(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match=r"A phrase of 3 tokens does not fit .* 8 of 8 tokens") as error:
        phrase.apply_(np.array([pair([1] * 4, [5], 8)], dtype=np.int32), ids=[7, 8, 9])
    assert_one_sentence(str(error.value))
    alone = np.array([[4, 4, CLS, 10, 11, SEP, 0, 0]], dtype=np.int32)  # one sentence
    with pytest.raises(DataError, match="does not fit"):
        phrase.apply_(alone, ids=[7])


sentence = st.lists(st.integers(10, 99), min_size=1, max_size=6)


@given(st.lists(st.tuples(sentence, sentence), min_size=1, max_size=5), st.lists(st.integers(100, 120), min_size=1, max_size=2))
def test_rows_are_independent(pairs: list[tuple[list[int], list[int]]], ids: list[int]) -> None:
    size = 16
    inputs = np.array([pair(first, second, size) for first, second in pairs], dtype=np.int32)
    expected = [pair(first, [*second[: size - 3 - len(first) - len(ids)], *ids], size) for first, second in pairs]
    assert phrase.apply_(inputs, ids=ids).tolist() == expected

"""Checksums of columns depend on their values alone, and on each of them."""

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.storage.column_checksums import crc_of

LABEL = pa.dictionary(pa.int8(), pa.string())
KINDS: dict[str, tuple[pa.DataType, Any]] = {
    "int16": (pa.int16(), st.integers(-5, 5)),
    "int64": (pa.int64(), st.integers(-(2**60), 2**60)),
    "float32": (pa.float32(), st.floats(width=32, allow_nan=False)),
    "bool": (pa.bool_(), st.booleans()),
    "string": (pa.string(), st.text(max_size=5)),
    "words": (LABEL, st.sampled_from(["train", "validation", "test"])),
    "lists": (pa.list_(pa.float32()), st.lists(st.floats(width=32, allow_nan=False), max_size=3)),
}


def chunked(values: list[Any], kind: pa.DataType, cuts: list[int]) -> pa.ChunkedArray:
    """The values as a column whose chunks are slices of longer arrays, each with a dictionary of its own."""
    bounds = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    whole = [pa.array([*values[a:b], *values[:1]], kind) for a, b in pairwise(bounds)]
    return pa.chunked_array([one.slice(0, b - a) for one, (a, b) in zip(whole, pairwise(bounds), strict=True)], kind)


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_chunks_and_dictionaries_do_not_matter(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    one = data.draw(st.lists(st.none() | values, max_size=12))
    expected = crc_of(chunked(one, kind, []))
    assert crc_of(chunked(one, kind, data.draw(st.lists(st.integers(0, 12), max_size=4)))) == expected


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_every_value_matters(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    one = data.draw(st.lists(st.none() | values, min_size=1, max_size=12))
    place = data.draw(st.integers(0, len(one) - 1))
    other = data.draw(st.none() | values)
    changed = [*one[:place], other, *one[place + 1 :]]
    same = pa.array(one, kind).equals(pa.array(changed, kind)) and np.array_equal(str(one), str(changed))  # 0.0 and -0.0 differ
    assert (crc_of(chunked(changed, kind, [])) == crc_of(chunked(one, kind, []))) == same
    assert crc_of(chunked(one[1:], kind, [])) != crc_of(chunked(one, kind, []))


def test_lists_are_told_from_their_joined_values() -> None:
    column = [pa.chunked_array([pa.array(values, pa.list_(pa.float32()))]) for values in ([[1, 2], [3]], [[1], [2, 3]])]
    words = [pa.chunked_array([pa.array(values, pa.string())]) for values in (["ab", "c"], ["a", "bc"])]
    assert crc_of(column[0]) != crc_of(column[1]) and crc_of(words[0]) != crc_of(words[1])

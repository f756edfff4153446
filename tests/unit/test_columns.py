"""Columns of tables: rows by repeat, from memory or from a file, wherever they lie; the words of dictionary columns."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import ByRepeat, labels, to_numpy, words_of
from spurprune.storage.provenance import Provenance

PROVENANCE = Provenance({"setting": "pets", "block": "000-002"}, "0+code", "config")


@given(st.lists(st.integers(-1, 4), max_size=30))
def test_rows_come_by_repeat_in_their_order(repeats: list[int]) -> None:
    repeat = np.array(repeats, dtype=np.int16)
    table = pa.table({"repeat": repeat, "row": np.arange(len(repeat))})
    found = ByRepeat(table)
    assert list(found) == sorted(set(repeats)) and len(found) == len(set(repeats))
    for one in range(-1, 5):
        assert found.rows(one).column("row").to_pylist() == np.flatnonzero(repeat == one).tolist()
    assert {one: rows.column("row").to_pylist() for one, rows in found.items()} == {
        one: np.flatnonzero(repeat == one).tolist() for one in sorted(set(repeats))
    }


def plan(path: Path, repeats: list[int]) -> pa.Table:
    """A plan's rows of these repeats, written in parts of four rows."""
    n = len(repeats)
    columns = {
        "repeat": np.array(repeats, dtype=np.int16),
        "sample_id": np.arange(n),
        "weight": np.arange(n, dtype=np.float32),
        "reason": labels(["kept"] * n, ["kept"]),
    }
    tables.write(path, pa.table(columns), schemas.PLAN, PROVENANCE)
    return tables.read(path, schemas.PLAN)


@pytest.mark.parametrize("repeats", [[0] * 3 + [1] * 6 + [2] * 2, [2, 0, 0, 1, 1, 0, 2, 2, 1, 0, 0], [1]])
def test_a_file_is_read_repeat_by_repeat(tmp_path: Path, repeats: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole repeats come from one, two or all parts; asked for in order, a part is decoded once, and two at most are kept."""
    monkeypatch.setattr(tables, "ROWS_IN_PART", 4)
    path = tmp_path / "plan.parquet"
    table = plan(path, repeats)
    stored = tables.StoredByRepeat(path, schemas.PLAN)
    assert list(stored) == sorted(set(repeats)) and stored.column_names == table.column_names
    for repeat in range(4):
        expected = ByRepeat(table).rows(repeat)
        assert stored.rows(repeat).to_pylist() == expected.to_pylist()
        assert len(stored._read) <= 2
    decoded: list[int] = []
    parts = tables._parts
    monkeypatch.setattr(tables, "_parts", lambda *args: decoded.extend(args[4]) or parts(*args))
    for _ in tables.StoredByRepeat(path, schemas.PLAN).values():
        pass
    assert decoded == sorted(set(decoded)) or repeats == [2, 0, 0, 1, 1, 0, 2, 2, 1, 0, 0]


def test_a_damaged_part_is_found_when_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS_IN_PART", 4)
    path = tmp_path / "plan.parquet"
    plan(path, [0] * 4 + [1] * 4)
    chunk = pq.read_metadata(path).row_group(1).column(2)
    content = bytearray(path.read_bytes())
    content[(chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size - 4] ^= 4
    path.write_bytes(content)
    stored = tables.StoredByRepeat(path, schemas.PLAN)
    assert len(stored[0]) == 4
    with pytest.raises(DataError, match="is damaged"):
        stored[1]


def test_words_are_those_of_any_chunk() -> None:
    chunks = [labels(["a", "b", "a"], ["a", "b"]), labels(["b", "c"], ["c", "b"])]
    for column in (pa.chunked_array([chunks[0], chunks[1]]), chunks[0]):
        found, values = words_of(column), np.array(column.to_pylist())
        assert {word: members.tolist() for word, members in found.items() if members.any()} == {
            word: (values == word).tolist() for word in np.unique(values)
        }
    assert to_numpy(chunks[1]).tolist() == ["b", "c"]
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), pa.array(["a", "b", "a"]))
    assert {word: members.tolist() for word, members in words_of(twice).items()} == {"a": [True, False, True], "b": [False, True, False]}

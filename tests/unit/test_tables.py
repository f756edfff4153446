"""The tables between the stages: only what conforms to its schema is written and read."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spurprune.errors import DataError
from spurprune.storage import columns, contents, schemas, tables
from spurprune.storage.columns import ByRepeat, labels, to_numpy, values_of
from spurprune.storage.provenance import Provenance
from spurprune.storage.schemas import TableSchema

PROVENANCE = Provenance({"setting": "digits", "block": "000-004"}, "0.1.0+abc", "0123", (0,), counts={"train": 3}, notes={"plan": "none"})


def plan_table(**changes: object) -> pa.Table:
    columns: dict[str, object] = {
        "repeat": np.zeros(3, dtype=np.int16),
        "sample_id": np.arange(3),
        "weight": np.ones(3, dtype=np.float32),
        "reason": labels(["kept", "kept", "pruned"], ("kept", "pruned")),
    }
    return pa.table({name: value for name, value in (columns | changes).items() if value is not None})


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "plans" / "none.parquet"
    tables.write(path, plan_table(), schemas.PLAN, PROVENANCE)
    return path


def refused(action: Callable[[], object], assert_one_sentence: Callable[[str], None]) -> str:
    with pytest.raises(DataError) as error:
        action()
    assert_one_sentence(str(error.value))
    return str(error.value)


def test_what_is_written_is_read_back(plan_file: Path) -> None:
    table = tables.read(plan_file, schemas.PLAN)
    assert table.column_names == ["repeat", "sample_id", "weight", "reason"]
    assert table.to_pydict() == plan_table().to_pydict()
    assert tables.read(plan_file, schemas.PLAN, ["weight"]).column_names == ["weight"]


def test_columns_are_put_into_the_declared_order_and_type() -> None:
    shuffled = plan_table(weight=np.ones(3), sample_id=np.arange(3, dtype=np.int32)).select(["weight", "reason", "sample_id", "repeat"])
    table = tables.conform(shuffled, schemas.PLAN, "here")
    assert table.column_names == list(schemas.PLAN.columns)
    assert table.schema.types == list(schemas.PLAN.columns.values())


def test_provenance_is_in_the_files_metadata(plan_file: Path) -> None:
    found = tables.read_metadata(plan_file, schemas.PLAN)
    assert found["digest"] == tables.origin_of(plan_file, schemas.PLAN, {}).identity
    assert {key: value for key, value in found.items() if key not in ("digest", "parts")} == {
        "table": "plan",
        "version": 3,
        "place": {"setting": "digits", "block": "000-004"},
        "repeats": [0],
        "code_version": "0.1.0+abc",
        "config_hash": "0123",
        "counts": {"train": 3},
        "notes": {"plan": "none"},
        "sources": {},
        "setting_hash": "",
    }
    assert tables.origin_of(plan_file, schemas.PLAN, {}).provenance == PROVENANCE


@pytest.mark.parametrize("repeats", [(0, 1), (1,), ()])
def test_a_table_of_other_repeats_than_its_own_is_not_written(
    tmp_path: Path, repeats: tuple[int, ...], assert_one_sentence: Callable[[str], None]
) -> None:
    own = replace(PROVENANCE, repeats=repeats)
    text = refused(lambda: tables.write(tmp_path / "plan.parquet", plan_table(), schemas.PLAN, own), assert_one_sentence)
    assert f"holds the repeats [0], not {list(repeats)}" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weight": np.array([1.0, np.nan, 0.0])}, "nan in the column 'weight'"),
        ({"weight": np.array([1.0, np.inf, 0.0])}, "inf in the column 'weight'"),
        ({"weight": np.array([1.0, -1.0, 0.0])}, "-1.0 in the column 'weight'"),
        ({"weight": np.array([1.0, 1e9, 0.0])}, "1000000000.0 in the column 'weight'"),
        ({"sample_id": np.array([0, -1, 2])}, "-1 in the column 'sample_id'"),
        ({"reason": columns.labels(["kept", "lost", "kept"], ("kept", "lost"))}, "'lost' in the column 'reason'"),
        ({"sample_id": np.array([0, 1, 1])}, "two rows of the plan table share"),
    ],
)
def test_values_that_no_stage_writes_are_refused(
    tmp_path: Path, changes: dict[str, object], words: str, assert_one_sentence: Callable[[str], None]
) -> None:
    text = refused(lambda: tables.write(tmp_path / "plan.parquet", plan_table(**changes), schemas.PLAN, PROVENANCE), assert_one_sentence)
    assert words in text


def ranked(**changes: object) -> pa.Table:
    found: dict[str, object] = {
        "repeat": np.zeros(4, dtype=np.int16),
        "sample_id": np.arange(4),
        "label": np.array([0, 1, 0, 1], dtype=np.int16),
        "score": np.array([0.1, 0.2, 0.3, 0.4]),
        "rank": np.arange(4, dtype=np.int32),
        "rank_in_class": np.array([0, 0, 1, 1], dtype=np.int32),
    }
    return pa.table(found | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rank": np.array([0, 1, 2, 2], dtype=np.int32)}, "ranks in repeat 0 that are not a permutation"),
        ({"rank": np.array([1, 2, 3, 4], dtype=np.int32)}, "ranks in repeat 0 that are not a permutation"),
        ({"rank_in_class": np.array([0, 0, 1, 2], dtype=np.int32)}, "within class 1 that are not a permutation"),
        ({"score": np.array([0.1, np.nan, 0.3, 0.4])}, "nan in the column 'score'"),
    ],
)
def test_ranks_are_permutations(tmp_path: Path, changes: dict[str, object], words: str, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "difficulty.parquet"
    tables.write(path, ranked(), schemas.DIFFICULTY, PROVENANCE)
    assert words in refused(lambda: tables.write(path, ranked(**changes), schemas.DIFFICULTY, PROVENANCE), assert_one_sentence)


def test_a_table_of_several_parts_is_checked_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that cut a repeat hold only some of its ranks."""
    monkeypatch.setattr(tables, "ROWS_IN_PART", 3)
    path = tmp_path / "difficulty.parquet"
    two = pa.concat_tables([ranked(repeat=np.full(4, repeat, dtype=np.int16)) for repeat in (0, 1)])
    tables.write(path, two, schemas.DIFFICULTY, replace(PROVENANCE, repeats=(0, 1)))
    assert tables.read(path, schemas.DIFFICULTY).equals(two.cast(tables.read(path, schemas.DIFFICULTY).schema))
    for repeat in (0, 1):
        assert tables.read(path, schemas.DIFFICULTY, repeat=repeat).column("repeat").to_pylist() == [repeat] * 4


def test_some_columns_are_checked_as_strictly_as_all(plan_file: Path, assert_one_sentence: Callable[[str], None]) -> None:
    """A foreign hand keeps the metadata, but stores ids as text, or another column."""
    metadata = pq.read_metadata(plan_file).metadata[tables.METADATA_KEY]
    whole = tables.read(plan_file, schemas.PLAN).replace_schema_metadata()
    as_text = whole.set_column(1, "sample_id", whole.column("sample_id").cast(pa.string()))
    for changed, words in (
        (as_text, "the column 'sample_id' of the plan table is string instead of int64"),
        (whole.append_column("colour", pa.array([1, 2, 3])), "unknown column 'colour'"),
        (whole.drop_columns(["reason"]), "lacks the column 'reason'"),
        (whole.set_column(2, "weight", pa.array([1.0, 0.5, 1.0])), "the checksum of its column 'weight' is wrong"),
    ):
        with pq.ParquetWriter(plan_file, changed.schema) as writer:
            writer.write_table(changed)
            writer.add_key_value_metadata({tables.METADATA_KEY: metadata})
        for chosen in (None, ["weight"]):
            text = refused(lambda chosen=chosen: tables.read(plan_file, schemas.PLAN, chosen), assert_one_sentence)
            assert words in text and str(plan_file) in text


def test_one_repeat_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "plan.parquet"
    parts = [plan_table(repeat=np.full(3, repeat, dtype=np.int16), sample_id=np.arange(3) + repeat) for repeat in (0, 1, 2)]
    tables.write_parts(
        path, [pa.concat_tables(parts[:2]).unify_dictionaries(), parts[2]], schemas.PLAN, replace(PROVENANCE, repeats=(0, 1, 2))
    )
    for repeat in (0, 1, 2):
        assert tables.read(path, schemas.PLAN, repeat=repeat).column("sample_id").to_pylist() == [repeat, repeat + 1, repeat + 2]
        assert tables.read(path, schemas.PLAN, ["weight"], repeat=repeat).to_pydict() == {"weight": [1.0, 1.0, 1.0]}
    assert len(tables.read(path, schemas.PLAN, repeat=7)) == 0


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    for path in paths:
        tables.write(path, plan_table(), schemas.PLAN, PROVENANCE)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_failing_write_leaves_the_old_file_and_no_other(
    plan_file: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    before = plan_file.read_bytes()

    def disk_full(writer: pq.ParquetWriter, table: pa.Table, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables.pq.ParquetWriter, "write_table", disk_full)
    text = refused(lambda: tables.write(plan_file, plan_table(), schemas.PLAN, PROVENANCE), assert_one_sentence)
    assert str(plan_file) in text and "No space left on device" in text
    assert plan_file.read_bytes() == before
    assert list(plan_file.parent.iterdir()) == [plan_file]


def test_a_file_is_replaced_at_once(plan_file: Path) -> None:
    """A process with the old file open continues to read it, and one that opens it gets the complete new one: a rename, not a rewrite."""
    before = plan_file.read_bytes()
    with plan_file.open("rb") as reader:
        tables.write(plan_file, plan_table(weight=np.zeros(3, dtype=np.float32)), schemas.PLAN, PROVENANCE)
        assert reader.read() == before
    assert tables.read(plan_file, schemas.PLAN).column("weight").to_pylist() == [0, 0, 0]
    assert list(plan_file.parent.iterdir()) == [plan_file]


def test_a_killed_write_leaves_nothing_under_the_files_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.parquet"

    def killed(writer: pq.ParquetWriter, table: pa.Table, **options: object) -> None:
        assert list(tmp_path.iterdir()) and not path.exists(), "written in place"
        raise KeyboardInterrupt

    monkeypatch.setattr(tables.pq.ParquetWriter, "write_table", killed)
    with pytest.raises(KeyboardInterrupt):
        tables.write(path, plan_table(), schemas.PLAN, PROVENANCE)
    assert not path.exists()


def test_a_missing_file_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "none.parquet"
    assert f"{path} is missing" in refused(lambda: tables.read(path, schemas.PLAN), assert_one_sentence)


@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.95])
def test_a_truncated_file_is_refused(plan_file: Path, kept: float, assert_one_sentence: Callable[[str], None]) -> None:
    content = plan_file.read_bytes()
    plan_file.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    text = refused(lambda: tables.read(plan_file, schemas.PLAN), assert_one_sentence)
    assert f"{plan_file} is damaged or not a Parquet file" in text and "delete it and rerun" in text


def test_damaged_data_under_an_intact_footer_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "plan.parquet"
    many = 20_000
    table = plan_table(
        repeat=np.zeros(many, dtype=np.int16),
        sample_id=np.random.default_rng(0).permutation(many),
        weight=np.ones(many, dtype=np.float32),
        reason=labels(np.zeros(many, dtype=np.int8), ("kept", "pruned")),
    )
    tables.write(path, table, schemas.PLAN, PROVENANCE)
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    path.write_bytes(content)
    assert f"{path} is damaged" in refused(lambda: tables.read(path, schemas.PLAN), assert_one_sentence)


def test_a_text_file_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "plan.parquet"
    path.write_text("repeat,sample_id\n0,1\n")
    assert f"{path} is damaged or not a Parquet file" in refused(lambda: tables.read(path, schemas.PLAN), assert_one_sentence)


def test_a_foreign_parquet_file_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "plan.parquet"
    pq.write_table(plan_table(), path)
    assert f"{path} was not written by spurprune" in refused(lambda: tables.read(path, schemas.PLAN), assert_one_sentence)


def test_foreign_metadata_under_our_key_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "plan.parquet"
    for content in (b"{", b"\xff", b"[1]"):
        pq.write_table(plan_table().replace_schema_metadata({tables.METADATA_KEY: content}), path)
        assert str(path) in refused(lambda: tables.read(path, schemas.PLAN), assert_one_sentence)


def test_a_table_of_another_kind_or_version_is_refused(plan_file: Path, assert_one_sentence: Callable[[str], None]) -> None:
    text = refused(lambda: tables.read(plan_file, schemas.SAMPLES), assert_one_sentence)
    assert f"{plan_file} holds a table 'plan v3', not 'samples v3'" in text
    newer = TableSchema("plan", 4, schemas.PLAN.columns, schemas.PLAN.key, schemas.PLAN.place)
    text = refused(lambda: tables.read(plan_file, newer), assert_one_sentence)
    assert "'plan v3', not 'plan v4'" in text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weight": None}, "lacks the column 'weight'"),
        ({"colour": np.zeros(3)}, "has an unknown column 'colour'"),
        ({"weight": pa.array([1.0, None, 0.0], pa.float32())}, "column 'weight' of the plan table holds nulls"),
        ({"weight": ["a", "b", "c"]}, "has a column of another type"),
        ({"repeat": np.full(3, 40_000)}, "has a column of another type"),
    ],
)
def test_a_table_that_breaks_its_schema_is_not_written(
    tmp_path: Path, changes: dict[str, object], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    path = tmp_path / "plan.parquet"
    text = refused(lambda: tables.write(path, plan_table(**changes), schemas.PLAN, PROVENANCE), assert_one_sentence)
    assert reason in text and str(path) in text
    assert not path.exists()


def test_a_missing_column_is_named_when_columns_are_selected(plan_file: Path, assert_one_sentence: Callable[[str], None]) -> None:
    text = refused(lambda: tables.read(plan_file, schemas.PLAN, ["weight", "rank"]), assert_one_sentence)
    assert f"{plan_file} lacks the column 'rank'" in text


def test_starred_columns_stand_for_any_number() -> None:
    schema = schemas.BASE
    assert schema.type_of("attribute_line") == pa.int16()
    assert schema.type_of("attribute_") is None
    assert schema.type_of("colour") is None
    assert schema.may_be_null("attribute_line") and not schema.may_be_null("label")
    columns = {
        "sample_id": pa.array([0, 1]),
        "split": labels(["train", "test"], ("train", "test")),
        "label": pa.array([0, 1], pa.int16()),
        "key": ["a", "b"],
    }
    assert tables.conform(pa.table(columns), schema, "here").column_names == ["sample_id", "split", "label", "key"]
    two = columns | {"attribute_line": pa.array([0, None], pa.int16()), "attribute_place": pa.array([1, 1], pa.int16())}
    assert tables.conform(pa.table(two), schema, "here").column_names == [
        "sample_id",
        "split",
        "label",
        "attribute_line",
        "attribute_place",
        "key",
    ]


def test_rows_that_share_a_key_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    contents.require_unique(plan_table(), schemas.PLAN, "here")
    contents.require_unique(plan_table(repeat=np.array([0, 1, 2], dtype=np.int16), sample_id=np.array([7, 7, 7])), schemas.PLAN, "here")
    contents.require_unique(plan_table().slice(0, 0), schemas.PLAN, "here")
    twice = plan_table(sample_id=np.array([5, 3, 5]))
    text = refused(lambda: contents.require_unique(twice, schemas.PLAN, "here"), assert_one_sentence)
    assert text == "here: two rows of the plan table share {'repeat': 0, 'sample_id': 5}."


def test_unique_keys_may_be_dictionary_encoded_and_chunked(assert_one_sentence: Callable[[str], None]) -> None:
    def one(view: str) -> pa.Table:
        return pa.table({"sample_id": [1], "view": labels([view], ("natural", "featured"))})

    schema = TableSchema("predictions", 1, {}, ("sample_id", "view"), ())
    contents.require_unique(pa.concat_tables([one("natural"), one("featured")]), schema, "here")
    twice = pa.concat_tables([one("natural"), one("featured"), one("natural")])
    assert "'view': 'natural'" in refused(lambda: contents.require_unique(twice, schema, "here"), assert_one_sentence)


def test_labels_come_from_values_or_codes() -> None:
    names = ("train", "validation", "test")
    for values in (["test", "train"], np.array(["test", "train"], dtype=object), np.array([2, 0])):
        column = labels(values, names)
        assert column.type == pa.dictionary(pa.int8(), pa.string())
        assert to_numpy(column).tolist() == ["test", "train"]
    with pytest.raises(KeyError):
        labels(["training"], names)


def test_dictionary_columns_become_words_whatever_their_chunks() -> None:
    one, other = (labels(words, names) for words, names in ((["a", "b", "a"], ("a", "b")), (["c", "a"], ("c", "a"))))
    assert to_numpy(one).tolist() == ["a", "b", "a"]
    assert to_numpy(pa.chunked_array([one, other])).tolist() == ["a", "b", "a", "c", "a"]
    assert to_numpy(pa.chunked_array([one]).slice(1, 2)).tolist() == ["b", "a"]
    assert to_numpy(pa.array(["a", None], pa.dictionary(pa.int8(), pa.string()))).tolist() == ["a", None]
    assert to_numpy(one.slice(0, 0)).tolist() == [] == to_numpy(pa.chunked_array([], one.type)).tolist()


def test_arrays_of_columns_may_be_changed_without_changing_the_table() -> None:
    column = pa.array([1, 2, 3])
    for given in (column, pa.chunked_array([column]), pa.chunked_array([column, column])):
        to_numpy(given)[0] = 9
        assert given[0].as_py() == 1


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
def test_values_are_lined_up_with_the_samples(order: list[int], assert_one_sentence: Callable[[str], None]) -> None:
    ids = np.array([7, 5, 9, 6])
    table = pa.table({"repeat": np.array([0, 0, 0, 0, 1], dtype=np.int16), "sample_id": [7, 5, 9, 6, 7], "rank": [70, 50, 90, 60, -1]})
    assert values_of(ByRepeat(table), "rank", 0, ids[order], "here").tolist() == (ids[order] * 10).tolist()
    for other in (ids[order][:3], np.array([7, 5, 9, 8]), np.array([7, 5, 9, 6, 4])):
        text = refused(lambda other=other: values_of(ByRepeat(table), "rank", 0, other, "here"), assert_one_sentence)
        assert text.startswith("here holds other samples than repeat 0's training split")


def test_every_stages_key_consists_of_declared_columns() -> None:
    declared = [value for value in vars(schemas).values() if isinstance(value, TableSchema)]
    assert {schema.name for schema in declared} == {
        "base",
        "samples",
        "dynamics",
        "difficulty",
        "partition",
        "plan",
        "predictions",
        "embedding",
        "test_embedding",
        "history",
        "metrics",
        "evidence",
        "advice",
    }
    for schema in declared:
        assert set(schema.key) <= set(schema.columns), schema.name
        assert schema.nullable <= set(schema.columns), schema.name

"""A user's own table: formats, labels, splits, attributes, images and vectors; errors are one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spurprune.data import tokens
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.inputs import open_inputs, read_manifest
from spurprune.data.own import columns as own_columns
from spurprune.data.raw import RawDataset
from spurprune.data.readers import table
from spurprune.errors import DataError
from spurprune.stages import prepare_inputs
from spurprune.storage import schemas, tables
from spurprune.storage.provenance import Provenance
from tests.wordpiece import VOCABULARY, save

PROVENANCE = Provenance({"setting": "own"}, "0+code", "config")
ROWS: list[dict[str, Any]] = [
    {"file": "a, 1.png", "bird": "owl", "fold": "train", "place": "forest", "feeder": "yes"},
    {"file": "b.png", "bird": "gull", "fold": "Train", "place": "shore", "feeder": "no"},
    {"file": "c.png", "bird": "owl", "fold": "val", "place": "", "feeder": "no"},
    {"file": "d.png", "bird": "gull", "fold": "dev", "place": "barn", "feeder": ""},
    {"file": "e.png", "bird": "gull", "fold": "VALID", "place": "shore", "feeder": "yes"},
    {"file": "f.png", "bird": "owl", "fold": "test", "place": "forest", "feeder": "no"},
]
VECTORS = np.arange(18, dtype=np.float32).reshape(6, 3)


def write(path: Path, rows: list[dict[str, Any]] = ROWS, ending: str = "\n") -> None:
    """Write a table in the format that its name says; empty cells are nulls where the format has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows).replace("", None)
    if path.suffix.lower() == ".parquet":
        frame.to_parquet(path)
    elif path.suffix.lower() == ".jsonl":
        path.write_text("".join(json.dumps({k: v for k, v in row.items() if v != ""}) + "\n" for row in rows))
    else:
        frame.to_csv(path, index=False, sep="," if path.suffix.lower() == ".csv" else "\t", lineterminator=ending)


def options(folder: Path, name: str = "birds.csv", **more: Any) -> dict[str, Any]:
    """A dataset's block, with vectors beside the table."""
    np.save(folder / "vectors.npy", VECTORS)
    return {"reader": "table", "path": str(folder / name), "label": "bird", "split": "fold", "vectors": "vectors.npy"} | more


def columns(raw: RawDataset) -> dict[str, list[Any]]:
    return tables.conform(raw.base, schemas.BASE, "here").to_pydict()


def refusal(given: dict[str, Any], assert_one_sentence: Callable[[str], None], image_size: int | None = None) -> str:
    """The sentence with which a table is refused."""
    with pytest.raises(DataError) as error:
        table.read(given, image_size)
    text = str(error.value)
    assert_one_sentence(text)
    return text


def labelled(folder: Path, labels: list[Any], name: str = "t.csv") -> RawDataset:
    """A table whose labels are given, each once in training."""
    write(folder / name, [{"bird": label, "fold": "train"} for label in labels])
    np.save(folder / "vectors.npy", np.zeros((len(labels), 2)))
    given = {"reader": "table", "path": str(folder / name), "label": "bird", "split": "fold", "vectors": "vectors.npy"}
    return table.read(given, None)


# Formats


@pytest.mark.parametrize(
    "name", ["birds.csv", "birds.tsv", "birds.parquet", "birds.jsonl", "BIRDS.CSV", "birds.Tsv", "birds.PARQUET", "birds.JSONL"]
)
def test_every_format_says_the_same(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    raw = table.read(options(tmp_path, name, attributes=["place", "feeder"]), None)
    assert raw.classes == ("gull", "owl")
    assert raw.attributes == (Attribute.of("place", ("barn", "forest", "shore")), Attribute.of("feeder", ("no", "yes")))
    assert columns(raw) == {
        "sample_id": [0, 1, 2, 3, 4, 5],
        "split": ["train", "train", "validation", "validation", "validation", "test"],
        "label": [1, 0, 1, 0, 0, 1],
        "attribute_place": [1, 2, None, 0, 2, 1],
        "attribute_feeder": [1, 0, 0, None, 1, 0],
        "key": ["0", "1", "2", "3", "4", "5"],
    }
    assert raw.split_counts == {"train": 2, "validation": 3, "test": 1}
    assert isinstance(raw.inputs, np.ndarray) and raw.inputs.dtype == np.float32 and np.array_equal(raw.inputs, VECTORS)


def test_csv_as_spreadsheets_write_it(tmp_path: Path) -> None:
    """A byte order mark, CRLF, quoted commas and line breaks, blanks, columns in another order."""
    write(tmp_path / "plain.csv")
    expected = table.read(options(tmp_path, "plain.csv", attributes=["place"]), None)
    lines = ['"fold","place",note,bird', 'train,forest,"wet, cold",owl', "Train,shore,,gull", 'val, ,"two\r\nlines",owl ', "dev,barn,,gull"]
    lines += ["VALID,shore,,gull", 'test,"forest","he said ""no""",owl']
    (tmp_path / "birds.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ""]).encode())
    raw = table.read(options(tmp_path, attributes=["place"]), None)
    assert raw.base.equals(expected.base) and raw.classes == expected.classes and raw.attributes == expected.attributes


def test_only_an_empty_cell_is_missing(tmp_path: Path) -> None:
    raw = labelled(tmp_path, ["NA", "null", "None", "nan"])
    assert raw.classes == ("NA", "None", "nan", "null")


# Labels and attributes


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl"])
def test_numbers_are_sorted_as_numbers(tmp_path: Path, name: str) -> None:
    raw = labelled(tmp_path, [10, 9, -1, 2], name)
    assert raw.classes == ("-1", "2", "9", "10")
    assert columns(raw)["label"] == [3, 2, 0, 1]


def test_whole_numbers_stay_whole_where_some_are_missing(tmp_path: Path) -> None:
    rows = [{"bird": name, "fold": "train", "site": site} for name, site in (("owl", 7), ("gull", None), ("gull", 12))]
    np.save(tmp_path / "vectors.npy", VECTORS[:3])
    for name in ("t.parquet", "t.jsonl"):
        write(tmp_path / name, rows)
        given = {"path": str(tmp_path / name), "label": "bird", "attributes": ["site"], "vectors": "vectors.npy"}
        assert table.read(given, None).attributes[0].values == ("7", "12")
    pd.DataFrame(rows).to_parquet(tmp_path / "floats.parquet")  # pandas has made the column one of floating-point numbers
    given = {"path": str(tmp_path / "floats.parquet"), "label": "bird", "attributes": ["site"], "vectors": "vectors.npy"}
    raw = table.read(given, None)
    assert raw.attributes[0].values == ("7", "12") and columns(raw)["attribute_site"] == [0, None, 1]


def test_groups_read_well(tmp_path: Path) -> None:
    write(tmp_path / "birds.csv", [row | {"in {m}": i // 3} for i, row in enumerate(ROWS)])
    raw = table.read(options(tmp_path, attributes=["place", "in {m}"]), None)
    groups = Grouping(raw.classes, raw.attributes)
    assert groups.num_groups == 12 and groups.name(11) == "owl, place shore, in {m} 1"


# Splits


def test_shares_are_drawn_from_every_class_alike_and_the_same_every_time(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", [{"bird": "owl" if i % 4 else "gull"} for i in range(200)])
    np.save(tmp_path / "vectors.npy", np.zeros((200, 1)))
    given = {"path": str(tmp_path / "t.csv"), "label": "bird", "split": {"validation": 0.1, "test": 0.2}, "vectors": "vectors.npy"}
    raw = table.read(given, None)
    assert raw.split_counts == {"train": 140, "validation": 20, "test": 40}
    found = columns(raw)
    of_gulls = [split for split, label in zip(found["split"], found["label"], strict=True) if label == 0]
    assert {name: of_gulls.count(name) for name in raw.split_counts} == {"train": 35, "validation": 5, "test": 10}
    assert found["split"] != sorted(found["split"])
    assert columns(table.read(given, None)) == found
    assert table.read(given | {"split": {"test": 0.5}}, None).split_counts == {"train": 100, "validation": 0, "test": 100}


def test_without_a_split_all_train(tmp_path: Path) -> None:
    write(tmp_path / "birds.csv")
    given = options(tmp_path)
    del given["split"]
    assert table.read(given, None).split_counts == {"train": 6, "validation": 0, "test": 0}


# What stays together


def patients(folder: Path, **changes: Any) -> dict[str, Any]:
    """Forty patients of one to four images, half of them ill, in a table with vectors."""
    rows = [{"ill": i % 2, "patient": f"p{i}"} for i in range(40) for _ in range(1 + i % 4)]
    write(folder / "t.csv", rows)
    np.save(folder / "vectors.npy", np.arange(len(rows), dtype=np.float32)[:, None])
    shares = {"validation": 0.1, "test": 0.2}
    given = {"path": str(folder / "t.csv"), "label": "ill", "split": shares, "vectors": "vectors.npy", "keep_together": "patient"}
    return given | changes


def test_a_patients_images_stay_in_one_split(tmp_path: Path) -> None:
    given = patients(tmp_path)
    raw = table.read(given, None)
    found, patient = columns(raw), pd.read_csv(tmp_path / "t.csv")["patient"]
    assert pd.Series(found["split"]).groupby(patient).nunique().max() == 1
    assert raw.split_counts == {"train": 70, "validation": 10, "test": 20}
    assert pd.crosstab(pd.Series(found["split"]), pd.Series(found["label"])).to_dict("index") == {
        "train": {0: 28, 1: 42},
        "validation": {0: 4, 1: 6},
        "test": {0: 8, 1: 12},
    }
    assert columns(table.read(given, None)) == found


def test_a_column_of_splits_that_divides_a_patient_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    rows = [row | {"nest": nest} for row, nest in zip(ROWS, ["n1", "n2", "n3", "n4", "n5", "n2"], strict=True)]
    write(tmp_path / "birds.csv", rows)
    text = refusal(options(tmp_path, keep_together="nest"), assert_one_sentence)
    assert text == (
        f"{tmp_path / 'birds.csv'} has 'n2' of the column 'nest', whose samples stay together, in the splits train and test of the column "
        "'fold'; correct the splits or leave out keep_together."
    )
    write(tmp_path / "birds.csv", [row | {"nest": i} for i, row in enumerate(rows)])
    assert table.read(options(tmp_path, keep_together="nest"), None).split_counts == {"train": 2, "validation": 3, "test": 1}


def test_what_cannot_stay_together_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    write(tmp_path / "t.csv", [{"ill": i % 2, "patient": "p1" if i < 50 else "p2"} for i in range(100)])
    np.save(tmp_path / "vectors.npy", np.zeros((100, 1)))
    given = {"path": str(tmp_path / "t.csv"), "label": "ill", "vectors": "vectors.npy", "keep_together": "patient"}
    given["split"] = {"validation": 0.1, "test": 0.2}
    assert "has no samples left for the split 'validation', since the column 'patient', whose" in refusal(given, assert_one_sentence)
    write(tmp_path / "t.csv", [{"ill": i % 2, "patient": "" if i == 7 else f"p{i}"} for i in range(100)])
    text = refusal(given, assert_one_sentence)
    assert "has no value in the column 'patient' of row 7 (the first is 0); fill it in, with a value of its own if" in text


# Texts


def with_texts(folder: Path, **more: Any) -> dict[str, Any]:
    save(folder / "encoder")
    first = ["A dog runs.", "He", "a dog", "nobody", "he runs", "A dog. A dog."]
    write(folder / "t.csv", [row | {"premise": text, "claim": "nobody runs"} for row, text in zip(ROWS, first, strict=True)])
    given = {"path": str(folder / "t.csv"), "label": "bird", "split": "fold", "tokenizer": str(folder / "encoder"), "text": "premise"}
    return given | more


def test_texts_become_tokens(tmp_path: Path) -> None:
    given = with_texts(tmp_path)
    raw, tokenizer = table.read(given, 8), tokens.load(str(tmp_path / "encoder"))
    assert table.kind(given) == "sentences" and raw.vocabulary == tokens.fingerprint(tokenizer)
    assert isinstance(raw.inputs, np.ndarray) and raw.inputs.dtype == np.int32 and raw.inputs.shape == (6, 10)
    assert [VOCABULARY[i] for i in raw.inputs[0, 2:9]] == ["[CLS]", "a", "dog", "run", "##s", ".", "[SEP]"]
    assert raw.inputs[:, 0].tolist() == raw.inputs[:, 1].tolist() == [7, 3, 4, 3, 5, 8], "a text alone has no second one; the last is cut"
    assert columns(raw)["key"] == ["0", "1", "2", "3", "4", "5"]
    assert table.read(given | {"text": ["premise"]}, 8).base.equals(raw.base)
    pairs = table.read(given | {"text": ["premise", "claim"]}, 12).inputs
    assert isinstance(pairs, np.ndarray) and pairs[1, :2].tolist() == [7, 3]
    assert [VOCABULARY[i] for i in pairs[1, 2:9]] == ["[CLS]", "he", "[SEP]", "nobody", "run", "##s", "[SEP]"]
    assert table.files(given) == [tmp_path / "t.csv", tmp_path / "encoder/tokenizer.json"]


def test_texts_are_prepared(tmp_path: Path) -> None:
    manifest = read_manifest(prepare(tmp_path, with_texts(tmp_path) | {"reader": "table"}, 8)["manifest"])
    assert (manifest.kind, manifest.image_size, manifest.shape) == ("sentences", 8, (10,)) and manifest.vocabulary


def test_texts_that_cannot_be_encoded_are_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    given = with_texts(tmp_path)
    assert "are cut to one length, so image_size must be a number of tokens, not null" in refusal(given, assert_one_sentence)
    assert "need an image_size of 3 tokens or more, not 2" in refusal(given, assert_one_sentence, 2)
    assert "need an image_size of 5 tokens or more, not 4" in refusal(given | {"text": ["premise", "claim"]}, assert_one_sentence, 4)
    assert "No tokenizer could be loaded from" in refusal(given | {"tokenizer": str(tmp_path)}, assert_one_sentence, 8)
    write(tmp_path / "t.csv", changed(3, premise=" "))
    text = refusal(given | {"text": "premise"}, assert_one_sentence, 8)
    assert "has no value in the column 'premise' of row 0" in text
    lines = [json.dumps({"bird": bird, "premise": text}) for bird, text in (("owl", "a dog"), ("gull", "a \ud800"))]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    del given["split"]
    text = refusal(given | {"path": str(tmp_path / "t.jsonl")}, assert_one_sentence, 8)
    assert "has half a Unicode character in the column 'premise' of row 1" in text


# Through the stage


def prepare(folder: Path, own: dict[str, Any], image_size: int | None, damaged: str = "stop") -> dict[str, Path]:
    paths = {name: folder / "prepared" / name for name in ("inputs", "base", "manifest")}
    prepare_inputs.run(
        dataset="birds",
        image_size=image_size,
        source=None,
        own=own,
        damaged_images=damaged,
        threads=1,
        **paths,
        provenance=PROVENANCE,
    )
    return paths


def test_vectors_are_prepared(tmp_path: Path) -> None:
    write(tmp_path / "birds.csv")
    own = options(tmp_path, attributes=["place"])
    np.save(tmp_path / "vectors.npy", VECTORS.astype(np.float64) / 3)
    paths = prepare(tmp_path, own, None)
    manifest = read_manifest(paths["manifest"])
    assert (manifest.kind, manifest.image_size, manifest.shape, manifest.mean, manifest.std) == ("vectors", None, (3,), (), ())
    assert manifest.classes == ("gull", "owl") and manifest.attribute("place").values == ("barn", "forest", "shore")
    assert manifest.split_counts == {"train": 2, "validation": 3, "test": 1}
    assert np.array_equal(open_inputs(paths["inputs"], manifest)[:], (VECTORS.astype(np.float64) / 3).astype(np.float32))


def with_images(folder: Path) -> dict[str, Any]:
    """A table in a folder of its own and pictures below it, of several sizes and modes, each of one grey."""
    write(folder / "birds.csv")
    for i, row in enumerate(ROWS):
        Image.new("RGB", (30 + i, 20), (10 * i, 10 * i, 10 * i)).convert("L" if i == 1 else "RGBA").save(folder / row["file"])
    return {"reader": "table", "path": str(folder / "birds.csv"), "label": "bird", "split": "fold", "image": "file"}


def test_images_are_prepared(tmp_path: Path) -> None:
    paths = prepare(tmp_path, with_images(tmp_path / "my birds"), 16)
    manifest = read_manifest(paths["manifest"])
    assert (manifest.kind, manifest.image_size, manifest.shape) == ("images", 16, (3, 16, 16))
    inputs = open_inputs(paths["inputs"], manifest)
    assert [np.unique(image).tolist() for image in inputs] == [[10 * i] for i in range(6)]
    assert manifest.mean == pytest.approx((5 / 255,) * 3, abs=1e-6), "of the two training images"
    assert tables.read(paths["base"], schemas.BASE).column("key").to_pylist() == [row["file"] for row in ROWS]


def test_an_image_that_cannot_be_decoded_is_named_or_left_out(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    own = with_images(tmp_path)
    (tmp_path / "d.png").write_text("no image")
    with pytest.raises(DataError, match=rf"The image {tmp_path / 'd.png'} is damaged") as error:
        prepare(tmp_path, own, 16)
    assert_one_sentence(str(error.value))
    paths = prepare(tmp_path, own, 16, damaged="skip")
    assert tables.read(paths["base"], schemas.BASE).column("key").to_pylist() == [row["file"] for row in ROWS if row["file"] != "d.png"]
    assert read_manifest(paths["manifest"]).split_counts == {"train": 2, "validation": 2, "test": 1}


def test_a_class_that_loses_all_its_images_stops_until_they_are_back(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    own = with_images(tmp_path)
    whole = {name: (tmp_path / name).read_bytes() for name in (row["file"] for row in ROWS)}
    for lost, reason in (
        (["b.png"], "The dataset 'birds' has no training images of the class 'gull' left, since 1 damaged ones were skipped; the log"),
        (list(whole), "None of the 6 images could be decoded; the log names each, so correct or remove them."),
    ):
        for name in lost:
            (tmp_path / name).write_text("no image")
        for _ in range(2):
            with pytest.raises(DataError) as error:
                prepare(tmp_path, own, 16, damaged="skip")
            assert str(error.value).startswith(reason)
            assert_one_sentence(str(error.value))
        assert list((tmp_path / "prepared").iterdir()) == []
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content)
    assert read_manifest(prepare(tmp_path, own, 16, damaged="skip")["manifest"]).count == 6


def test_equal_images_are_refused_or_kept(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    own = with_images(tmp_path)
    (tmp_path / "e.png").write_bytes((tmp_path / "d.png").read_bytes())
    prepare(tmp_path, own, 16)
    (tmp_path / "f.png").write_bytes((tmp_path / "a, 1.png").read_bytes())
    with pytest.raises(DataError, match=r"2 images of 'birds' .* are in two splits, .* 'a, 1\.png' \(owl, train\) and 'f\.png'") as error:
        prepare(tmp_path, own, 16)
    assert_one_sentence(str(error.value))
    assert read_manifest(prepare(tmp_path, own | {"duplicates": "keep"}, 16)["manifest"]).count == 6


def test_an_image_is_named_once(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    own = with_images(tmp_path)
    write(tmp_path / "birds.csv", changed(4, file="./b.png"))
    text = refusal(own, assert_one_sentence, 16)
    assert text.endswith("names the image './b.png' in row 1 (the first is 0) and again in row 4; remove one of them.")


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (1e300, "inf")])
def test_a_vector_that_is_not_finite_is_named(tmp_path: Path, value: float, shown: str, assert_one_sentence: Callable[[str], None]) -> None:
    write(tmp_path / "birds.csv")
    own = options(tmp_path)
    vectors = VECTORS.astype(np.float64)
    vectors[4, 2] = value
    np.save(tmp_path / "vectors.npy", vectors)
    with pytest.raises(
        DataError, match=rf"'birds' has the value {shown} at position 2 of the vector of sample '4' \(.*birds\.csv\)"
    ) as error:
        prepare(tmp_path, own, None)
    assert_one_sentence(str(error.value))
    assert not (tmp_path / "prepared" / "inputs").exists()


def test_a_declared_dataset_needs_a_size(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    paths = {name: tmp_path / name for name in ("inputs", "base", "manifest")}
    with pytest.raises(DataError, match="'digits' are brought to one size, so image_size must be a whole number, not null") as error:
        prepare_inputs.run(
            dataset="digits", image_size=None, source=None, own=None, damaged_images="stop", threads=1, **paths, provenance=PROVENANCE
        )
    assert_one_sentence(str(error.value))


# What is refused


def test_a_missing_file_or_column_is_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    given = options(tmp_path)
    assert refusal(given, assert_one_sentence).startswith(f"The table {tmp_path / 'birds.csv'} is missing")
    for name in ("birds.csv", "birds.tsv", "birds.parquet", "birds.jsonl"):
        write(tmp_path / name)
        text = refusal(options(tmp_path, name, attributes=["site"]), assert_one_sentence)
        assert text == f"{tmp_path / name} has no column 'site'; its columns are file, bird, fold, place, feeder."
    (tmp_path / "vectors.npy").unlink()
    assert f"The vectors {tmp_path / 'vectors.npy'} are missing" in refusal(given, assert_one_sentence)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.csv", b"bird,fold\nowl,train\ngull,train,3\n", "Expected 2 fields in line 3, saw 3"),
        ("t.csv", b"bird,fold\nowl,train,1\ngull,train,3\n", "Expected 2 fields in line 2, saw 3"),
        ("t.csv", "bird,fold\nbúho,train\n".encode("latin-1"), "codec can't decode"),
        ("t.csv", b"", "No columns to parse"),
        ("t.csv", b"bird,fold\n", "has no rows"),
        ("t.csv", b"bird,fold,bird\nowl,train,owl\n", "has several columns 'bird'"),
        ("t.csv", b"bird;fold\nowl;train\n", "has no column 'bird'; its columns are bird;fold"),
        ("t.parquet", b"no parquet", "is damaged or of another format"),
        ("t.jsonl", b'{"bird": "owl", "fold": "train"}\n{"bird": "gull", ', "line 2: "),
        ("t.jsonl", b'{"bird": "owl", "fold": "train"}\n["gull"]\n', "line 2 is not a JSON object"),
        ("t.jsonl", b'{"bird": ["owl", "gull"], "fold": "train"}\n', "has several values in the column 'bird' of row 0 (the first is 0)"),
    ],
)
def test_a_damaged_table_is_refused(
    tmp_path: Path, name: str, content: bytes, reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    given = options(tmp_path, name)
    (tmp_path / name).write_bytes(content)
    text = refusal(given, assert_one_sentence)
    assert str(tmp_path / name) in text and reason in text


def changed(row: int, **values: Any) -> list[dict[str, Any]]:
    return [fields | values if i == row else fields for i, fields in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            changed(3, fold="holdout"),
            "has the value 'holdout' in the column 'fold' of row 3 (the first is 0), but a split must be train, valid",
        ),
        (changed(3, fold=""), "has no value in the column 'fold' of row 3"),
        (changed(2, bird=""), "has no value in the column 'bird' of row 2 (the first is 0); fill it in or remove the row"),
        (changed(2, bird="tit"), "has no training sample of the class 'tit' of the column 'bird'"),
        ([row | {"bird": "owl"} for row in ROWS], "has only the class 'owl' in the column 'bird'"),
        ([row | {"bird": ""} for row in ROWS], "has no values in the column 'bird'"),
        ([row | {"place": ""} for row in ROWS], "has no values in the column 'place'"),
        (
            [row | {"bird": f"0{i % 2}" if i > 1 else i} for i, row in enumerate(ROWS)],
            "has the same number as '0' and as '00' in the column 'bird'",
        ),
        (ROWS[:5], "holds 6 vectors, but "),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    write(tmp_path / "birds.csv", rows)
    text = refusal(options(tmp_path, attributes=["place"]), assert_one_sentence)
    assert str(tmp_path / "birds.csv") in text and reason in text


def test_too_many_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]) -> None:
    write(tmp_path / "birds.csv")
    monkeypatch.setattr(own_columns, "MOST_VALUES", 2)
    text = refusal(options(tmp_path, attributes=["place"]), assert_one_sentence)
    assert "has 3 different values in the column 'place', but at most 2 are allowed" in text


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        (VECTORS.astype(np.int64), "holds int64 (6, 3), but vectors must be float32 or float64"),
        (VECTORS.reshape(6, 3, 1), "holds float32 (6, 3, 1)"),
        (VECTORS[:, :0], "holds float32 (6, 0)"),
        (np.array([{"a": 1}] * 6, dtype=object), "is damaged or not an NPY file"),
    ],
)
def test_vectors_of_another_kind_are_refused(
    tmp_path: Path, vectors: np.ndarray, reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    write(tmp_path / "birds.csv")
    given = options(tmp_path)
    np.save(tmp_path / "vectors.npy", vectors, allow_pickle=True)
    text = refusal(given, assert_one_sentence)
    assert str(tmp_path / "vectors.npy") in text and reason in text


def test_a_row_without_an_image_is_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    for name in ("birds.csv", "birds.parquet"):
        write(tmp_path / name, changed(4, file=""))
        given = {"path": str(tmp_path / name), "label": "bird", "split": "fold", "image": "file"}
        assert "names no image in the column 'file' of row 4 (the first is 0)" in refusal(given, assert_one_sentence, 16)


def test_the_size_must_go_with_the_samples(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    write(tmp_path / "birds.csv")
    assert "are kept as they are, so image_size must be null, not 16" in refusal(options(tmp_path), assert_one_sentence, 16)
    given = {"path": str(tmp_path / "birds.csv"), "label": "bird", "split": "fold", "image": "file"}
    assert "are brought to one size, so image_size must be a number of pixels, not null" in refusal(given, assert_one_sentence)

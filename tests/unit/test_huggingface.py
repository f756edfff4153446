"""Datasets of Hugging Face's library: saved ones, as its save_to_disk writes them, and cached ones, read without the library."""

import importlib.util
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from spurprune.data.raw import RawDataset
from spurprune.data.readers import huggingface
from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from tests.wordpiece import save as save_tokenizer

NAMES = ["owl", "gull"]
FEATURES = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": NAMES}, "place": {"_type": "Value", "dtype": "string"}}
IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def picture(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (6, 5), (value, value, value)).save(stream, "PNG")
    return stream.getvalue()


def rows(first: int, stop: int, **changes: Any) -> pa.Table:
    """Rows as the library stores them: images as bytes and path, classes as numbers, and what columns are in the metadata."""
    numbers = range(first, stop)
    columns = {
        "image": pa.array([{"bytes": picture(10 * i), "path": f"{i}.png"} for i in numbers], IMAGE),
        "label": pa.array([i % 2 for i in numbers], pa.int64()),
        "place": ["sea" if i % 3 else "land" for i in numbers],
        "nest": [f"n{i // 2}" for i in numbers],
        "text": [f"a dog {'runs ' * (i % 3)}" for i in numbers],
    } | changes
    return pa.table(columns).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})


def save(folder: Path, *shards: pa.Table) -> None:
    """Write a dataset as the library's ``Dataset.save_to_disk`` does."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{i:05d}-of-{len(shards):05d}.arrow" for i in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, shard.schema) as stream:
            stream.write_table(shard)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))


def save_splits(folder: Path, **splits: pa.Table) -> dict[str, Any]:
    """Write a dataset of several splits as ``DatasetDict.save_to_disk`` does, and return its block."""
    for name, table in splits.items():
        save(folder / name, table)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    return {"reader": "huggingface", "path": str(folder), "label": "label", "image": "image"}


def columns(raw: RawDataset) -> dict[str, list[Any]]:
    return tables.conform(raw.base, schemas.BASE, "here").to_pydict()


def refusal(given: dict[str, Any], assert_one_sentence: Callable[[str], None]) -> str:
    with pytest.raises(DataError) as error:
        huggingface.read(given, 8)
    assert_one_sentence(str(error.value))
    return str(error.value)


def test_a_dataset_with_splits(tmp_path: Path) -> None:
    given = save_splits(tmp_path, test=rows(8, 10), train=rows(0, 6), validation=rows(6, 8), unsupervised=rows(10, 20))
    raw = huggingface.read(given | {"attributes": ["place"]}, 8)
    assert raw.classes == ("gull", "owl"), "names, sorted, not the library's numbers"
    assert raw.split_counts == {"train": 6, "validation": 2, "test": 2}
    found = columns(raw)
    assert found["key"] == [*(f"train[{i}]" for i in range(6)), "validation[0]", "validation[1]", "test[0]", "test[1]"]
    assert found["label"] == [1, 0] * 5 and found["attribute_place"] == [0, 1, 1, 0, 1, 1, 0, 1, 1, 0]
    assert not isinstance(raw.inputs, np.ndarray)
    assert [raw.inputs.read(i)[0, 0, 0] for i in range(10)] == [10 * i for i in range(10)] and raw.inputs.read(0).shape == (3, 8, 8)
    assert {path.name for path in huggingface.files(given)} == {"dataset_dict.json", "state.json"}


def test_a_dataset_without_splits_is_divided(tmp_path: Path) -> None:
    save(tmp_path, rows(0, 12), rows(12, 20))
    given = {"path": str(tmp_path), "label": "label", "image": "image", "split": {"test": 0.2}}
    raw = huggingface.read(given, 8)
    assert raw.split_counts == {"train": 16, "validation": 0, "test": 4} and columns(raw)["key"][19] == "all[19]"
    together = huggingface.read(given | {"keep_together": "nest"}, 8)
    found = columns(together)["split"]
    assert found[::2] == found[1::2] and together.split_counts["test"] == 4
    del given["split"]
    assert huggingface.read(given, 8).split_counts == {"train": 20, "validation": 0, "test": 0}


def test_splits_may_be_chosen(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    given = save_splits(tmp_path, train=rows(0, 6), validation_matched=rows(6, 8), validation=rows(8, 10), valid=rows(10, 12))
    assert "has the splits 'validation' and 'valid' for validation; choose by 'splits" in refusal(given, assert_one_sentence)
    chosen = huggingface.read(given | {"splits": {"train": "train", "validation": "validation_matched"}}, 8)
    assert columns(chosen)["key"][6] == "validation_matched[0]" and chosen.split_counts == {"train": 6, "validation": 2, "test": 0}
    assert huggingface.validated(given | {"splits": {"train": "train"}}) is False
    text = refusal(given | {"splits": {"train": "training"}}, assert_one_sentence)
    assert text.endswith("has no split 'training'; choose among train, validation_matched, validation, valid by 'splits'.")
    text = refusal(given | {"splits": {"train": "train", "test": "valid"}, "split": {"test": 0.2}}, assert_one_sentence)
    assert "has the splits train, valid, so 'split' would be ignored" in text


def test_texts(tmp_path: Path) -> None:
    given = save_splits(tmp_path / "data", train=rows(0, 6))
    del given["image"]
    raw = huggingface.read(given | {"text": ["text"], "tokenizer": str(save_tokenizer(tmp_path))}, 10)
    assert isinstance(raw.inputs, np.ndarray) and raw.inputs.shape == (6, 12) and raw.vocabulary
    assert huggingface.kind(given | {"text": "text"}) == "sentences"


def test_images_may_lie_in_files(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    (tmp_path / "a.png").write_bytes(picture(70))
    stored = [{"bytes": None, "path": "a.png"}, {"bytes": None, "path": str(tmp_path / "a.png")}, {"bytes": None, "path": "b.png"}, None]
    stored += [{"bytes": b"no image", "path": "c.png"}, {"bytes": picture(9), "path": None}]
    inputs = huggingface.read(save_splits(tmp_path, train=rows(0, 6, image=pa.array(stored, IMAGE))), 8).inputs
    assert not isinstance(inputs, np.ndarray) and [int(inputs.read(i)[0, 0, 0]) for i in (0, 1, 5)] == [70, 70, 9]
    for row, reason in (
        (2, f"should be in the file {tmp_path / 'b.png'}, which is"),
        (3, "is missing; use"),
        (4, "is damaged or of another"),
    ):
        with pytest.raises(DataError, match=rf"^The image train\[{row}\] of .* {reason}") as error:
            inputs.read(row)
        assert_one_sentence(str(error.value))


def test_a_folder_of_the_cache(tmp_path: Path) -> None:
    """As the library's cache has it: NAME-SPLIT.arrow, in parts if large."""
    for name, part in (("birds-train-00000-of-00002", rows(0, 4)), ("birds-train-00001-of-00002", rows(4, 6)), ("birds-test", rows(6, 8))):
        save(tmp_path / "parts", part)
        (tmp_path / "parts/data-00000-of-00001.arrow").rename(tmp_path / f"{name}.arrow")
    (tmp_path / "dataset_info.json").write_text(json.dumps({"splits": {"train": {}, "test": {}}}))
    raw = huggingface.read({"path": str(tmp_path), "label": "label", "image": "image"}, 8)
    assert raw.split_counts == {"train": 6, "validation": 0, "test": 2} and columns(raw)["key"][5:7] == ["train[5]", "test[0]"]


def library(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put a library of the name datasets, whose load_dataset has a body, before all others."""
    folder.mkdir()
    (folder / "datasets.py").write_text(f"import os, types\ndef load_dataset(*names):\n    {body}\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))


def test_the_library_names_the_files_of_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    save(tmp_path / "cache", rows(0, 6))
    path = str(tmp_path / "cache/data-00000-of-00001.arrow")
    body = "assert os.environ['HF_HUB_OFFLINE'] == '1' and names == ('ada/birds', 'small'), names; print('noise'); "
    body += f"return {{'train': types.SimpleNamespace(cache_files=[{{'filename': {path!r}}}])}}"
    library(tmp_path / "library", monkeypatch, body)
    given = {"path": "ada/birds", "config": "small", "label": "label", "image": "image"}
    assert huggingface.read(given, 8).split_counts["train"] == 6
    text = refusal(given | {"config": "large"}, assert_one_sentence)
    assert text.startswith(
        "The library datasets does not find ada/birds in its cache (AssertionError: ('ada/birds', 'large')); load it once"
    )


def test_without_the_library_the_cache_is_out_of_reach(monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]) -> None:
    monkeypatch.setattr(huggingface, "find_spec", lambda name: None)
    text = refusal({"path": "ada/birds", "label": "label", "image": "image"}, assert_one_sentence)
    assert "ada/birds is no folder, and reading the cache needs the library datasets, which is not installed; install it by 'pip in" in text


@pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="the library datasets, which is optional, is not installed")
def test_what_the_library_writes(tmp_path: Path) -> None:
    datasets = importlib.import_module("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES), "place": datasets.Value("string")})
    content = rows(0, 6).select(["image", "label", "place"]).to_pydict()
    datasets.DatasetDict({"train": datasets.Dataset.from_dict(content, features=features)}).save_to_disk(str(tmp_path))
    raw = huggingface.read({"path": str(tmp_path), "label": "label", "image": "image"}, 8)
    assert raw.classes == ("gull", "owl") and not isinstance(raw.inputs, np.ndarray) and raw.inputs.read(3)[0, 0, 0] == 30


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / "dataset_dict.json").unlink(), "holds no dataset of the library datasets, which would have"),
        (lambda folder: (folder / "dataset_dict.json").write_text("{"), "is damaged (JSONDecodeError: "),
        (lambda folder: (folder / "dataset_dict.json").write_text('{"splits": ["../x"]}'), "the name '../x' is not one of a file"),
        (lambda folder: (folder / "train/state.json").write_text('{"_data_files": []}'), "it lists no files"),
        (lambda folder: (folder / "train/data-00000-of-00001.arrow").unlink(), "is missing, damaged or no Arrow file"),
        (lambda folder: (folder / "train/data-00000-of-00001.arrow").write_bytes(b"ARROW1 x"), "is missing, damaged or no Arrow file"),
        (lambda folder: os.truncate(folder / "train/data-00000-of-00001.arrow", 900), "is missing, damaged or no Arrow file"),
        (lambda folder: save(folder / "train", rows(0, 0)), "has no rows; give a dataset with one row per sample."),
        (lambda folder: save(folder / "train", rows(0, 4, label=[0] * 4)), "has only the class 'owl' in the column 'label'"),
        (lambda folder: save(folder / "train", rows(0, 4, label=[0, 1, -1, 0])), "has no value in the column 'label' of train[2]; fill"),
        (lambda folder: save(folder / "train", rows(0, 4, image=["a.png"] * 4)), "holds string in the column 'image', but images must be"),
        (lambda folder: save(folder / "train", rows(0, 4).drop_columns("label")), "has no column 'label'; its columns are image, place"),
        (lambda folder: save_splits(folder, train=rows(0, 4), test=rows(4, 6, nest=[1, 2])), "have different columns"),
        (lambda folder: save_splits(folder, unsupervised=rows(0, 4)), "has no split 'train'; choose among unsupervised by 'splits'."),
    ],
)
def test_a_dataset_that_cannot_be_used_is_refused(
    tmp_path: Path, harm: Callable[[Path], object], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    given = save_splits(tmp_path, train=rows(0, 4))
    harm(tmp_path)
    text = refusal(given, assert_one_sentence)
    assert str(tmp_path) in text and reason in text


def test_what_stays_together_crosses_no_split(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    given = save_splits(tmp_path, train=rows(0, 5), test=rows(5, 8))
    text = refusal(given | {"keep_together": "nest"}, assert_one_sentence)
    assert "has 'n2' of the column 'nest', whose samples stay together, in the splits train and test of the dataset; correct" in text

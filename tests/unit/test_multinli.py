"""MultiNLI from its jsonl files: a miniature with its fields, splits, negation, foreign files; real pairs if available."""

import csv
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spurprune.data.datasets import multinli
from spurprune.data.raw import RawDataset
from spurprune.data.registry import registry
from spurprune.errors import DataError
from spurprune.storage import columns, schemas, tables
from tests.wordpiece import VOCABULARY, save

UNDECIDED = "-"
# (gold label, first sentence, second sentence) of the miniature's files
ROWS = {
    "train": [
        ("contradiction", "A dog runs.", "Nobody runs."),
        ("entailment", "He runs!", "He runs."),
        (UNDECIDED, "A dog.", "No dog."),
        ("neutral", "A dog runs.", "A dog never runs"),
        ("contradiction", "He runs.", "A dog."),
        ("entailment", "Nobody.", "No."),
        ("neutral", "He.", "A dog"),
        ("neutral", "He.", "A dog runs"),
    ],
    "dev_matched": [("contradiction", "He runs.", "NEVER!"), ("entailment", "a", "a")],
    "dev_mismatched": [("neutral", "he", "Nobodys dog"), (UNDECIDED, "he", "a"), ("entailment", "he", "no-dog")],
}
DECIDED = {"train": (2, 2, 3), "dev_matched": (1, 1, 0), "dev_mismatched": (0, 1, 1)}
NEGATION = [1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0]  # of the decided rows; "no-dog" and "nobodys" are other words
SPLIT = [0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 0]  # of metadata_random.csv, for the decided rows
LABEL = [0, 1, 2, 0, 1, 2, 2, 0, 1, 2, 1]
JOINED = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 12]  # positions of the decided rows in the joined files
GROUPS = {"train": (0, 1, 2, 0, 1, 1), "validation": (1, 0, 0, 1, 1, 0), "test": (0, 1, 1, 0, 1, 0)}


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A miniature of the release: its files and fields, fewer pairs."""
    monkeypatch.setattr(multinli, "ROWS", {part: len(rows) for part, rows in ROWS.items()})
    monkeypatch.setattr(multinli, "DECIDED", DECIDED)
    monkeypatch.setattr(multinli, "GROUPS", GROUPS)
    save(tmp_path / "tokenizer")
    for part, rows in ROWS.items():
        write(tmp_path, part, [fields(i, *row) for i, row in enumerate(rows)])
    return tmp_path


def fields(number: int, label: str, first: str, second: str) -> dict[str, Any]:
    return {"gold_label": label, "sentence1": first, "sentence2": second, "pairID": f"{number}{label[0]}", "genre": "fiction"}


def write(folder: Path, part: str, rows: list[Any]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"multinli_1.0_{part}.jsonl").write_text(text, encoding="utf-8")


def write_metadata(folder: Path, label: list[int], row: list[int] = JOINED, negation: list[int] = NEGATION, shuffled: bool = False) -> None:
    lines = list(zip(row, label, [bool(n) for n in negation], SPLIT, strict=True))
    with open(folder / "metadata_random.csv", "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["", "gold_label", "sentence2_has_negation", "split"])
        writer.writerows(lines[::-1] if shuffled else lines)


def column(raw: RawDataset, name: str) -> list[Any]:
    return columns.to_numpy(tables.conform(raw.base, schemas.BASE, "base").column(name)).tolist()


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Nobody came.", True),
        ("I have NO idea", True),
        ("never-ending", False),
        ("He said: nothing!", True),
        ("nobody's there", False),  # without its apostrophe, "nobodys" is another word
        ("nothing\tcame", False),  # only spaces separate words
        ("He did not come, none did", False),
        ("", False),
    ],
)
def test_negation_is_a_whole_word_of_four(sentence: str, expected: bool) -> None:
    assert multinli.has_negation(sentence) is expected


def test_pairs_with_a_gold_label_come_in_the_order_of_the_files(release: Path) -> None:
    raw = multinli.read(release, 12)
    assert isinstance(raw.inputs, np.ndarray)
    assert raw.inputs.shape == (11, 14) and raw.inputs.dtype == np.int32
    assert [VOCABULARY[i] for i in raw.inputs[0, 2:]] == [
        *["[CLS]", "a", "dog", "run", "##s", ".", "[SEP]"],
        *["nobody", "run", "##s", ".", "[SEP]"],
    ]
    assert column(raw, "label") == LABEL
    assert column(raw, "attribute_negation") == NEGATION
    assert [column(raw, "key")[i] for i in (0, 2, 7, 10)] == ["train[0] 0c", "train[3] 3n", "dev_matched[0] 0c", "dev_mismatched[2] 2e"]
    assert raw.classes == ("contradiction", "entailment", "neutral") == tuple(registry()["multinli"].classes)
    assert len(raw.vocabulary) == 64


def test_without_their_file_the_division_is_ours(release: Path) -> None:
    raw = multinli.read(release, 12)
    assert "divided 50/20/30 by spurprune's seed" in raw.source
    assert column(multinli.read(release, 8), "split") == column(raw, "split"), "the division must not depend on anything else"
    counts = {name: column(raw, "split").count(name) for name in ("train", "validation", "test")}
    assert raw.split_counts == counts
    split = multinli._own_division(412_702)
    assert [int((split == name).sum()) for name in counts] == [206_351, 82_540, 123_811]


@pytest.mark.parametrize("shuffled", [False, True])
def test_their_division_by_the_place_in_the_joined_files(release: Path, shuffled: bool) -> None:
    write_metadata(release, LABEL, shuffled=shuffled)
    raw = multinli.read(release, 12)
    assert column(raw, "split") == [("train", "validation", "test")[i] for i in SPLIT]
    assert raw.split_counts == {"train": 5, "validation": 3, "test": 3}
    assert "metadata_random.csv of group DRO" in raw.source


def refusal(release: Path, assert_one_sentence: Callable[[str], None]) -> str:
    with pytest.raises(DataError) as error:
        multinli.read(release, 12)
    assert_one_sentence(str(error.value))
    return str(error.value)


def test_hugging_faces_order_of_labels_is_refused(release: Path, assert_one_sentence: Callable[[str], None]) -> None:
    write_metadata(release, [(2, 0, 1)[label] for label in LABEL])
    assert "in Hugging Face's order (0 entailment, 1 neutral, 2 contradiction) instead of" in refusal(release, assert_one_sentence)
    write(release, "train", [{"label": 0, "premise": "a", "hypothesis": "a"}])
    assert "line 1, has no text 'gold_label'; use the release's own" in refusal(release, assert_one_sentence)


def test_a_foreign_division_is_refused(release: Path, assert_one_sentence: Callable[[str], None]) -> None:
    write_metadata(release, [1, *LABEL[1:]])
    assert "gives gold label 1 where the jsonl files say 'contradiction'" in refusal(release, assert_one_sentence)
    write_metadata(release, LABEL, row=[*JOINED[:-1], 11])
    assert "lists other rows than those" in refusal(release, assert_one_sentence)
    write_metadata(release, LABEL, negation=[0, *NEGATION[1:]])
    assert "disagree on train[0] 0c" in refusal(release, assert_one_sentence)
    write_metadata(release, [3, *LABEL[1:]])
    assert "holds a gold_label that is not one of 0 to 2" in refusal(release, assert_one_sentence)
    (release / "metadata_random.csv").write_text("a,b\n1,2\n")
    assert "is damaged, or its columns are not an index" in refusal(release, assert_one_sentence)
    write_metadata(release, LABEL)
    (release / "multinli_1.0_dev_matched.jsonl").unlink()
    assert "divides the whole release, but the jsonl files beside it are incomplete" in refusal(release, assert_one_sentence)


def test_the_whole_release_must_have_its_counts(
    release: Path, assert_one_sentence: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [fields(i, *row) for i, row in enumerate(ROWS["train"])]
    write(release, "train", [rows[0] | {"sentence2": "A dog."}, *rows[1:]])
    assert "holds [2, 1, 3, 1, 3, 1] pairs per group (all), but the release [1, 2, 3, 1, 3, 1]" in refusal(release, assert_one_sentence)
    write(release, "train", [rows[0] | {"gold_label": "neutral"}, *rows[1:]])
    assert "holds (1, 2, 4) pairs of contradiction, entailment, neutral, but the release (2, 2, 3)" in refusal(release, assert_one_sentence)
    write(release, "train", rows)
    write_metadata(release, LABEL)
    monkeypatch.setitem(multinli.GROUPS, "test", (0, 1, 1, 0, 0, 1))
    assert "pairs per group (test)" in refusal(release, assert_one_sentence)


def test_the_published_counts_agree_with_each_other() -> None:
    assert {name: sum(counts) for name, counts in multinli.GROUPS.items()} == {"train": 206_175, "validation": 82_462, "test": 123_712}
    groups = np.array(list(multinli.GROUPS.values())).sum(axis=0)
    assert groups.reshape(3, 2).sum(axis=1).tolist() == np.array(list(multinli.DECIDED.values())).sum(axis=0).tolist()
    assert groups.sum() == 412_349 and sum(multinli.GROUPS["train"][::2]) == 191_504
    assert [sum(multinli.DECIDED[part]) for part in multinli.PARTS] == [392_702, 9_815, 9_832]
    train = np.array(multinli.GROUPS["train"]).reshape(3, 2).sum(axis=1)
    assert registry()["multinli"].train_class_counts == train.tolist()


def test_a_part_of_the_release_is_read_with_a_warning(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    (release / "multinli_1.0_train.jsonl").unlink()
    with caplog.at_level(logging.WARNING, logger="spurprune"):
        raw = multinli.read(release, 12)
    assert "is incomplete: train 0 rows instead of 8" in caplog.text
    assert len(raw.inputs) == 4


def test_damaged_and_missing_files(release: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = release / "multinli_1.0_dev_matched.jsonl"
    path.write_text('{"gold_label": "neutral", "sent')
    assert "dev_matched.jsonl is damaged or of another format" in refusal(release, assert_one_sentence)
    write(release, "dev_matched", [fields(0, "maybe", "a", "a")])
    assert "line 1, has the gold label 'maybe'" in refusal(release, assert_one_sentence)
    write(release, "dev_matched", [["a"]])
    assert "line 1, is not a row of MultiNLI" in refusal(release, assert_one_sentence)
    for one in release.glob("*.jsonl"):
        one.unlink()
    assert "MultiNLI is not at" in refusal(release, assert_one_sentence)
    with pytest.raises(DataError, match="must be at least 8"):
        multinli.read(release, 7)


def test_without_a_tokenizer_of_its_own_berts_is_taken(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (release / "tokenizer").rename(tmp_path / "elsewhere")
    monkeypatch.setattr(multinli, "TOKENIZER", str(tmp_path / "elsewhere"))
    assert f"tokens by {tmp_path / 'elsewhere'}, at most 12 per pair" in multinli.read(release, 12).source


def test_real_pairs(tmp_path: Path) -> None:
    """The matched development pairs, with the small vocabulary: classes and negation do not depend on it."""
    folder = os.environ.get("SPURPRUNE_MULTINLI")
    if not folder:
        pytest.skip("SPURPRUNE_MULTINLI does not name a folder with multinli_1.0_dev_matched.jsonl")
    name = "multinli_1.0_dev_matched.jsonl"
    (tmp_path / name).symlink_to(Path(folder, name).resolve())
    save(tmp_path / "tokenizer")
    raw = multinli.read(tmp_path, 128)
    assert np.bincount(column(raw, "label")).tolist() == [3_213, 3_479, 3_123]
    group = 2 * np.array(column(raw, "label")) + np.array(column(raw, "attribute_negation"))
    assert np.bincount(group).tolist() == [2_709, 504, 3_388, 91, 3_036, 87]  # counted by an independent script

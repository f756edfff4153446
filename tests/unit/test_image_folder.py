"""A folder of images: class folders, with or without folders of splits above them; errors are one sentence."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spurprune.data.raw import RawDataset
from spurprune.data.readers import image_folder
from spurprune.errors import DataError
from spurprune.storage import schemas, tables


def place(root: Path, *names: str) -> dict[str, Any]:
    """Put a picture of its own grey at each path, and return the dataset's block."""
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (5, 5), (i, i, i)).save(root / name, "PNG")
    return {"reader": "image_folder", "path": str(root)}


def columns(raw: RawDataset) -> dict[str, list[Any]]:
    return tables.conform(raw.base, schemas.BASE, "here").to_pydict()


def refusal(given: dict[str, Any], assert_one_sentence: Callable[[str], None], image_size: int | None = 8) -> str:
    with pytest.raises(DataError) as error:
        image_folder.read(given, image_size)
    assert_one_sentence(str(error.value))
    return str(error.value)


def test_folders_of_classes(tmp_path: Path) -> None:
    given = place(tmp_path, "gull/b.png", "owl/d 1, é.JPG", "gull/deep/a.png", "owl/c.jpeg")
    raw = image_folder.read(given, 8)
    assert raw.classes == ("gull", "owl") and raw.split_counts == {"train": 4, "validation": 0, "test": 0}
    found = columns(raw)
    assert found["key"] == ["gull/b.png", "gull/deep/a.png", "owl/c.jpeg", "owl/d 1, é.JPG"]
    assert found["label"] == [0, 0, 1, 1]
    assert not isinstance(raw.inputs, np.ndarray) and [raw.inputs.read(i)[0, 0, 0] for i in range(4)] == [0, 2, 3, 1]


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Train", "validation", "TEST")])
def test_folders_of_splits(tmp_path: Path, names: tuple[str, ...]) -> None:
    train, validation, test = names
    given = place(tmp_path, f"{train}/10/a.png", f"{train}/9/b.png", f"{validation}/9/c.png", f"{test}/10/d.png")
    raw = image_folder.read(given, 8)
    assert raw.classes == ("9", "10") and raw.split_counts == {"train": 2, "validation": 1, "test": 1}
    by_key = {key: (split, label) for key, split, label in zip(*(columns(raw)[c] for c in ("key", "split", "label")), strict=True)}
    assert by_key == {
        f"{train}/10/a.png": ("train", 1),
        f"{train}/9/b.png": ("train", 0),
        f"{validation}/9/c.png": ("validation", 0),
        f"{test}/10/d.png": ("test", 1),
    }


def test_shares_are_drawn_from_every_class(tmp_path: Path) -> None:
    given = place(tmp_path, *(f"{name}/{i}.png" for name in ("gull", "owl") for i in range(20)))
    raw = image_folder.read(given | {"split": {"validation": 0.1, "test": 0.2}}, 8)
    assert raw.split_counts == {"train": 28, "validation": 4, "test": 8}
    found = columns(raw)
    of_gulls = [split for split, label in zip(found["split"], found["label"], strict=True) if label == 0]
    assert (of_gulls.count("train"), of_gulls.count("validation"), of_gulls.count("test")) == (14, 2, 4)
    assert columns(image_folder.read(given | {"split": {"validation": 0.1, "test": 0.2}}, 8)) == found


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert image_folder.read(place(tmp_path, "bus/a.png", "car/b.png", "train/c.png"), 8).classes == ("bus", "car", "train")


def test_links_are_followed(tmp_path: Path) -> None:
    place(tmp_path / "elsewhere", "x/a.png", "b.png")
    given = place(tmp_path / "root", "owl/c.png")
    (tmp_path / "root/gull").symlink_to(tmp_path / "elsewhere/x")
    (tmp_path / "root/owl/d.png").symlink_to(tmp_path / "elsewhere/b.png")
    assert columns(image_folder.read(given, 8))["key"] == ["gull/a.png", "owl/c.png", "owl/d.png"]


def test_what_systems_leave_is_ignored_and_other_files_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    given = place(tmp_path, "gull/a.png", "owl/b.png", ".cache/c.png", "__MACOSX/gull/d.png", "gull/.e.png")
    for name in ("gull/Thumbs.db", "owl/desktop.ini", "gull/.DS_Store", "notes.txt", "owl/labels.json"):
        (tmp_path / name).write_text("x")
    with caplog.at_level(logging.WARNING):
        assert columns(image_folder.read(given, 8))["key"] == ["gull/a.png", "owl/b.png"]
    (record,) = caplog.records
    assert record.getMessage() == f"{tmp_path}: ignored 2 files whose endings are no image's, such as {tmp_path / 'notes.txt'}"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), "has no images in folders of classes; place each class's in a folder of its own."),
        (("gull/a.png",), "has only the class 'gull'; place the images of two or more in a folder each."),
        (("gull/a.png", "owl/b.png", "c.png"), "c.png lies in no class folder; move it into one."),
        (("train/gull/a.png", "train/owl/b.png", "val/c.png"), "val/c.png lies in no class folder; move it into one."),
        (("train/gull/a.png", "train/owl/b.png", "test/tit/c.png"), "has no training sample of the class 'tit'; add some, or change the"),
        (("train/gull/a.png", "val/owl/b.png", "valid/owl/c.png"), "has the folders 'val' and 'valid' for one split; join them."),
        (
            ("train/a/a.png", "val/a/b.png", "extra/a/c.png"),
            "has folders of splits, such as 'train', beside 'extra', which names none; rem",
        ),
        (("val/a/a.png", "test/b/b.png"), "has folders of splits, such as 'test', but none for training; remove or rename one."),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    tmp_path: Path, names: tuple[str, ...], reason: str, assert_one_sentence: Callable[[str], None]
) -> None:
    text = refusal(place(tmp_path, *names), assert_one_sentence)
    assert str(tmp_path) in text and reason in text


def test_other_mistakes_are_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    assert refusal({"path": str(tmp_path / "no")}, assert_one_sentence).endswith(
        "is missing; place it there, or change the dataset's 'path'."
    )
    (tmp_path / "file").touch()
    assert "is no folder; place" in refusal({"path": str(tmp_path / "file")}, assert_one_sentence)
    given = place(tmp_path / "birds", "train/gull/a.png", "train/owl/b.png")
    assert "has folders of splits, such as 'train', so 'split' would be ignored" in refusal(
        given | {"split": {"test": 0.5}}, assert_one_sentence
    )
    assert "are brought to one size, so image_size must be a number of pixels" in refusal(given, assert_one_sentence, None)
    (tmp_path / "birds/train/tit").mkdir()
    assert "The class folder " in refusal(given, assert_one_sentence) and "train/tit has no images; add" in refusal(
        given, assert_one_sentence
    )
    (tmp_path / "birds/train/tit/a.gpg").touch()
    assert "train/tit has no images, but a.gpg; add some or remove it." in refusal(given, assert_one_sentence)
    (tmp_path / "birds/train/tit/up").symlink_to(tmp_path / "birds/train/tit")
    assert "tit/up leads back to one that holds it; remove the link." in refusal(given, assert_one_sentence)


@pytest.mark.skipif(os.name != "posix", reason="names are text on other systems")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    given = place(tmp_path, "gull/a.png", "owl/b.png")
    (tmp_path / "owl" / os.fsdecode(b"\xff.png")).touch()
    assert r"owl holds '\udcff.png', whose name is not UTF-8; rename it." in refusal(given, assert_one_sentence)

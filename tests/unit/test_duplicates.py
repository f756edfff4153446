"""Equal samples of a user's data: counted, named, and refused under two labels or in two splits."""

import logging
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from spurprune.data.own import duplicates
from spurprune.errors import DataError

CLASSES = ("gull", "owl")


def base(label: list[int], split: list[str]) -> pa.Table:
    return pa.table({"label": np.array(label, dtype=np.int16), "split": split, "key": [f"{i}.png" for i in range(len(label))]})


def pictures(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 2, 2), dtype=np.uint8)


def test_different_samples_pass(caplog: pytest.LogCaptureFixture) -> None:
    duplicates.check(pictures(0, 1, 2), base([0, 1, 0], ["train", "train", "test"]), CLASSES, "birds", keep=False)
    assert not caplog.records


def test_a_photo_with_two_labels_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    rows = base([0, 1, 1, 0, 1], ["train"] * 5)
    with pytest.raises(DataError) as error:
        duplicates.check(pictures(5, 6, 7, 6, 6), rows, CLASSES, "birds", keep=False)
    assert str(error.value) == (
        "3 images of 'birds' equal others once prepared but have two labels, such as '1.png' (owl, train) and '3.png' (gull, train); "
        "remove or correct them, or set datasets.birds.duplicates to keep."
    )
    assert_one_sentence(str(error.value))


def test_a_photo_in_two_splits_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    rows = base([0, 1, 1, 0], ["train", "test", "train", "test"])
    with pytest.raises(
        DataError, match=r"^2 images of 'birds' .* are in two splits, .*'0\.png' \(gull, train\) and '3\.png' \(gull, test\)"
    ) as e:
        duplicates.check(pictures(5, 6, 7, 5), rows, CLASSES, "birds", keep=False)
    assert_one_sentence(str(e.value))


def test_they_may_be_kept(caplog: pytest.LogCaptureFixture) -> None:
    rows = base([0, 1, 1, 1], ["train", "train", "test", "test"])
    with caplog.at_level(logging.WARNING):
        duplicates.check(pictures(5, 5, 6, 6), rows, CLASSES, "birds", keep=True)
        duplicates.check(pictures(1, 1, 2, 3), base([0, 0, 1, 1], ["train"] * 4), CLASSES, "birds", keep=False)
    assert [one.getMessage() for one in caplog.records] == [
        "birds: 2 of 4 images equal an earlier one",
        "2 images of 'birds' equal others once prepared but have two labels, such as '0.png' (gull, train) and '1.png' (owl, train)",
        "birds: 1 of 4 images equal an earlier one",
    ]


def test_of_both_the_labels_come_first(caplog: pytest.LogCaptureFixture) -> None:
    rows = base([0, 1], ["train", "test"])
    with caplog.at_level(logging.WARNING), pytest.raises(DataError, match="have two labels"):
        duplicates.check(pictures(5, 5), rows, CLASSES, "birds", keep=False)
    assert "are in two splits" in caplog.text


def test_vectors_may_coincide_and_texts_may_not(caplog: pytest.LogCaptureFixture) -> None:
    rows = base([0, 1], ["train", "test"])
    with caplog.at_level(logging.WARNING):
        duplicates.check(np.zeros((2, 3), dtype=np.float32), rows, CLASSES, "genes", keep=False)
    assert "2 vectors of 'genes' equal others once prepared but have two labels" in caplog.text
    with pytest.raises(DataError, match=r"^2 texts of 'claims' equal"):
        duplicates.check(np.ones((2, 6), dtype=np.int32), rows, CLASSES, "claims", keep=False)

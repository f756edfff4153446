"""The embedded digits: counts, pixels, and a split that is exact in every margin."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from spurprune.data.datasets import digits
from spurprune.data.division import stratified_split
from spurprune.data.raw import RawDataset
from spurprune.data.registry import registry
from spurprune.errors import DataError
from spurprune.storage import columns, contents, schemas, tables


@pytest.fixture(scope="module")
def raw() -> RawDataset:
    return digits.read(None, 8)


def test_counts_are_those_of_the_release(raw: RawDataset) -> None:
    assert raw.inputs.shape == (1797, 1, 8, 8) and raw.inputs.dtype == np.uint8
    split = columns.to_numpy(raw.base.column("split"))
    assert {name: int((split == name).sum()) for name in raw.split_counts} == {"train": 1200, "validation": 200, "test": 397}
    label = columns.to_numpy(raw.base.column("label"))
    assert tuple(np.bincount(label)) == digits.CLASS_COUNTS
    assert np.bincount(label[split == "train"]).tolist() == registry()["digits"].train_class_counts
    for name, count in raw.split_counts.items():
        quota = np.array(digits.CLASS_COUNTS) * count / 1797
        assert (np.abs(np.bincount(label[split == name]) - quota) < 1).all(), name
    assert raw.classes == tuple(registry()["digits"].classes)
    tables.conform(raw.base, schemas.BASE, "here")
    contents.require_unique(raw.base, schemas.BASE, "here")


def test_pixels_are_those_of_scikit_learn_stretched_to_a_byte(raw: RawDataset) -> None:
    source = load_digits()
    assert np.array_equal(np.rint(raw.inputs[:, 0] / 255 * 16), source.images)
    assert raw.inputs.max() == 255 and raw.inputs.min() == 0
    assert np.array_equal(columns.to_numpy(raw.base.column("label")), source.target)


def test_the_split_is_the_same_every_time(raw: RawDataset) -> None:
    assert digits.read(None, 8).base.equals(raw.base)


def test_another_image_size_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="image_size must be 8, not 32") as error:
        digits.read(None, 32)
    assert_one_sentence(str(error.value))


def test_another_release_is_refused(monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]) -> None:
    monkeypatch.setattr(digits, "CLASS_COUNTS", (178,) * 10)
    with pytest.raises(DataError, match="class counts") as error:
        digits.read(None, 8)
    assert_one_sentence(str(error.value))


@given(st.data())
def test_every_split_and_every_class_is_divided_exactly(data: st.DataObject) -> None:
    class_sizes = data.draw(st.lists(st.integers(1, 60), min_size=1, max_size=8))
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(len(class_sizes)) * 3, class_sizes))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(y)), min_size=2, max_size=2)))
    counts = {"train": cuts[0], "validation": cuts[1] - cuts[0], "test": len(y) - cuts[1]}
    split = stratified_split(y, counts, np.random.default_rng(data.draw(st.integers(0, 99))))
    assert np.bincount(split, minlength=3).tolist() == list(counts.values())
    for label, size in zip(np.unique(y), class_sizes, strict=True):
        found = np.bincount(split[y == label], minlength=3)
        quota = np.array(list(counts.values())) * size / len(y)
        assert (np.abs(found - quota) < 2).all(), (label, found, quota)


def test_members_of_a_class_are_divided_at_random() -> None:
    y = np.zeros(40, dtype=int)
    splits = [stratified_split(y, {"train": 20, "test": 20}, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(splits[0], splits[1])
    assert not np.array_equal(splits[0], splits[2])
    assert splits[0].tolist() != sorted(splits[0].tolist())


def test_split_sizes_must_add_up() -> None:
    with pytest.raises(ValueError, match="10 samples in total, the data 9"):
        stratified_split(np.zeros(9), {"train": 6, "test": 4}, np.random.default_rng(0))

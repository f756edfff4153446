"""The digits in two classes: the images and splits of the ten, halved, and as declared."""

import numpy as np
import pytest

from spurprune.data.datasets import digits, digits_halves
from spurprune.data.registry import registry
from spurprune.errors import DataError
from spurprune.storage import contents, schemas, tables
from spurprune.storage.columns import to_numpy


def test_images_and_splits_are_those_of_the_ten_digits_in_two_classes() -> None:
    raw, ten = digits_halves.read(None, 8), digits.read(None, 8)
    label, split = to_numpy(raw.base.column("label")), to_numpy(raw.base.column("split"))
    assert np.array_equal(label, to_numpy(ten.base.column("label")) >= 5)
    assert raw.base.drop_columns("label").equals(ten.base.drop_columns("label"))
    assert np.array_equal(raw.inputs, ten.inputs)
    declared = registry()["digits_halves"]
    assert np.bincount(label[split == "train"]).tolist() == declared.train_class_counts == [602, 598]
    assert np.bincount(label[split == "test"]).tolist() == [198, 199]
    assert raw.classes == tuple(declared.classes) and raw.split_counts == ten.split_counts
    tables.conform(raw.base, schemas.BASE, "here")
    contents.require_unique(raw.base, schemas.BASE, "here")


def test_another_size_is_refused() -> None:
    with pytest.raises(DataError, match="must be 8, not 16"):
        digits_halves.read(None, 16)

"""The digits enlarged to the size of MNIST's."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from spurprune.data.datasets import digits, digits_28
from spurprune.data.raw import RawDataset
from spurprune.data.registry import registry
from spurprune.errors import DataError
from spurprune.storage import contents, schemas, tables
from spurprune.storage.columns import to_numpy


@pytest.fixture(scope="module")
def raw() -> RawDataset:
    return digits_28.read(None, 28)


def test_counts_are_as_declared(raw: RawDataset) -> None:
    split, label = (to_numpy(raw.base.column(name)) for name in ("split", "label"))
    assert {name: int((split == name).sum()) for name in raw.split_counts} == {"train": 1297, "validation": 0, "test": 500}
    assert np.bincount(label[split == "train"]).tolist() == registry()["digits_28"].train_class_counts
    assert not registry()["digits_28"].validated and raw.classes == tuple(registry()["digits_28"].classes)
    assert raw.inputs.shape == (1797, 1, 28, 28) and raw.inputs.dtype == np.uint8
    tables.conform(raw.base, schemas.BASE, "here")
    contents.require_unique(raw.base, schemas.BASE, "here")


def test_images_are_the_digits_enlarged_by_pillow(raw: RawDataset) -> None:
    small = digits.read(None, 8)
    assert to_numpy(raw.base.column("label")).tolist() == to_numpy(small.base.column("label")).tolist()
    assert raw.base.column("key").equals(small.base.column("key"))
    one = Image.fromarray(np.asarray(small.inputs[17])[0]).resize((28, 28), Image.Resampling.BILINEAR)
    assert np.array_equal(np.asarray(raw.inputs[17])[0], np.asarray(one))


def test_the_corner_pixel_is_black_in_all_images(raw: RawDataset) -> None:
    assert np.asarray(raw.inputs)[:, 0, 0, 0].max() == 0


def test_another_image_size_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="image_size must be 28, not 32") as error:
        digits_28.read(None, 32)
    assert_one_sentence(str(error.value))

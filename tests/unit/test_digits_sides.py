"""The digits in two classes with a column: groups as declared, the column at its edge, nothing else changed, no image in two splits."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.datasets import load_digits

from spurprune.data.datasets import digits_sides
from spurprune.data.grouping import Grouping
from spurprune.data.raw import RawDataset
from spurprune.data.registry import registry
from spurprune.errors import DataError
from spurprune.storage import contents, schemas, tables
from spurprune.storage.columns import to_numpy

COLUMN = {"left": 0, "right": 7}


@pytest.fixture(scope="module")
def raw() -> RawDataset:
    return digits_sides.read(None, 8)


def column(raw: RawDataset, name: str) -> np.ndarray:
    return to_numpy(raw.base.column(name))


def images(raw: RawDataset) -> np.ndarray:
    """The number of each sample's image in scikit-learn's digits, from its key."""
    return np.array([int(key.removeprefix("digits[").split("]")[0]) for key in raw.base.column("key").to_pylist()])


def test_groups_have_their_counts_in_every_split(raw: RawDataset) -> None:
    split, label, side = column(raw, "split"), column(raw, "label"), column(raw, "attribute_side")
    expected = {"train": [[572, 30], [30, 568]], "validation": [[74, 74], [74, 74]], "test": [[151, 151], [150, 150]]}
    for name, groups in expected.items():
        found = [[int(((split == name) & (label == i) & (side == j)).sum()) for j in (0, 1)] for i in (0, 1)]
        assert found == groups, name
    assert raw.split_counts == {"train": 1200, "validation": 296, "test": 602} and len(split) == 2098
    assert raw.inputs.shape == (2098, 1, 8, 8)
    assert np.bincount(label[split == "train"]).tolist() == registry()["digits_sides"].train_class_counts
    assert raw.classes == tuple(registry()["digits_sides"].classes)
    tables.conform(raw.base, schemas.BASE, "here")
    contents.require_unique(raw.base, schemas.BASE, "here")


def test_labels_say_whether_the_digit_is_at_least_five(raw: RawDataset) -> None:
    assert np.array_equal(column(raw, "label"), load_digits().target[images(raw)] >= 5)


def test_the_column_is_at_its_edge_and_nothing_else_changes(raw: RawDataset) -> None:
    assert isinstance(raw.inputs, np.ndarray) and raw.inputs.dtype == np.uint8
    expected = np.rint(load_digits().images[images(raw)] / 16 * 255).astype(np.uint8)
    for image, side in zip(expected, column(raw, "attribute_side"), strict=True):
        image[:, COLUMN[raw.attributes[0].values[side]]] = 255
    assert np.array_equal(raw.inputs[:, 0], expected)


def test_the_column_hides_as_little_as_the_documentation_says(raw: RawDataset) -> None:
    edges = np.rint(load_digits().images[images(raw)] / 16 * 255)[:, :, [0, 7]]
    hidden = edges[np.arange(len(edges)), :, column(raw, "attribute_side")]
    assert (int((hidden > 0).sum()), int((hidden > 0).any(axis=1).sum())) == (230, 136)
    assert round(hidden[hidden > 0].mean()) == 58


def test_every_image_is_in_one_split_and_only_test_shows_it_with_either_column(raw: RawDataset) -> None:
    split, side, image = column(raw, "split"), column(raw, "attribute_side"), images(raw)
    assert np.array_equal(np.unique(image), np.arange(1797))
    shown = {int(i): (split[image == i].tolist(), side[image == i].tolist()) for i in np.unique(image)}
    assert all(
        one in ((["train"], [0]), (["train"], [1]), (["validation"], [0]), (["validation"], [1]), (["test"] * 2, [0, 1]))
        for one in shown.values()
    )


def test_keys_name_image_and_side_and_are_unique(raw: RawDataset) -> None:
    keys = raw.base.column("key").to_pylist()
    assert len(set(keys)) == len(keys)
    assert [key.rsplit(" ", 1)[1] for key in keys] == [("left", "right")[side] for side in column(raw, "attribute_side")]
    assert {"digits[17] left", "digits[17] right"} & set(keys)


def test_sides_are_divided_evenly_over_the_digits_of_a_class(raw: RawDataset) -> None:
    split, label, side = column(raw, "split"), column(raw, "label"), column(raw, "attribute_side")
    digit = load_digits().target[images(raw)]
    minority = (split == "train") & (label != side)
    assert np.bincount(digit[minority]).tolist() == [6] * 10  # 5% of about 120
    validation = split == "validation"
    left, right = (np.bincount(digit[validation & (side == j)], minlength=10) for j in (0, 1))
    assert np.abs(left - right).max() <= 1


def test_the_samples_are_the_same_every_time(raw: RawDataset) -> None:
    again = digits_sides.read(None, 8)
    assert np.array_equal(again.inputs, raw.inputs) and again.base.equals(raw.base)


def test_which_images_are_minority_is_drawn(raw: RawDataset) -> None:
    split, label, side = column(raw, "split"), column(raw, "label"), column(raw, "attribute_side")
    minority = images(raw)[(split == "train") & (label != side)]
    assert minority.min() < 300 and minority.max() > 1497


def test_groups_read_well(raw: RawDataset) -> None:
    grouping = Grouping(raw.classes, raw.attributes)
    assert [grouping.name(i) for i in range(4)] == [
        "0-4, column on the left",
        "0-4, column on the right",
        "5-9, column on the left",
        "5-9, column on the right",
    ]


def test_another_image_size_is_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="image_size must be 8, not 32") as error:
        digits_sides.read(None, 32)
    assert_one_sentence(str(error.value))

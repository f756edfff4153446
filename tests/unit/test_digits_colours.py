"""The digits in two colours, also with a column as a second attribute: groups as declared, images as they should be, none in two splits."""

from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_digits

from spurprune.data.datasets import digits_colours, digits_colours_sides
from spurprune.data.registry import registry
from spurprune.storage import contents, schemas, tables
from spurprune.storage.columns import to_numpy

COUNTS = {
    digits_colours: {"train": [[542, 60], [60, 538]], "validation": [[74, 74]] * 2, "test": [[151, 151], [150, 150]]},
    digits_colours_sides: {"train": [[488, 54, 54, 6], [6, 54, 54, 484]], "validation": [[37] * 4] * 2, "test": [[151] * 4, [150] * 4]},
}


@pytest.mark.parametrize("dataset", COUNTS, ids=lambda one: one.__name__.rpartition(".")[2])
def test_groups_and_images(dataset: ModuleType) -> None:
    raw = dataset.read(None, 8)
    name = dataset.__name__.rpartition(".")[2]
    split, label, colour = (to_numpy(raw.base.column(one)) for one in ("split", "label", "attribute_colour"))
    values = [to_numpy(raw.base.column(f"attribute_{one.name}")) for one in raw.attributes]
    cell = np.zeros(len(label), dtype=np.int64)
    for column in values:
        cell = cell * 2 + column
    for part, groups in COUNTS[dataset].items():
        found = [[int(((split == part) & (label == i) & (cell == j)).sum()) for j in range(len(groups[0]))] for i in (0, 1)]
        assert found == groups, part
    assert raw.split_counts == {part: int((split == part).sum()) for part in ("train", "validation", "test")}
    assert np.bincount(label[split == "train"]).tolist() == registry()[name].train_class_counts
    for column in values:  # each attribute is aligned with the class in 90% of the training images
        assert (column == label)[split == "train"].mean() == pytest.approx(0.9, abs=0.001)
        assert (column == label)[split == "test"].mean() == 0.5
    tables.conform(raw.base, schemas.BASE, "here")
    contents.require_unique(raw.base, schemas.BASE, "here")
    image = np.array([int(key.removeprefix("digits[").split("]")[0]) for key in raw.base.column("key").to_pylist()])
    assert np.array_equal(label, load_digits().target[image] >= 5)
    used = [set(image[split == part].tolist()) for part in ("train", "validation", "test")]
    assert sum(map(len, used)) == len(set.union(*used)) == 1797
    grey = np.rint(load_digits().images[image] / 16 * 255).astype(np.uint8)
    if len(values) > 1:
        for one, side in zip(grey, values[1], strict=True):
            one[:, 0 if side == 0 else 7] = 255
    assert raw.inputs.dtype == np.uint8 and raw.inputs.shape == (len(image), 3, 8, 8)
    rows = np.arange(len(image))
    assert np.array_equal(raw.inputs[rows, colour], grey) and not raw.inputs[rows, 1 - colour].any() and not raw.inputs[:, 2].any()
    again = dataset.read(None, 8)
    assert np.array_equal(again.inputs, raw.inputs) and again.base.equals(raw.base)

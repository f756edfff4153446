"""Coloured MNIST, from random pictures in MNIST's shape: how often labels and colours agree, and where the pictures are."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spurprune.data.datasets import coloured_mnist
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.storage import contents, schemas, tables
from spurprune.storage.columns import labels, to_numpy

TRAIN, TEST = 6000, 1000


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> RawDataset:
    """A miniature of MNIST: 6,000 training pictures, of which 1,000 become the test environment, and 50 of its test split."""
    rng = np.random.default_rng(0)
    n = TRAIN + 50
    base = pa.table(
        {
            "sample_id": np.arange(n, dtype=np.int64),
            "split": labels(["train"] * TRAIN + ["test"] * 50, ("train", "test")),
            "label": rng.integers(0, 10, n).astype(np.int16),
            "key": [f"picture {i}" for i in range(n)],
        }
    )
    raw = RawDataset(rng.integers(1, 256, (n, 1, 28, 28), dtype=np.uint8), base, (), {}, "MNIST", "a licence")
    monkeypatch.setattr(coloured_mnist.mnist, "read", lambda source, size: raw)
    monkeypatch.setattr(coloured_mnist, "TEST", TEST)
    return raw


def test_labels_and_colours_are_as_noisy_as_they_should_be(pictures: RawDataset) -> None:
    found = coloured_mnist.read(None, 14)
    split, label, colour, environment = (
        to_numpy(found.base.column(name)) for name in ("split", "label", "attribute_colour", "attribute_environment")
    )
    assert found.split_counts == {"train": 5000, "validation": 0, "test": 1000}
    assert np.bincount(environment).tolist() == [2500, 2500, 1000] and np.array_equal(split == "test", environment == 2)
    for number, noise in enumerate((0.1, 0.2, 0.9)):
        assert (colour != label)[environment == number].mean() == pytest.approx(noise, abs=0.03)
    image = np.array([int(key.split()[1]) for key in found.base.column("key").to_pylist()])
    assert sorted(image.tolist()) == list(range(TRAIN)), "every training picture once, none of the test split"
    digit = to_numpy(pictures.base.column("label"))[image]
    assert ((digit >= 5) != label).mean() == pytest.approx(0.25, abs=0.02)
    tables.conform(found.base, schemas.BASE, "here")
    contents.require_unique(found.base, schemas.BASE, "here")
    assert isinstance(pictures.inputs, np.ndarray) and isinstance(found.inputs, np.ndarray)
    rows = np.arange(TRAIN)
    assert found.inputs.shape == (TRAIN, 2, 14, 14)
    assert np.array_equal(found.inputs[rows, colour], pictures.inputs[image, 0, ::2, ::2]) and not found.inputs[rows, 1 - colour].any()


def test_another_size_is_refused() -> None:
    with pytest.raises(DataError, match="image_size must be 14, not 28"):
        coloured_mnist.read(Path("nowhere"), 28)

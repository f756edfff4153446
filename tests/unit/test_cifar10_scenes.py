"""Scenes composed of CIFAR-10: groups as declared, no picture used twice, the object in the middle; the real release if available."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from spurprune.data.datasets import cifar10, cifar10_scenes
from spurprune.errors import DataError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import to_numpy

BATCH = 80  # eight images per class in each file of the miniature
COUNTS = {"train": ((9, 1), (1, 9)), "validation": ((2, 2), (2, 2)), "test": ((2, 2), (2, 2))}


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A miniature of CIFAR-10 in which a picture's red gives its class, its green its number."""
    for name, value in (
        ("BATCH", BATCH),
        ("PER_CLASS", {"train": 40, "test": 8}),
        ("SPLIT_COUNTS", {"train": 400, "validation": 0, "test": 80}),
    ):
        monkeypatch.setattr(cifar10, name, value)
    monkeypatch.setattr(cifar10_scenes, "COUNTS", COUNTS)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number, name in enumerate([*cifar10.FILES["train"], *cifar10.FILES["test"]]):
        label = [i % 10 for i in range(BATCH)]
        data = np.zeros((BATCH, 3, 1024), dtype=np.uint8)
        data[:, 0] = np.array(label)[:, None] * 20
        data[:, 1] = (np.arange(BATCH) // 10 + 8 * number)[:, None]
        (folder / name).write_bytes(pickle.dumps({b"labels": label, b"data": data.reshape(BATCH, 3072)}, protocol=2))
    return tmp_path


def test_groups_have_their_counts_and_no_picture_is_used_twice(release: Path) -> None:
    raw = cifar10_scenes.read(release, 64)
    tables.conform(raw.base, schemas.BASE, "scenes")
    split, label, water = (to_numpy(raw.base.column(name)) for name in ("split", "label", "attribute_background"))
    for name, groups in COUNTS.items():
        found = [[int(((split == name) & (label == i) & (water == j)).sum()) for j in (0, 1)] for i in (0, 1)]
        assert found == [list(row) for row in groups]
    keys = [key for pair in raw.base.column("key").to_pylist() for key in pair.split(" on ")]
    assert len(set(keys)) == len(keys)
    is_test = [key.startswith("test") for key in keys]
    assert is_test[::2] == is_test[1::2] == (split == "test").tolist(), "training and test take pictures of their own splits"


def test_the_object_lies_in_the_middle_of_its_scene(release: Path) -> None:
    raw = cifar10_scenes.read(release, 64)
    assert isinstance(raw.inputs, np.ndarray) and raw.inputs.shape[1:] == (3, 64, 64)
    label, water = (to_numpy(raw.base.column(name)) for name in ("label", "attribute_background"))
    red = {name: cifar10.CLASSES.index(name) * 20 for name in (*cifar10_scenes.CLASSES, *cifar10_scenes.SCENES)}
    for image, i, j in zip(raw.inputs, label, water, strict=True):
        scene = np.full((64, 64), red[cifar10_scenes.SCENES[j]])
        scene[16:48, 16:48] = red[cifar10_scenes.CLASSES[i]]
        assert np.array_equal(image[0], scene)


def test_the_composition_is_the_same_every_time_and_needs_room(release: Path) -> None:
    one, other = cifar10_scenes.read(release, 64), cifar10_scenes.read(release, 64)
    assert np.array_equal(one.inputs, other.inputs) and one.base.equals(other.base)
    with pytest.raises(DataError, match="image_size must be at least 64, not 32"):
        cifar10_scenes.read(release, 32)


def test_the_real_release_is_large_enough() -> None:
    source = os.environ.get("SPURPRUNE_CIFAR10")
    if source is None:
        pytest.skip("SPURPRUNE_CIFAR10 does not name the folder that holds cifar-10-batches-py")
    raw = cifar10_scenes.read(Path(source), 64)
    assert len(raw.inputs) == sum(cifar10_scenes.SPLIT_COUNTS.values()) == 3400

"""CIFAR-10 from its official batches: layout, counts, damaged and hostile files; the real release if available."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spurprune.data.datasets import cifar10
from spurprune.errors import DataError
from spurprune.storage import columns, schemas, tables

BATCH = 20  # two images per class in each file of the miniature


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A miniature of the release: its files and fields, fewer images."""
    monkeypatch.setattr(cifar10, "BATCH", BATCH)
    monkeypatch.setattr(cifar10, "PER_CLASS", {"train": 10, "test": 2})
    monkeypatch.setattr(cifar10, "SPLIT_COUNTS", {"train": 100, "validation": 0, "test": 20})
    rng = np.random.default_rng(0)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in [*cifar10.FILES["train"], *cifar10.FILES["test"]]:
        fields = {b"labels": [i % 10 for i in range(BATCH)], b"data": rng.integers(0, 256, (BATCH, 3072), dtype=np.uint8)}
        write(folder / name, fields)
    return tmp_path


def write(path: Path, content: Any) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


def test_images_come_channel_by_channel_in_the_order_of_the_files(release: Path) -> None:
    raw = cifar10.read(release, 32)
    assert raw.inputs.shape == (120, 3, 32, 32)
    assert raw.inputs.dtype == np.uint8
    last = pickle.loads((release / "cifar-10-batches-py" / "test_batch").read_bytes())
    assert (raw.inputs[100:] == last[b"data"].reshape(BATCH, 3, 32, 32)).all()
    base = tables.conform(raw.base, schemas.BASE, "base")
    assert columns.to_numpy(base.column("split")).tolist() == ["train"] * 100 + ["test"] * 20
    assert base.column("key")[101].as_py() == "test_batch[1]"
    assert raw.split_counts == {"train": 100, "validation": 0, "test": 20}


def test_missing_data_says_what_to_place_where(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match=r"CIFAR-10 is not at .*cifar-10-batches-py: unpack .* data\.cifar10") as error:
        cifar10.read(tmp_path, 32)
    assert_one_sentence(str(error.value))


def test_an_incomplete_release_says_what_it_lacks(release: Path, assert_one_sentence: Callable[[str], None]) -> None:
    (release / "cifar-10-batches-py" / "data_batch_4").unlink()
    with pytest.raises(DataError, match=r"CIFAR-10 is not at .*cifar-10-batches-py \(it lacks data_batch_4\): unpack") as error:
        cifar10.read(release, 32)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({b"labels": [0] * BATCH}, "lacks the field 'data'"),
        ({b"labels": [0] * BATCH, b"data": np.zeros((BATCH, 5), dtype=np.uint8)}, "holds uint8"),
        ({b"labels": [12] * BATCH, b"data": np.zeros((BATCH, 3072), dtype=np.uint8)}, "labels"),
        ([1, 2], "is not a CIFAR-10 batch"),
        ({b"labels": [0] * BATCH, b"data": np.zeros((BATCH, 3072), dtype=np.uint8)}, "images per class"),
    ],
)
def test_a_foreign_batch_is_refused(release: Path, content: Any, reason: str) -> None:
    write(release / "cifar-10-batches-py" / "data_batch_3", content)
    with pytest.raises(DataError, match=reason):
        cifar10.read(release, 32)


def test_a_cut_batch_is_refused(release: Path) -> None:
    path = release / "cifar-10-batches-py" / "data_batch_2"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="data_batch_2 is refused or damaged"):
        cifar10.read(release, 32)


def test_a_pickle_that_would_run_code_is_refused(release: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(release / "harm"),)

    write(release / "cifar-10-batches-py" / "data_batch_1", {b"data": Hostile()})
    with pytest.raises(DataError, match="data_batch_1 is refused"):
        cifar10.read(release, 32)
    assert not (release / "harm").exists()


def test_the_release_has_one_size() -> None:
    with pytest.raises(DataError, match="image_size must be 32, not 64"):
        cifar10.read(None, 64)


def test_the_real_release() -> None:
    """Counts and content of the real data, whose folder SPURPRUNE_CIFAR10 names."""
    source = os.environ.get("SPURPRUNE_CIFAR10")
    if source is None:
        pytest.skip("SPURPRUNE_CIFAR10 does not name the folder that holds cifar-10-batches-py")
    raw = cifar10.read(Path(source), 32)
    assert raw.inputs.shape == (60_000, 3, 32, 32)
    # The published channel means of the training images, (.4914, .4822, .4465).
    means = raw.inputs[:50_000].mean(axis=(0, 2, 3)) / 255
    assert np.round(means, 4).tolist() == [0.4914, 0.4822, 0.4465]

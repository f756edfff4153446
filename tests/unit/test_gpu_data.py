"""CIFAR-10 in parts: lossless, small enough, checked."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import gpu_data
from benchmarks.gpu import tiny
from spurprune.data.datasets import cifar10
from spurprune.data.formats import pickles
from spurprune.errors import DataError

LARGEST = 100_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset of 240 noisy images, about 2.5 kB each."""
    folder = tmp_path_factory.mktemp("prepared")
    tiny.write(folder)
    return folder


@pytest.fixture
def parts(source: Path, tmp_path: Path) -> Path:
    gpu_data.cut(source, tmp_path / "parts", LARGEST)
    return tmp_path / "parts"


def test_an_image_survives_to_the_bit() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    assert (gpu_data.decode(gpu_data.encode(image)) == image).all()
    black = np.zeros((3, 32, 32), dtype=np.uint8)
    assert (gpu_data.decode(gpu_data.encode(black)) == black).all()


def test_parts_are_small_and_join_to_what_was_cut(source: Path, parts: Path, tmp_path: Path) -> None:
    pixels, label, _ = tiny.images()
    names = sorted(path.name for path in parts.glob("*.parquet"))
    assert len(names) > 2
    assert max(path.stat().st_size for path in parts.glob("*.parquet")) <= LARGEST
    folder = gpu_data.join(parts, tmp_path / "joined", batch=40)
    found = [pickles.load(folder / name, pickles.NUMPY_ARRAYS) for name in gpu_data.FILES]
    assert (np.concatenate([one["data"] for one in found]).reshape(-1, 3, 32, 32) == pixels).all()
    assert np.concatenate([one["labels"] for one in found]).tolist() == label.tolist()


def test_the_package_reads_what_was_joined(source: Path, parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "BATCH", 40)
    monkeypatch.setattr(cifar10, "PER_CLASS", tiny.PER_CLASS)
    monkeypatch.setattr(cifar10, "SPLIT_COUNTS", {"train": 200, "validation": 0, "test": 40})
    gpu_data.join(parts, tmp_path / "joined", batch=40)
    images, label = gpu_data.read(tmp_path / "joined")
    assert (images == tiny.images()[0]).all() and (label == tiny.images()[1]).all()
    again = gpu_data.cut(tmp_path / "joined", tmp_path / "again", LARGEST)
    assert [path.read_bytes() for path in again] == [(parts / path.name).read_bytes() for path in again]


def test_a_damaged_part_is_named(parts: Path, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = parts / "cifar10-1.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cifar10-1\.parquet is damaged") as error:
        gpu_data.join(parts, tmp_path / "joined")
    assert_one_sentence(str(error.value))
    assert not (tmp_path / "joined").exists()


def test_a_missing_part_and_a_missing_index_are_named(parts: Path, tmp_path: Path) -> None:
    (parts / "cifar10-0.parquet").unlink()
    assert gpu_data.missing(parts) == ["cifar10-0.parquet"]
    with pytest.raises(DataError, match=r"lacks cifar10-0\.parquet; copy all parts"):
        gpu_data.join(parts, tmp_path / "joined")
    with pytest.raises(DataError, match=r"parts\.json is missing"):
        gpu_data.join(tmp_path, tmp_path / "joined")


def test_other_images_than_those_that_were_cut_are_noticed(parts: Path, tmp_path: Path) -> None:
    """A part that is whole by its own checksum, but holds another image: as if an image were decoded otherwise."""
    path = parts / "cifar10-0.parquet"
    table = pq.read_table(path)
    encoded = table.column("image").to_pylist()
    other = gpu_data.decode(encoded[3]).copy()
    other[0, 0, 0] ^= 1
    encoded[3] = gpu_data.encode(other)
    pq.write_table(pa.table({"image": pa.array(encoded, pa.binary()), "label": table.column("label")}), path)
    index = json.loads((parts / gpu_data.INDEX).read_text())
    index["parts"][0]["sha256"] = gpu_data._sha256(path)
    (parts / gpu_data.INDEX).write_text(json.dumps(index))
    with pytest.raises(DataError, match="are not those that were cut"):
        gpu_data.join(parts, tmp_path / "joined")


def test_parts_too_small_for_an_image_are_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="more than the 1000 allowed"):
        gpu_data.cut(source, tmp_path / "parts", 1000)

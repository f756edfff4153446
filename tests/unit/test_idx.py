"""MNIST and Fashion-MNIST from their idx files: layout, counts, damaged and foreign files; the real release if available."""

import gzip
import hashlib
import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spurprune.data.datasets import fashion_mnist, mnist
from spurprune.data.formats import idx
from spurprune.data.registry import registry
from spurprune.errors import DataError
from spurprune.storage import columns, schemas, tables

COUNTS = {"train": (3, 2, 4), "test": (1, 1, 2)}  # of a miniature with three classes
TRAIN_LABELS = "train-labels-idx1-ubyte"
TRAIN_IMAGES = "train-images-idx3-ubyte"


def contents() -> dict[str, bytes]:
    """The four files of the miniature; every image is filled with its position within its file."""
    files = {}
    for split, prefix in idx.PREFIXES.items():
        label = np.repeat(np.arange(3, dtype=np.uint8), COUNTS[split])
        images = np.repeat(np.arange(len(label), dtype=np.uint8), 28 * 28)
        files[f"{prefix}-images-idx3-ubyte"] = struct.pack(">4I", 2051, len(label), 28, 28) + images.tobytes()
        files[f"{prefix}-labels-idx1-ubyte"] = struct.pack(">2I", 2049, len(label)) + label.tobytes()
    return files


def place(folder: Path, files: Mapping[str, bytes], gzipped: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / (f"{name}.gz" if gzipped else name)).write_bytes(gzip.compress(content) if gzipped else content)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as a warning."""
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> idx.Release:
    """A miniature of MNIST: its files with fewer images and classes."""
    md5 = {name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in contents().items()}
    small = replace(mnist.RELEASE, classes=("0", "1", "2"), class_counts=COUNTS, md5=md5)
    monkeypatch.setattr(mnist, "RELEASE", small)
    return small


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("folder", ["", "MNIST/raw"])
def test_images_come_in_the_order_of_the_files(
    release: idx.Release, tmp_path: Path, folder: str, gzipped: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spurprune.machine.logs.log.propagate", True)
    place(tmp_path / folder, contents(), gzipped)
    raw = mnist.read(tmp_path, 28)
    assert raw.inputs.shape == (13, 1, 28, 28) and raw.inputs.dtype == np.uint8
    assert raw.inputs[:, 0, 5, 7].tolist() == [*range(9), *range(4)]
    base = tables.conform(raw.base, schemas.BASE, "base")
    assert columns.to_numpy(base.column("split")).tolist() == ["train"] * 9 + ["test"] * 4
    assert base.column("label").to_pylist() == [0, 0, 0, 1, 1, 2, 2, 2, 2, 0, 1, 2, 2]
    assert [base.column("key")[i].as_py() for i in (8, 9)] == ["train-images-idx3-ubyte[8]", "t10k-images-idx3-ubyte[0]"]
    assert raw.split_counts == {"train": 9, "validation": 0, "test": 4}
    assert warnings(caplog) == []


def test_unpacked_files_take_precedence_over_gzipped_ones(release: idx.Release, tmp_path: Path) -> None:
    place(tmp_path, contents(), gzipped=True)
    place(tmp_path, {TRAIN_LABELS: contents()[TRAIN_LABELS]})
    assert [path.name for path in mnist.locate(tmp_path)] == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    ]


def test_files_of_two_folders_are_not_mixed(release: idx.Release, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    files = contents()
    place(tmp_path, {TRAIN_LABELS: files.pop(TRAIN_LABELS)})
    place(tmp_path / "MNIST" / "raw", files)
    reason = f"MNIST is not at {tmp_path}: place {TRAIN_LABELS}, gzipped or not, in {tmp_path}/MNIST/raw, or set data.mnist to"
    with pytest.raises(DataError, match=reason) as error:
        mnist.read(tmp_path, 28)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize(("reader", "name"), [(mnist, "mnist"), (fashion_mnist, "fashion_mnist")])
def test_missing_data_says_what_to_place_where(
    reader: object, name: str, tmp_path: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(DataError, match=rf"MNIST is not at .*: place {', '.join(idx.FILES)}, gzipped or not, .*data\.{name}") as error:
        reader.locate(tmp_path)  # type: ignore[attr-defined]
    assert_one_sentence(str(error.value))


LABELS = contents()[TRAIN_LABELS]
IMAGES = contents()[TRAIN_IMAGES]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (TRAIN_LABELS, LABELS[:-1], "is cut off after 16 of 17 bytes"),
        (TRAIN_LABELS, b"", "is cut off after 0 of 17 bytes"),
        (TRAIN_IMAGES, IMAGES[:7], "is cut off after 7 of 7,072 bytes"),
        (TRAIN_LABELS, LABELS + b"\0", "holds more than the 17 bytes of the release"),
        (TRAIN_LABELS, IMAGES, "has the magic number 2051, but must have 2049"),
        (TRAIN_LABELS, b"<html>", "has the magic number 1013478509, but must have 2049"),
        (TRAIN_LABELS, contents()["t10k-labels-idx1-ubyte"], "holds 4 values, but the release 9"),
        (
            TRAIN_IMAGES,
            IMAGES.replace(struct.pack(">2I", 28, 28), struct.pack(">2I", 14, 56)),
            "holds 9×14×56 values, but the release 9×28×28",
        ),
        (TRAIN_LABELS, LABELS[:-1] + b"\1", r"holds \(3, 3, 3\) images per class, but the release \(3, 2, 4\)"),
        (TRAIN_LABELS, LABELS[:-1] + b"\3", r"holds \(3, 2, 3, 1\) images per class, but the release \(3, 2, 4\)"),
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_a_foreign_file_is_refused(
    release: idx.Release,
    tmp_path: Path,
    name: str,
    content: bytes,
    reason: str,
    gzipped: bool,
    assert_one_sentence: Callable[[str], None],
) -> None:
    place(tmp_path, contents() | {name: content}, gzipped)
    with pytest.raises(DataError, match=f"{name}.* {reason}; use an original copy") as error:
        mnist.read(tmp_path, 28)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: b"no gzip", lambda packed: packed[:12] + b"\xff" * 20])
def test_a_damaged_gzip_file_is_refused(
    release: idx.Release, tmp_path: Path, damage: Callable[[bytes], bytes], assert_one_sentence: Callable[[str], None]
) -> None:
    place(tmp_path, contents(), gzipped=True)
    path = tmp_path / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES}.gz cannot be read or is damaged") as error:
        mnist.read(tmp_path, 28)
    assert_one_sentence(str(error.value))


def test_a_gzip_file_does_not_unpack_to_more_than_the_release_holds(tmp_path: Path) -> None:
    path = tmp_path / "large.gz"
    path.write_bytes(gzip.compress(bytes(10_000_000)))
    assert len(idx._content(path, 100)) == 100


def test_another_checksum_is_a_warning(
    release: idx.Release, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, contents() | {TRAIN_IMAGES: IMAGES[:-1] + b"\xff"})
    monkeypatch.setattr("spurprune.machine.logs.log.propagate", True)
    raw = mnist.read(tmp_path, 28)
    assert raw.inputs[8, 0, 27, 27] == 255
    (warning,) = warnings(caplog)
    assert f"{TRAIN_IMAGES} has the format and the counts of the release, but" in warning
    assert release.md5[TRAIN_IMAGES] in warning


def test_the_release_has_one_size() -> None:
    with pytest.raises(DataError, match="Fashion-MNIST holds 28×28 images, so image_size must be 28, not 32"):
        fashion_mnist.read(None, 32)


@pytest.mark.parametrize("reader", [mnist, fashion_mnist])
def test_the_registry_says_what_the_reader_says(reader: object) -> None:
    release: idx.Release = reader.RELEASE  # type: ignore[attr-defined]
    entry = registry()[release.dataset]
    assert tuple(entry.classes) == release.classes
    assert tuple(entry.train_class_counts) == release.class_counts["train"]
    assert (sum(release.class_counts["train"]), sum(release.class_counts["test"])) == (60_000, 10_000)
    assert (entry.image_size, entry.channels, entry.embedded) == (28, 1, False)


def test_the_real_release(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and content of the real MNIST, whose folder SPURPRUNE_MNIST names."""
    source = os.environ.get("SPURPRUNE_MNIST")
    if source is None:
        pytest.skip("SPURPRUNE_MNIST does not name the folder that holds MNIST's idx files or MNIST/raw")
    monkeypatch.setattr("spurprune.machine.logs.log.propagate", True)
    raw = mnist.read(Path(source), 28)
    assert raw.inputs.shape == (70_000, 1, 28, 28)
    # The published mean and standard deviation of the training images, 0.1307 and 0.3081.
    train = raw.inputs[:60_000] / np.float32(255)
    assert (round(float(train.mean(dtype=np.float64)), 4), round(float(train.std(dtype=np.float64)), 4)) == (0.1307, 0.3081)
    label = raw.base.column("label").to_pylist()
    assert label[:10] == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # well known: the first training digits
    assert warnings(caplog) == []

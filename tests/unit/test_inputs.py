"""A dataset's memory-mapped inputs and their manifest."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from spurprune.data.grouping import WITHOUT_WITH, Attribute
from spurprune.data.inputs import Manifest, StoredInputs, content_of, folder_name, open_inputs, read_manifest, write_inputs, write_manifest
from spurprune.errors import DataError
from spurprune.storage import checksums
from spurprune.storage.checksums import sealed, unsealed

MANIFEST = Manifest(
    dataset="toy",
    image_size=4,
    count=6,
    shape=(1, 4, 4),
    dtype="uint8",
    classes=("cat", "dog"),
    attributes=(Attribute.of("line", WITHOUT_WITH), Attribute.of("site", ("A", "B", "C"))),
    split_counts={"train": 4, "test": 2},
    mean=(0.5,),
    std=(0.25,),
    sha256="0",
    source="made here",
    licence="CC0",
)
IMAGES = np.arange(96, dtype=np.uint8).reshape(6, 1, 4, 4)
MANIFEST = replace(MANIFEST, **content_of(IMAGES))


def refused(action: Callable[[], object], assert_one_sentence: Callable[[str], None]) -> str:
    with pytest.raises(DataError) as error:
        action()
    assert_one_sentence(str(error.value))
    return str(error.value)


def test_manifest_is_read_back_equal(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    assert read_manifest(path) == MANIFEST
    assert MANIFEST.num_classes == 2
    assert list(tmp_path.iterdir()) == [path]


def test_samples_are_kept_as_they_are_without_a_size(tmp_path: Path) -> None:
    vectors = replace(MANIFEST, image_size=None, shape=(3,), dtype="float32", mean=(), std=())
    write_manifest(tmp_path / "manifest.json", vectors)
    assert read_manifest(tmp_path / "manifest.json") == vectors
    assert (vectors.kind, MANIFEST.kind, replace(vectors, dtype="int32").kind) == ("vectors", "images", "sentences")
    assert (folder_name("toy", None), folder_name("toy", 32)) == ("toy-full", "toy-32")


def test_attributes_are_known_by_name(assert_one_sentence: Callable[[str], None]) -> None:
    assert MANIFEST.attribute("site").values == ("A", "B", "C")
    text = refused(lambda: MANIFEST.attribute("sight"), assert_one_sentence)
    assert text == "The dataset 'toy' has no attribute 'sight'; its attributes are line, site."


def test_classes_are_known_by_name_or_number(assert_one_sentence: Callable[[str], None]) -> None:
    assert [MANIFEST.class_index(name) for name in ("cat", "dog", 0, 1)] == [0, 1, 0, 1]
    text = refused(lambda: MANIFEST.class_index("cow"), assert_one_sentence)
    assert text == "The dataset 'toy' has no class 'cow'; its classes are cat, dog."
    for number in (2, -1):
        assert f"no class '{number}'" in refused(lambda number=number: MANIFEST.class_index(number), assert_one_sentence)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"dataset": "toy"}', "\x00"])
def test_a_damaged_manifest_is_refused(tmp_path: Path, content: str, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)
    assert f"{path} is not a dataset manifest" in refused(lambda: read_manifest(path), assert_one_sentence)


def test_a_manifest_with_an_unknown_key_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    path.write_text(json.dumps(sealed(unsealed(json.loads(path.read_text())) | {"colour": 1})))
    assert "colour" in refused(lambda: read_manifest(path), assert_one_sentence)


def test_a_missing_file_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    for name, reader in (("manifest.json", read_manifest), ("inputs.npy", lambda path: open_inputs(path, MANIFEST))):
        path = tmp_path / name
        assert f"{path} is missing" in refused(lambda path=path, reader=reader: reader(path), assert_one_sentence)


def test_inputs_are_opened_memory_mapped_and_read_only(tmp_path: Path) -> None:
    path = tmp_path / "inputs.npy"
    write_inputs(path, IMAGES)
    inputs = open_inputs(path, MANIFEST)
    assert not inputs[:].flags.writeable
    assert np.array_equal(inputs[:], IMAGES)
    assert (inputs.shape, inputs.dtype, len(inputs)) == (IMAGES.shape, IMAGES.dtype, 6)
    assert list(tmp_path.iterdir()) == [path]


def test_inputs_are_replaced_at_once(tmp_path: Path) -> None:
    """A process that has mapped the old array keeps it: a rename, not a rewrite."""
    path = tmp_path / "inputs.npy"
    write_inputs(path, IMAGES)
    mapped = open_inputs(path, MANIFEST)
    nothing = np.zeros_like(IMAGES)
    write_inputs(path, nothing)
    assert np.array_equal(mapped[:], IMAGES)
    assert not open_inputs(path, replace(MANIFEST, **content_of(nothing)))[:].any()


@pytest.mark.parametrize("kept", [0, 5, 40, 150, -1])
def test_a_truncated_array_is_refused(tmp_path: Path, kept: int, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "inputs.npy"
    write_inputs(path, IMAGES)
    path.write_bytes(path.read_bytes()[:kept])
    assert f"{path} is damaged or not an NPY file" in refused(lambda: open_inputs(path, MANIFEST), assert_one_sentence)


def test_an_array_of_objects_is_never_loaded(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "inputs.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert str(path) in refused(lambda: open_inputs(path, MANIFEST), assert_one_sentence)


@pytest.mark.parametrize("change", [{"count": 7}, {"shape": (3, 4, 4)}, {"dtype": "int32"}])
def test_an_array_that_does_not_match_its_manifest_is_refused(
    tmp_path: Path, change: dict[str, Any], assert_one_sentence: Callable[[str], None]
) -> None:
    path = tmp_path / "inputs.npy"
    write_inputs(path, IMAGES)
    text = refused(lambda: open_inputs(path, replace(MANIFEST, **change)), assert_one_sentence)
    assert "uint8 (6, 1, 4, 4)" in text and "its manifest says" in text


def test_a_failing_write_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    def disk_full(out: BinaryIO, inputs: np.ndarray, **options: object) -> None:
        out.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", disk_full)
    path = tmp_path / "inputs.npy"
    assert "No space left on device" in refused(lambda: write_inputs(path, IMAGES), assert_one_sentence)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.25", "0.35"),
        ('"cat"', '"cau"'),
        ('"train": 4', '"train": 5'),
        ('"count": 6', '"count": 7'),
        ("licence", "licencd"),
        ('"digest"', '"Digest"'),
    ],
)
def test_a_manifest_with_one_other_letter_is_refused(
    tmp_path: Path, old: str, new: str, assert_one_sentence: Callable[[str], None]
) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    assert f"{path} is not a dataset manifest" in refused(lambda: read_manifest(path), assert_one_sentence)


def test_a_manifest_without_digest_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "manifest.json"
    write_manifest(path, MANIFEST)
    path.write_text(json.dumps(unsealed(json.loads(path.read_text()))))
    assert "written by an older version" in refused(lambda: read_manifest(path), assert_one_sentence)


def stored(folder: Path, array: np.ndarray, flipped_row: int | None = None) -> StoredInputs:
    """An array opened as a dataset's inputs, after the flip of one bit in the last byte of a row."""
    path = folder / "inputs.npy"
    write_inputs(path, array)
    if flipped_row is not None:
        content = bytearray(path.read_bytes())
        content[len(content) - (len(array) - flipped_row - 1) * array[0].nbytes - 1] ^= 4
        path.write_bytes(content)
    return open_inputs(path, replace(MANIFEST, **content_of(array)))


def test_a_flipped_bit_is_found_where_it_is_read_and_only_there(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    array = np.random.default_rng(0).integers(0, 256, (20, 100_000), dtype=np.uint8)  # two rows per chunk
    inputs = stored(tmp_path, array, flipped_row=7)
    assert np.array_equal(inputs[np.array([19, 0, 5, 8, 0])], array[[19, 0, 5, 8, 0]])
    assert np.array_equal(inputs[8:20], array[8:20])
    mask = np.arange(20) == 6
    assert np.array_equal(inputs[np.arange(20) == 5][0], array[5])
    for read in (
        lambda: inputs[np.array([1, 6])],
        lambda: inputs[mask],
        lambda: inputs[6],
        lambda: list(inputs),
        lambda: inputs[[6]],
        lambda: inputs[7:8],
        lambda: inputs[np.array([6]), 0],
        lambda: inputs[:],
    ):
        text = refused(read, assert_one_sentence)
        assert str(inputs._path) in text and "samples 6 to 7" in text


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(0).random((7, 50_000)).astype(np.float32),
        np.arange(5 * 131_072, dtype=np.int32).reshape(5, 131_072),
        np.asfortranarray(np.arange(60, dtype=np.float32).reshape(20, 3)),
    ],
    ids=["one chunk and a part", "rows larger than a chunk", "columns first"],
)
def test_arrays_of_any_size_come_back(tmp_path: Path, array: np.ndarray) -> None:
    inputs = stored(tmp_path, array)
    assert np.array_equal(inputs[np.arange(len(array))[::-1]], array[::-1])
    assert np.array_equal(inputs[:], array)
    assert len(inputs[:0]) == 0


def test_every_chunk_is_checked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).integers(0, 256, (40, 100_000), dtype=np.uint8)
    inputs, seen = stored(tmp_path, array), 0
    checksum = checksums.checksum

    def counted(data: np.ndarray) -> int:
        nonlocal seen
        seen += len(data)
        return checksum(data)

    monkeypatch.setattr(checksums, "checksum", counted)
    rng = np.random.default_rng(0)
    for _ in range(30):
        inputs[rng.integers(0, 20, 8)]
    assert seen == 20, "the first half alone was read"
    inputs[:]
    assert seen == 40


@pytest.mark.parametrize("row", [-1, 6])
def test_samples_that_the_array_lacks_are_refused(tmp_path: Path, row: int, assert_one_sentence: Callable[[str], None]) -> None:
    inputs = stored(tmp_path, IMAGES)
    assert f"sample {row} is asked for" in refused(lambda: inputs[np.array([0, row])], assert_one_sentence)


@pytest.mark.parametrize("order", ["'fortran_order': True, ", "'fortran_order': False,"])
def test_an_array_in_another_order_is_refused(tmp_path: Path, order: str, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "inputs.npy"
    write_inputs(path, IMAGES)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'fortran_order': False,", order.encode()))
    if path.read_bytes() == content:
        assert np.array_equal(open_inputs(path, MANIFEST)[:], IMAGES)
    else:
        assert str(path) in refused(lambda: open_inputs(path, MANIFEST), assert_one_sentence)


def test_appended_bytes_are_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "inputs.npy"
    write_inputs(path, IMAGES)
    path.write_bytes(path.read_bytes() + b"\0")
    assert str(path) in refused(lambda: open_inputs(path, MANIFEST), assert_one_sentence)


def test_a_manifest_without_checksums_opens_nothing(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "inputs.npy"
    write_inputs(path, IMAGES)
    text = refused(lambda: open_inputs(path, replace(MANIFEST, checksums="")), assert_one_sentence)
    assert "has no checksums" in text

"""Images stored as JPEG files: nearly their pixels, in order, resumed after an interruption, checked where they are read."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from spurprune.data import catalogue
from spurprune.data.formats import encoding
from spurprune.data.formats.encoding import encode
from spurprune.data.formats.images import DamagedImageError
from spurprune.data.inputs import EncodedInputs, Manifest, content_of_encoded, local_inputs, open_inputs, read_manifest, write_manifest
from spurprune.errors import ConfigError, DataError
from spurprune.stages import prepare_inputs
from spurprune.storage.provenance import Provenance
from spurprune.training.data import load

N, SIZE = 20, 24
MANIFEST = Manifest("photos", SIZE, N, (3, SIZE, SIZE), "uint8", ("cat", "dog"), (), {"train": N}, (0.5,) * 3, (0.25,) * 3, "", "", "")


@dataclass(frozen=True)
class Photos:
    """Smooth pictures with some noise; those of ``damaged`` rows cannot be read."""

    damaged: frozenset[int] = frozenset()
    size: int = SIZE

    def __len__(self) -> int:
        return N

    def read(self, row: int) -> np.ndarray:
        if row in self.damaged:
            raise DamagedImageError(f"The image {row} is damaged.")
        return pixels()[row]

    def identity(self) -> str:
        return "photos"


def pixels() -> np.ndarray:
    """The pictures, uint8 [N, 3, SIZE, SIZE]."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 200, SIZE)[None, None, None, :] * rng.random((N, 3, 1, 1)) + 20 * np.arange(N)[:, None, None, None] % 40
    return (slope + rng.integers(0, 8, (N, 3, SIZE, SIZE))).astype(np.uint8)


def stored(folder: Path, threads: int = 1) -> EncodedInputs:
    path = folder / "inputs.npy"
    encode(Photos(), path, 2, skip_damaged=False)
    found = open_inputs(path, described(path), threads)
    assert isinstance(found, EncodedInputs)
    return found


def described(path: Path, count: int = N) -> Manifest:
    return replace(MANIFEST, **content_of_encoded(np.load(path, mmap_mode="r"), count, SIZE))


def decoded(files: list[bytes]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(io.BytesIO(one))).transpose(2, 0, 1) for one in files])


@pytest.mark.parametrize("threads", [1, 3])
def test_pixels_come_back_but_for_a_few_levels(tmp_path: Path, threads: int) -> None:
    inputs, expected = stored(tmp_path, threads), pixels()
    found = inputs[:]
    assert (inputs.shape, inputs.dtype, len(inputs)) == (expected.shape, expected.dtype, N)
    difference = np.abs(found.astype(int) - expected)
    assert difference.mean() < 2.5 and difference.max() <= 12
    assert np.array_equal(found, decoded([encoding.to_jpeg(one) for one in expected])), "as the files say, in order"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inputs.npy"]


@pytest.mark.parametrize(
    "key",
    [
        5,
        np.int64(7),
        slice(3, 9),
        np.array([9, 2, 2]),
        np.arange(N) % 3 == 0,
        [1, 4],
        (3, 1),
        (np.array([1, 2]), 0),
        (slice(2), slice(None), 4),
        np.empty(0, dtype=np.int64),
    ],
    ids=str,
)
def test_it_is_indexed_like_an_array(tmp_path: Path, key: Any) -> None:
    inputs = stored(tmp_path)
    found, expected = inputs[key], inputs[:][key]
    assert found.shape == expected.shape and np.array_equal(found, expected)


@pytest.mark.parametrize("key", [(np.array([0]), np.array([0])), None, True, (0, [1]), (0, ...)], ids=str)
def test_what_an_array_would_read_otherwise_is_refused(tmp_path: Path, key: Any) -> None:
    with pytest.raises(TypeError, match="cannot be indexed by"):
        stored(tmp_path)[key]


def test_interrupted_encoding_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNK", 8)
    path, read = tmp_path / "inputs.npy", []
    (tmp_path / "whole").mkdir()
    encode(Photos(), tmp_path / "whole/inputs.npy", 1, skip_damaged=False)
    original = Photos.read

    def dying(self: Photos, row: int) -> np.ndarray:
        read.append(row)
        if row == 13 and len(read) < N:
            raise KeyboardInterrupt
        return original(self, row)

    monkeypatch.setattr(Photos, "read", dying)
    with pytest.raises(KeyboardInterrupt):
        encode(Photos(), path, 1, skip_damaged=False)
    assert not path.exists()
    with open(tmp_path / ".inputs.npy.encoding", "ab") as file:
        file.write(b"half an image")
    before = len(read)
    monkeypatch.setattr(Photos, "read", lambda self, row: (read.append(row), original(self, row))[1])
    encode(Photos(), path, 1, skip_damaged=False)
    assert sorted(read[before:]) == list(range(8, N)), "the first eight were kept"
    assert path.read_bytes() == (tmp_path / "whole/inputs.npy").read_bytes()


@pytest.mark.parametrize("harm", ["bytes", "notes", "sizes", "other images", "lost"])
def test_damaged_or_other_unfinished_work_is_not_used(tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "CHUNK", 8)
    path, partial, notes = tmp_path / "inputs.npy", tmp_path / ".inputs.npy.encoding", tmp_path / ".inputs.npy.encoding.json"
    with pytest.raises(DamagedImageError):
        encode(Photos(frozenset({13})), path, 1, skip_damaged=False)
    content = bytearray(partial.read_bytes())
    content[300] ^= 4
    if harm == "bytes":
        partial.write_bytes(content)
    elif harm == "notes":
        notes.write_text(notes.read_text().replace('"done": 8', '"done": 9'))
    elif harm == "sizes":
        (tmp_path / ".inputs.npy.encoding.sizes").write_bytes(b"")
    elif harm == "other images":
        monkeypatch.setattr(Photos, "identity", lambda self: "others")
    else:
        partial.unlink()
    encode(Photos(), path, 1, skip_damaged=False)
    assert np.array_equal(open_inputs(path, described(path))[:], decoded([encoding.to_jpeg(one) for one in pixels()]))


def test_damaged_images_stop_or_are_left_out(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "inputs.npy"
    with pytest.raises(DamagedImageError, match="The image 3 is damaged"):
        encode(Photos(frozenset({3, 19})), path, 1, skip_damaged=False)
    assert encode(Photos(frozenset({3, 19})), path, 1, skip_damaged=True) == [3, 19]
    kept = np.setdiff1d(np.arange(N), [3, 19])
    expected = decoded([encoding.to_jpeg(pixels()[row]) for row in kept])
    assert np.array_equal(open_inputs(path, described(path, len(kept)))[:], expected)
    path.unlink()
    with pytest.raises(DataError, match="None of the 20 images could be decoded") as error:
        encode(Photos(frozenset(range(N))), path, 1, skip_damaged=True)
    assert_one_sentence(str(error.value))
    assert list(tmp_path.iterdir()) == []


def flipped(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def test_a_flipped_bit_is_found_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.setattr("spurprune.data.inputs.CHUNK_BYTES", 4000)
    inputs = stored(tmp_path)
    manifest, path = described(tmp_path / "inputs.npy"), tmp_path / "inputs.npy"
    rows = manifest.chunk_rows
    assert 1 < rows < N // 2
    flipped(path, encoding.HEADER + int(inputs._positions[rows]) + 5)
    again = open_inputs(path, manifest)
    assert np.array_equal(again[:rows], inputs[:rows]) or rows == 0
    for read in (lambda: again[rows], lambda: again[:], lambda: again.files(np.array([rows]))):  # type: ignore[attr-defined]
        with pytest.raises(DataError, match=f"samples {rows} to {2 * rows - 1} do not have the checksum") as error:
            read()
        assert_one_sentence(str(error.value))


def test_damaged_positions_are_found_at_once(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    stored(tmp_path)
    path = tmp_path / "inputs.npy"
    manifest, size = described(path), path.stat().st_size
    flipped(path, size - 20)
    with pytest.raises(DataError, match="positions of its images do not have the checksum") as error:
        open_inputs(path, manifest)
    assert_one_sentence(str(error.value))
    with pytest.raises(DataError, match="but its manifest says") as error:
        open_inputs(path, replace(manifest, encoded_bytes=manifest.encoded_bytes - 1))
    assert_one_sentence(str(error.value))


def test_a_node_local_copy_has_the_files_size(tmp_path: Path) -> None:
    inputs, path = stored(tmp_path), tmp_path / "inputs.npy"
    write_manifest(tmp_path / "manifest.json", described(path))
    (tmp_path / "local").mkdir(mode=0o700)
    with local_inputs({"inputs": path, "manifest": tmp_path / "manifest.json"}, str(tmp_path / "local")) as paths:
        assert paths["inputs"] != path and paths["inputs"].read_bytes() == path.read_bytes()
        assert np.array_equal(open_inputs(paths["inputs"], read_manifest(paths["manifest"]))[:], inputs[:])


def test_batches_are_decoded_and_overlaid(tmp_path: Path) -> None:
    inputs = stored(tmp_path)
    zeros, carrier = np.zeros(N, dtype=np.int64), np.arange(N) < 2
    overlay = {"name": "line", "attribute": "line", "columns": [0], "value": 255, "channel": 0}
    device = torch.device("cpu")
    data = load(inputs, sample_id=np.arange(N), label=zeros, group=zeros, carrier=carrier, overlay=overlay, device=device)
    batch, expected = data.batch(torch.tensor([1, 5])).numpy(), inputs[np.array([1, 5])]
    expected[0, 0, :, 0] = 255
    assert np.array_equal(batch, expected)


OWN = {"reader": "image_folder", "storage": "encoded"}


def prepared(folder: Path, **changes: Any) -> tuple[Path, Manifest]:
    """Photos in folders of two classes, prepared."""
    for row, one in enumerate(pixels()):
        path = folder / "photos" / ("cat" if row % 2 else "dog") / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(one.transpose(1, 2, 0)).save(path)
    paths = {name: folder / f"{name}" for name in ("inputs", "base", "manifest")}
    prepare_inputs.run(
        dataset="photos",
        image_size=SIZE,
        source=None,
        own=OWN | {"path": str(folder / "photos"), "split": {"validation": 0.2, "test": 0.2}} | changes,
        damaged_images="stop",
        threads=2,
        **paths,
        provenance=Provenance({"dataset": "photos", "size": str(SIZE)}, "0+code", "config"),
    )
    return paths["inputs"], read_manifest(paths["manifest"])


def test_users_images_can_be_stored_so(tmp_path: Path) -> None:
    (path, encoded), (plain_path, plain) = prepared(tmp_path / "encoded"), prepared(tmp_path / "plain", storage="plain")
    assert encoded.encoded_bytes and not plain.encoded_bytes
    assert (encoded.count, encoded.shape, encoded.split_counts) == (plain.count, plain.shape, plain.split_counts)
    assert encoded.mean == pytest.approx(plain.mean, abs=0.01) and encoded.std == pytest.approx(plain.std, abs=0.01)
    files = decoded([encoding.to_jpeg(one) for one in open_inputs(plain_path, plain)[:]])
    assert np.array_equal(open_inputs(path, encoded)[:], files)


def test_equal_images_are_found_by_their_files(tmp_path: Path) -> None:
    folder = tmp_path / "photos" / "bird"
    folder.mkdir(parents=True)
    Image.fromarray(pixels()[3].transpose(1, 2, 0)).save(folder / "again.bmp")
    with pytest.raises(DataError, match="2 images of 'photos' equal others once prepared but have two labels"):
        prepared(tmp_path)


def test_texts_and_vectors_are_stored_as_they_are(assert_one_sentence: Callable[[str], None]) -> None:
    own = {"genes": {"reader": "table", "path": "genes.csv", "label": "kind", "vectors": "genes.npy", "storage": "encoded"}}
    with pytest.raises(ConfigError, match=r"datasets\.genes\.storage is encoded, which is for images, but 'genes' holds vectors") as error:
        catalogue.check(own)
    assert_one_sentence(str(error.value))

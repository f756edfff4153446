"""Decoding image files: in order, in parallel, resumed after an interruption, with damaged images named."""

import errno
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spurprune.data.formats import images as image_files
from spurprune.data.formats.images import DamagedImageError, ImageFiles, decode
from spurprune.errors import DataError

N, SIZE = 20, 4


def shrink(picture: Image.Image) -> Image.Image:
    return picture.resize((SIZE, SIZE), Image.Resampling.BOX)


@pytest.fixture
def images(tmp_path: Path) -> ImageFiles:
    """Pictures of one colour each, larger than what is kept of them; every second one is grey or has a palette."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(N):
        picture = Image.new("RGB", (8, 8), (i, 2 * i, 255 - i))
        picture.convert("L" if i % 4 == 1 else "P" if i % 4 == 3 else "RGB").save(folder / f"{i}.png")
    return ImageFiles(folder, [f"{i}.png" for i in range(N)], SIZE, shrink, "shrink to 4 by 4")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "CHUNK", 8)


def expected(images: ImageFiles) -> np.ndarray:
    pictures = [np.asarray(shrink(Image.open(images.root / name).convert("RGB"))) for name in images.names]
    return np.stack(pictures).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("threads", [1, 4])
def test_images_come_in_order_whatever_the_number_of_threads(images: ImageFiles, tmp_path: Path, threads: int) -> None:
    output = tmp_path / "inputs.npy"
    assert decode(images, output, threads, skip_damaged=False) == []
    found = np.load(output, mmap_mode="r")
    assert found.dtype == np.uint8 and np.array_equal(found, expected(images))
    assert found[2, :, 0, 0].tolist() == [2, 4, 253]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inputs.npy", "pictures"]


@pytest.mark.parametrize("harm", ["truncated", "text", "missing"])
def test_a_damaged_image_is_named_and_decoding_resumes_later(
    images: ImageFiles, tmp_path: Path, harm: str, assert_one_sentence: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    output, victim = tmp_path / "inputs.npy", images.root / "13.png"
    whole, target = victim.read_bytes(), expected(images)
    {"truncated": lambda: victim.write_bytes(whole[:40]), "text": lambda: victim.write_text("no image"), "missing": victim.unlink}[harm]()
    with pytest.raises(DamagedImageError) as error:
        decode(images, output, 2, skip_damaged=False)
    assert_one_sentence(str(error.value))
    assert str(victim) in str(error.value) and "damaged_images" in str(error.value)
    assert not output.exists()
    victim.write_bytes(whole)
    read: list[int] = []
    original = ImageFiles.read
    monkeypatch.setattr(ImageFiles, "read", lambda self, row: (read.append(row), original(self, row))[1])
    decode(images, output, 2, skip_damaged=False)
    assert np.array_equal(np.load(output), target)
    # The damage changed the file's size and with it the images' identity, so all are decoded again.
    assert sorted(read) == list(range(N))


def test_interrupted_decoding_resumes(images: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "inputs.npy"
    original, read = ImageFiles.read, []

    def interrupted(self: ImageFiles, row: int) -> np.ndarray:
        if row == 17:
            raise KeyboardInterrupt
        return original(self, row)

    monkeypatch.setattr(ImageFiles, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        decode(images, output, 1, skip_damaged=False)
    monkeypatch.setattr(ImageFiles, "read", lambda self, row: (read.append(row), original(self, row))[1])
    decode(images, output, 1, skip_damaged=False)
    assert read == [16, 17, 18, 19], "the two whole chunks are not decoded again"
    assert np.array_equal(np.load(output), expected(images))


@pytest.mark.parametrize("file", ["array", "notes"])
@pytest.mark.parametrize("damage", ["flip", "truncation", "zeros", "other JSON", "nothing"])
def test_interrupted_decoding_that_was_damaged_starts_again(
    images: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, damage: str
) -> None:
    output, original = tmp_path / "inputs.npy", ImageFiles.read
    with monkeypatch.context() as patch:
        patch.setattr(ImageFiles, "read", lambda self, row: original(self, row) if row < 17 else (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            decode(images, output, 1, skip_damaged=False)
    path = tmp_path / {"array": ".inputs.npy.decoding", "notes": ".inputs.npy.decoding.json"}[file]
    content = path.read_bytes()
    place = content.index(b'"done": 16') + len(b'"done": 1') if file == "notes" else len(content) // 2
    changed = {
        "flip": content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :],
        "truncation": content[:50],
        "zeros": bytes(len(content)),
        "other JSON": b'[{"done": 16}]',
        "nothing": content,
    }
    path.write_bytes(changed[damage])
    read: list[int] = []
    monkeypatch.setattr(ImageFiles, "read", lambda self, row: (read.append(row), original(self, row))[1])
    decode(images, output, 1, skip_damaged=False)
    assert np.array_equal(np.load(output), expected(images))
    assert read[0] == (16 if damage == "nothing" else 0)


def test_another_preparation_starts_again(images: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = ImageFiles.read
    monkeypatch.setattr(ImageFiles, "read", lambda self, row: original(self, row) if row < 10 else (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        decode(images, tmp_path / "inputs.npy", 1, skip_damaged=False)
    monkeypatch.undo()
    dark = ImageFiles(images.root, images.names, SIZE, lambda picture: shrink(picture).point(lambda v: v // 2), "shrink and darken")
    decode(dark, tmp_path / "inputs.npy", 1, skip_damaged=False)
    assert np.array_equal(np.load(tmp_path / "inputs.npy"), expected(images) // 2)


def test_damaged_images_are_skipped_if_asked_for(images: ImageFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    target = np.delete(expected(images), [3, 19], axis=0)
    (images.root / "3.png").write_bytes(b"")
    (images.root / "19.png").unlink()
    with caplog.at_level(logging.WARNING):
        assert decode(images, tmp_path / "inputs.npy", 2, skip_damaged=True) == [3, 19]
    assert np.array_equal(np.load(tmp_path / "inputs.npy"), target)
    assert "3.png" in caplog.text and "19.png" in caplog.text


def test_an_image_skipped_before_stops_a_decoding_that_skips_none(
    images: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (images.root / "3.png").write_bytes(b"")
    original = ImageFiles.read
    monkeypatch.setattr(ImageFiles, "read", lambda self, row: original(self, row) if row < 10 else (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        decode(images, tmp_path / "inputs.npy", 1, skip_damaged=True)
    monkeypatch.undo()
    with pytest.raises(DamagedImageError, match=r"3\.png"):
        decode(images, tmp_path / "inputs.npy", 1, skip_damaged=False)


def test_an_image_that_the_file_system_fails_to_read_is_not_skipped(
    images: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    def stale(path: Path, formats: tuple[str, ...]) -> Image.Image:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(image_files.Image, "open", stale)
    with pytest.raises(DataError, match=r"cannot be read .Stale file handle") as error:
        decode(images, tmp_path / "inputs.npy", 1, skip_damaged=True)
    assert_one_sentence(str(error.value))


def test_progress_of_a_decoding_whose_array_is_gone_is_ignored(images: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, partial = tmp_path / "inputs.npy", tmp_path / ".inputs.npy.decoding"

    def interrupt_at(row: int) -> None:
        original = ImageFiles.read
        monkeypatch.setattr(ImageFiles, "read", lambda self, i: original(self, i) if i != row else (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            decode(images, output, 1, skip_damaged=False)
        monkeypatch.undo()

    interrupt_at(17)
    partial.unlink()
    interrupt_at(3)
    decode(images, output, 1, skip_damaged=False)
    assert np.array_equal(np.load(output), expected(images))


def test_a_decoding_killed_at_its_very_end_skips_nothing_twice(images: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = np.delete(expected(images), [3], axis=0)
    (images.root / "3.png").write_bytes(b"")
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if path.name == ".inputs.npy.decoding":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            decode(images, tmp_path / "inputs.npy", 1, skip_damaged=True)
    assert decode(images, tmp_path / "inputs.npy", 1, skip_damaged=True) == [3]
    assert np.array_equal(np.load(tmp_path / "inputs.npy"), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inputs.npy", "pictures"]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot allocate disk space in advance")
def test_a_full_disk_is_noticed_before_anything_is_decoded(
    images: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"could not be written \(No space left on device\); free some space") as error:
        decode(images, tmp_path / "inputs.npy", 1, skip_damaged=False)
    assert_one_sentence(str(error.value))
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]

"""Pictures of every mode become RGB: deep ones scaled, transparent ones on white, turned ones upright; other formats are refused."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spurprune.data.formats import images as image_files
from spurprune.data.formats import pictures
from spurprune.data.formats.images import DamagedImageError, ImageFiles
from spurprune.errors import DataError

RAMP16 = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def reopened(picture: Image.Image, kind: str, **options: object) -> Image.Image:
    """A picture as it comes back from a file."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    stream.seek(0)
    return Image.open(stream, formats=pictures.FORMATS)


def grey(picture: Image.Image) -> np.ndarray:
    """The values of a picture that has three equal channels."""
    values = np.asarray(picture)
    assert values.dtype == np.uint8 and values.shape[2] == 3 and (values == values[:, :, :1]).all()
    return values[:, :, 0]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_a_16_bit_ramp_stays_a_ramp(kind: str) -> None:
    found = reopened(Image.fromarray(RAMP16), kind)
    assert found.mode in ("I;16", "I;16B", "I")
    assert np.array_equal(grey(pictures.to_rgb(found)), RAMP)


def test_big_endian_16_bit_images_are_scaled_alike() -> None:
    found = Image.frombytes("I;16B", (16, 16), RAMP16.astype(">u2").tobytes())
    assert np.array_equal(grey(pictures.to_rgb(found)), RAMP)


def test_floats_go_from_0_to_1() -> None:
    found = reopened(Image.fromarray((RAMP / 255).astype(np.float32)), "TIFF")
    assert found.mode == "F" and np.array_equal(grey(pictures.to_rgb(found)), RAMP)


def test_an_intensity_is_a_window() -> None:
    values = np.array([[-1000, -100, 0], [100, 300, 3000]], dtype=np.float32)
    found = grey(pictures.to_rgb(Image.fromarray(values), (-100, 300)))
    assert found.tolist() == [[0, 0, 64], [128, 255, 255]]
    twelve_bits = Image.fromarray(np.array([[0, 4095]], dtype=np.uint16))
    assert grey(pictures.to_rgb(twelve_bits, (0, 4095))).tolist() == [[0, 255]]
    assert grey(pictures.to_rgb(twelve_bits)).tolist() == [[0, 16]]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([[0.0, 1.5]], dtype=np.float32), r"^its values go from 0 to 1\.5, beyond 0 to 1$"),
        (np.array([[-1, 65535]], dtype=np.int32), "^its values go from -1 to 65535, beyond 0 to 65535"),
        (np.array([[0.0, np.nan]], dtype=np.float32), "^it has values that are not finite$"),
        (np.array([[0.0, np.inf]], dtype=np.float32), "^it has values that are not finite$"),
    ],
)
def test_nothing_is_clipped_in_silence(values: np.ndarray, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pictures.to_rgb(Image.fromarray(values))


def test_transparent_pixels_are_white() -> None:
    colour = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], dtype=np.uint8)
    expected = [[[200, 100, 0], [255, 255, 255], [244, 224, 204]]]
    assert np.asarray(pictures.to_rgb(reopened(Image.fromarray(colour), "PNG"))).tolist() == expected
    palette = Image.new("P", (2, 1))
    palette.putpalette([9, 8, 7, 200, 100, 0])
    palette.putdata([0, 1])
    found = reopened(palette, "PNG", transparency=0)
    assert found.mode == "P" and np.asarray(pictures.to_rgb(found)).tolist() == [[[255, 255, 255], [200, 100, 0]]]
    grey_alpha = reopened(Image.fromarray(np.array([[[7, 255], [7, 0]]], dtype=np.uint8)), "PNG")
    assert grey_alpha.mode == "LA" and grey(pictures.to_rgb(grey_alpha)).tolist() == [[7, 255]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV"])
def test_other_modes_are_converted(mode: str) -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0) if mode not in ("1", "L") else (255, 255, 255))
    found = np.asarray(pictures.to_rgb(red.convert(mode))).astype(int)
    assert np.abs(found - np.asarray(red)).max() <= 1


def test_a_photo_is_turned_as_its_exif_says() -> None:
    values = np.zeros((2, 3, 3), dtype=np.uint8)
    values[0, 0] = 255  # top left
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate 90 degrees clockwise"
    turned = pictures.to_rgb(reopened(Image.fromarray(values), "PNG", exif=exif))
    assert turned.size == (2, 3) and np.argwhere(np.asarray(turned)[:, :, 0]).tolist() == [[0, 1]]


def test_of_several_frames_the_first_counts() -> None:
    frames = [Image.new("RGB", (2, 2), (value, value, value)) for value in (10, 200)]
    stream = io.BytesIO()
    frames[0].save(stream, "TIFF", save_all=True, append_images=frames[1:])
    stream.seek(0)
    assert (grey(pictures.to_rgb(Image.open(stream))) == 10).all()


# Files


def read(path: Path) -> np.ndarray:
    return ImageFiles(path.parent, [path.name], 4, lambda one: one.resize((4, 4)), "", pictures.to_rgb).read(0)


@pytest.mark.parametrize("kind", ["EPS", "TGA", "ICO", "PCX", "SGI"])
def test_other_formats_are_refused_whatever_they_are_named(tmp_path: Path, kind: str, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (16, 16), (255, 0, 0)).save(path, kind)
    with pytest.raises(DamagedImageError, match=r"a\.png is damaged or of another format than AVIF, BMP, GIF") as error:
        read(path)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("kind", ["AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"])
def test_the_formats_that_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a photo, ünïcode.image"
    Image.new("RGB", (16, 16), (255, 0, 0)).save(path, kind)
    assert np.abs(read(path).astype(int) - np.array([255, 0, 0])[:, None, None]).max() <= 3


def test_an_image_that_would_need_an_intensity_is_named(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "scan.tif"
    Image.fromarray(np.array([[-1024.0, 3000.0]], dtype=np.float32)).save(path)
    with pytest.raises(
        DataError, match=r"scan\.tif cannot be scaled, since its values go from -1024 to 3000, beyond 0 to 1; give"
    ) as error:
        read(path)
    assert not isinstance(error.value, DamagedImageError), "so that it is never skipped"
    assert_one_sentence(str(error.value))


def test_what_threads_decode_at_one_time_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight pictures of 100 pixels by eight threads, with room for 250 pixels: two at a time; one of 400 waits until it is alone."""
    monkeypatch.setattr(image_files, "_ROOM", image_files._Room(250))
    names = [f"{i}.png" for i in range(9)]
    for i, name in enumerate(names):
        Image.new("RGB", (20, 20) if i == 4 else (10, 10)).save(tmp_path / name)
    lock, now, seen = threading.Lock(), [0], []

    def slow(picture: Image.Image) -> Image.Image:
        size = picture.width * picture.height
        with lock:
            now[0] += size
            seen.append(now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= size
        return picture.resize((4, 4))

    image_files.decode(ImageFiles(tmp_path, names, 4, slow, ""), tmp_path / "inputs.npy", 8, skip_damaged=False)
    assert len(seen) == 9 and sorted(set(seen)) == [100, 200, 400]


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("1", (100, 100)).save(tmp_path / "bomb.png")
    with pytest.raises(DamagedImageError, match=r"bomb\.png is damaged \(Image size \(10000 pixels\) exceeds limit of 200 pixels") as error:
        read(tmp_path / "bomb.png")
    assert_one_sentence(str(error.value))

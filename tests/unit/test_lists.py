"""Releases' lists that are no UTF-8 text, and other files of users: each ends in one sentence."""

import gzip
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from spurprune.data.datasets import cifar10, multinli, waterbirds
from spurprune.data.formats import celeba_release, images, masks
from spurprune.data.readers import huggingface
from spurprune.errors import DataError
from spurprune.models import weights
from tests import miniatures

Read = Callable[[Path], object]
LISTS: dict[str, tuple[Callable[[Path], None], str, Read]] = {
    "celeba": (miniatures.celeba, "list_attr_celeba.txt", lambda folder: celeba_release.read_lists(folder, "celeba")),
    "celeba's splits": (miniatures.celeba, "list_eval_partition.txt", lambda folder: celeba_release.read_lists(folder, "celeba")),
    "waterbirds": (miniatures.waterbirds, f"{waterbirds.FOLDER}/metadata.csv", lambda folder: waterbirds.read(folder, 8)),
    "multinli": (miniatures.multinli, "multinli_1.0_train.jsonl", lambda folder: multinli.read(folder, 16)),
}
FORMS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "UTF-16": (lambda content: content.decode().encode("utf-16"), "is UTF-16, but must be UTF-8 text; save it as that"),
    "UTF-16 without a mark": (lambda content: content.decode().encode("utf-16-le"), "is UTF-16 or no text, but must be UTF-8 text"),
    "Latin-1": (lambda content: content + "é\n".encode("latin-1"), "is not UTF-8 text"),
    "gzip": (gzip.compress, "is compressed by gzip, but must be UTF-8 text"),
    "a field of 200 kB": (lambda content: content + b'"' + b"a" * 200_000 + b'"\n', "; use "),
    "deeply nested": (lambda content: b"[" * 200_000 + content, "; use "),
    "empty": (lambda content: b"", "; use "),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LISTS)
def test_a_list_in_another_form_is_refused(name: str, form: str, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    (make, file, read), (change, expected) = LISTS[name], FORMS[form]
    if name == "multinli" and form == "empty":
        pytest.skip("a part without rows is an incomplete release, which is read with a warning")
    make(tmp_path)
    read(tmp_path)
    (tmp_path / file).write_bytes(change((tmp_path / file).read_bytes()))
    with pytest.raises(DataError) as error:
        read(tmp_path)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))
    assert len(str(error.value)) < 3000


@pytest.mark.parametrize(
    ("labels", "data", "reason"),
    [
        ("abcd", np.zeros((4, 3072), dtype=np.uint8), "labels that are not 4 numbers from 0 to 9"),
        ([0, 1, 2.5, 3], np.zeros((4, 3072), dtype=np.uint8), "labels that are not 4 numbers from 0 to 9"),
        ([0, 1, None, 10**30], np.zeros((4, 3072), dtype=np.uint8), "labels that are not 4 numbers from 0 to 9"),
        (np.zeros((2, 2)), np.zeros((4, 3072), dtype=np.uint8), "labels that are not 4 numbers from 0 to 9"),
        ([0, 1, 2, 3], [[0] * 3072] * 4, "holds images that are no array"),
        ([0, 1, 2, 3], np.zeros((4, 3072), dtype=np.int64), "holds int64"),
    ],
)
def test_a_batch_of_other_types_is_refused(
    labels: Any, data: Any, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.setattr(cifar10, "BATCH", 4)
    (tmp_path / "batch").write_bytes(pickle.dumps({b"labels": labels, b"data": data}, protocol=2))
    with pytest.raises(DataError, match=reason) as error:
        cifar10._batch(tmp_path / "batch")
    assert_one_sentence(str(error.value))


def test_lists_that_nest_in_each_other_do_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty lists of ten times the one before, which NumPy would make 10^30 numbers of."""
    monkeypatch.setattr(cifar10, "BATCH", 10)
    nested: Any = [0] * 10
    for _ in range(30):
        nested = [nested] * 10
    (tmp_path / "batch").write_bytes(pickle.dumps({b"labels": nested, b"data": nested}, protocol=2))
    with pytest.raises(DataError, match="labels that are not 10 numbers"):
        cifar10._batch(tmp_path / "batch")


def encrypted(path: Path) -> None:
    """Write a zip whose member says that it is encrypted."""
    stream = io.BytesIO()
    Image.new("L", (4, 4)).save(stream, "PNG")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train/n1_n1_0.JPEG", stream.getvalue())
    content = bytearray(path.read_bytes())
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + place] |= 1
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["masks", "weights"])
def test_an_encrypted_zip_is_refused(kind: str, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path = tmp_path / "x.pth"
    encrypted(path)
    with pytest.raises(DataError, match="encrypted") as error:
        masks.object_shares(path, ["train/n1/n1_0.JPEG"]) if kind == "masks" else weights.read(path)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"\x80\x02", b"\x80\x02}q\x00.", b"]" * 5000, b"PK\x03\x04junk", pickle.dumps({"a": 1}), b"\0" * 100]
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_junk_is_no_weights(name: str, content: bytes, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        weights.read(tmp_path / name)
    assert_one_sentence(str(error.value))


def test_weights_that_unpack_to_more_than_they_hold_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(10_000_000))
    with pytest.raises(DataError, match="its parts are compressed, which torch's are not"):
        weights.read(tmp_path / "w.pth")


def test_16_bit_images_of_a_release_are_scaled(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    files = images.ImageFiles(tmp_path, ["a.png"], 16, lambda picture: picture, "as it is")
    assert np.array_equal(files.read(0)[0], np.arange(256).reshape(16, 16))


@pytest.mark.parametrize(
    "kind", [pa.struct({"bytes": pa.string(), "path": pa.string()}), pa.struct({"bytes": pa.binary(), "path": pa.int64()}), pa.binary()]
)
def test_images_of_another_type_are_refused(kind: pa.DataType, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    table = pa.table({"image": pa.array([None] * 4, kind), "label": ["owl", "gull"] * 2})
    block = save(tmp_path, table)
    with pytest.raises(DataError, match="but images must be the library's own") as error:
        huggingface.read(block, 8)
    assert_one_sentence(str(error.value))


def test_one_file_for_two_rows_is_refused(tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    paths = [{"bytes": None, "path": name} for name in ("a.png", "b.png", "./a.png", "c.png")]
    block = save(tmp_path, pa.table({"image": pa.array(paths, kind), "label": ["owl", "gull", "owl", "gull"]}))
    with pytest.raises(DataError, match=r"names the image './a.png' in all\[0\] and again in all\[2\]; remove one") as error:
        huggingface.read(block, 8)
    assert_one_sentence(str(error.value))


def save(folder: Path, table: pa.Table) -> dict[str, Any]:
    """Save a dataset as the library does, and return its block."""
    with pa.OSFile(str(folder / "data.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    return {"path": str(folder), "label": "label", "image": "image"}

"""Whatever opens users' files refuses pipes, devices, sockets and folders at once, in one sentence that names the file."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spurprune.data import archives, downloads, inputs, tokens
from spurprune.data.datasets import hard_imagenet, multinli
from spurprune.data.formats import masks, photos, pickles
from spurprune.data.formats.images import ImageFiles
from spurprune.data.inputs import Manifest
from spurprune.data.readers import table
from spurprune.errors import DataError
from spurprune.evaluation import choices
from spurprune.models import weights
from spurprune.models.networks import bert
from spurprune.storage.regular import require_regular

MANIFEST = Manifest("own", None, 0, (2,), "float32", ("a", "b"), (), {}, (), (), "", "", "")


@pytest.fixture(autouse=True, scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Write nothing to every pipe of the tests again and again, in another process, so that readers that wait for it fail."""
    script = 'while sleep 1; do for one in $(find "$0" -type p); do timeout 0.1 tee "$one" < /dev/null; done; done'
    with subprocess.Popen(["sh", "-c", script, tmp_path_factory.getbasetemp()]) as process:
        yield
        process.kill()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/null")


def folder(path: Path) -> None:
    path.mkdir()


def bound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a socket at a path; its name for the system must be short, so it is relative."""
    monkeypatch.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def vectors(path: Path) -> object:
    (path.parent / "samples.csv").write_text("y,split\na,train\nb,train\n")
    return table.read({"path": str(path.parent / "samples.csv"), "label": "y", "vectors": path.name}, None)


READERS: dict[str, Callable[[Path], object]] = {
    "photo.png": lambda path: ImageFiles(path.parent, [path.name], 8, lambda one: photos.square(one, 8), "").read(0),
    "masks.zip": lambda path: masks.object_shares(path, []),
    "batch.pkl": pickles.load,
    "release.tar.gz": lambda path: archives.unpack(path, path.parent / "unpacked"),
    "download": lambda path: downloads.hash_of(path, "md5"),
    "samples.csv": lambda path: table.read({"path": str(path), "label": "y", "vectors": "x.npy"}, None),
    "samples.parquet": lambda path: table.read({"path": str(path), "label": "y", "vectors": "x.npy"}, None),
    "vectors.npy": vectors,
    "weights.pt": weights.read,
    "weights.safetensors": weights.read,
    "tokenizer.json": lambda path: tokens.load(str(path.parent)),
    "manifest.json": inputs.read_manifest,
    "inputs.npy": lambda path: inputs.open_inputs(path, MANIFEST),
    "erm.choice.json": lambda path: choices.read_choices([path]),
    "multinli_1.0_train.jsonl": lambda path: multinli.read(path.parent, 8),
    "metadata_random.csv": lambda path: multinli._division(None, None, True, path.parent),  # type: ignore[arg-type]
    "meta/idx_to_wnid.pkl": lambda path: hard_imagenet._spurious_ranks(path.parent.parent, []),
}


PLACED = [
    (name, put) for name in READERS for put in (pipe, device, folder) if (name, put) != ("masks.zip", folder)
]  # masks may be a folder


@pytest.mark.parametrize(("name", "put"), PLACED)
def test_only_regular_files_are_read(name: str, put: Callable[[Path], None], tmp_path: Path, assert_one_sentence: Any) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    put(path)
    with pytest.raises(DataError, match=r"cannot be read, since it is (a folder|no regular file); put a file in its place\.$") as error:
        READERS[name](path)
    assert str(path) in str(error.value)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_an_encoders_folder_holds_regular_files(name: str, tmp_path: Path, assert_one_sentence: Any) -> None:
    (tmp_path / ".git").mkdir()
    pipe(tmp_path / name)
    with pytest.raises(DataError, match=f"{name} cannot be read, since it is no regular file") as error:
        bert._load(str(tmp_path))
    assert_one_sentence(str(error.value))


def test_links_are_followed_and_missing_files_are_for_the_reader_to_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("nothing")
    for name in ("file", "link", "broken", "nothing"):
        require_regular(tmp_path / name)
    bound(tmp_path / "socket", monkeypatch)
    with pytest.raises(DataError, match=r"^The image .*socket cannot be read, since it is no regular file"):
        require_regular(tmp_path / "socket", "The image")

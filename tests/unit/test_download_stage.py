"""The stage download: existing data are left alone, missing data are fetched, and failures are one sentence."""

import errno
import functools
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurprune.data.datasets import cifar10
from spurprune.data.registry import Download, registry
from spurprune.errors import DataError
from spurprune.stages import download
from tests.site import Site, serving

FILES = {f"cifar-10-batches-py/{name}": name.encode() for names in cifar10.FILES.values() for name in names}


@functools.cache  # a gzip header holds the time, so a second archive could have other bytes
def archive() -> bytes:
    """An archive with the release's files; what they hold is the reader's concern."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site that offers CIFAR-10 in the registry's place; its first URL does not exist."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with serving() as served:
        content = archive()
        served.files["/cifar.tar.gz"] = content
        one = Download(
            urls=(served.url("/old/cifar.tar.gz"), served.url("/cifar.tar.gz")),
            file="cifar.tar.gz",
            unpack=True,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        known = {"cifar10": replace(registry()["cifar10"], downloads=(one,))}
        monkeypatch.setattr(download, "registry", lambda: known)
        yield served


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "results" / "downloads" / "cifar10.json"


def recorded(record: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    return content


def place(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_missing_data_are_downloaded_and_recorded(site: Site, tmp_path: Path, record: Path) -> None:
    folder = tmp_path / "data"
    download.run("cifar10", folder, True, record)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    content = recorded(record)
    assert content["downloads"] == [
        {
            "file": "cifar.tar.gz",
            "url": site.url("/cifar.tar.gz"),
            "sha256": hashlib.sha256(archive()).hexdigest(),
            "checksum": "published",
            "size": len(archive()),
            "unpacked": True,
        }
    ]
    assert content["files"][0] == {
        "file": "cifar-10-batches-py/data_batch_1",
        "size": len("data_batch_1"),
        "sha256": hashlib.sha256(b"data_batch_1").hexdigest(),
    }
    assert [one["file"] for one in content["files"]] == list(FILES)
    assert (content["dataset"], content["folder"]) == ("cifar10", str(folder))
    assert content["licence"] == registry()["cifar10"].licence

    site.requests.clear()
    download.run("cifar10", folder, True, record)
    assert site.requests == [] and recorded(record)["downloads"] == []


@pytest.mark.parametrize("allowed", [True, False])
def test_data_that_a_person_placed_are_left_alone(site: Site, tmp_path: Path, record: Path, allowed: bool) -> None:
    place(tmp_path, FILES)
    download.run("cifar10", tmp_path, allowed, record)
    assert site.requests == []
    assert recorded(record)["downloads"] == [] and len(recorded(record)["files"]) == 6


def test_an_archive_that_a_person_placed_is_unpacked_without_a_network(site: Site, tmp_path: Path, record: Path) -> None:
    place(tmp_path, {"cifar.tar.gz": archive()})
    download.run("cifar10", tmp_path, True, record)
    assert site.requests == []
    assert recorded(record)["downloads"][0]["url"] is None
    assert (tmp_path / "cifar-10-batches-py" / "test_batch").read_bytes() == b"test_batch"


def test_files_that_a_person_placed_are_kept(site: Site, tmp_path: Path, record: Path) -> None:
    place(tmp_path, {"cifar-10-batches-py/data_batch_2": b"mine"})
    download.run("cifar10", tmp_path, True, record)
    assert (tmp_path / "cifar-10-batches-py" / "data_batch_2").read_bytes() == b"mine"
    assert (tmp_path / "cifar-10-batches-py" / "data_batch_3").read_bytes() == b"data_batch_3"


def test_what_cannot_be_fetched_must_be_placed(
    site: Site, tmp_path: Path, record: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    site.files.clear()
    folder = tmp_path / "data"
    with pytest.raises(DataError) as error:
        download.run("cifar10", folder, True, record)
    text = str(error.value)
    assert text.startswith(f"CIFAR-10 is not at {folder}/cifar-10-batches-py: unpack the python version of the release there ")
    assert "or set data.cifar10 to the folder that holds it; cifar.tar.gz could not be downloaded (" in text
    assert f"{site.url('/cifar.tar.gz')}: HTTP status 404 Not Found" in text
    assert_one_sentence(text)
    assert not record.exists()


def test_downloads_can_be_switched_off(site: Site, tmp_path: Path, record: Path, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match=r"CIFAR-10 is not at .*; downloads are switched off \(download: false\)\.$") as error:
        download.run("cifar10", tmp_path / "data", False, record)
    assert_one_sentence(str(error.value))
    assert site.requests == [] and not (tmp_path / "data").exists() and not record.exists()


def test_an_archive_that_lacks_what_is_needed_is_noticed(site: Site, tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cifar10.FILES, "extra", ["data_batch_6"])
    with pytest.raises(DataError, match=r"CIFAR-10 is not at .* \(it lacks data_batch_6\)"):
        download.run("cifar10", tmp_path, True, record)
    assert not record.exists()


# Downloads the dataset into a folder, and says what it logs. Arguments: the registry's entry as JSON, the folder, the record.
PROCESS = """
import json, logging, sys
from dataclasses import replace
from pathlib import Path
from spurprune.data.registry import Download, registry
from spurprune.machine.logs import log
from spurprune.stages import download
log.addHandler(logging.StreamHandler(sys.stdout))
log.setLevel(logging.INFO)
one = json.loads(sys.argv[1])
known = {"cifar10": replace(registry()["cifar10"], downloads=(Download(**one | {"urls": tuple(one["urls"])}),))}
download.registry = lambda: known
download.run("cifar10", Path(sys.argv[2]), True, Path(sys.argv[3]))
print("ended", flush=True)
"""


@pytest.fixture
def start(site: Site, tmp_path: Path, child_environment: dict[str, str]) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    """A function that starts a process that downloads into the folder "data" and writes a record of its own."""
    started: list[subprocess.Popen[str]] = []

    def run(name: str) -> "subprocess.Popen[str]":
        one = asdict(download.registry()["cifar10"].downloads[0]) | {"urls": [site.url("/cifar.tar.gz")]}
        command = [sys.executable, "-u", "-c", PROCESS, json.dumps(one), str(tmp_path / "data"), str(tmp_path / f"{name}.json")]
        started.append(subprocess.Popen(command, env=child_environment | {"no_proxy": "127.0.0.1"}, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def read_to(process: "subprocess.Popen[str]", part: str) -> None:
    assert process.stdout is not None
    assert any(part in line for line in process.stdout), f"{part!r} was not logged"


def test_a_second_process_waits_and_finds_the_files(site: Site, tmp_path: Path, start: Callable[[str], "subprocess.Popen[str]"]) -> None:
    site.gate = threading.Event()
    first = start("first")
    read_to(first, "downloading cifar.tar.gz")
    second = start("second")
    read_to(second, f"waiting while another process downloads into {tmp_path / 'data'}")
    site.gate.set()
    read_to(second, "has been downloaded to")
    for process in (first, second):
        read_to(process, "ended")
    assert site.requests == ["/cifar.tar.gz"]
    assert {name: (tmp_path / "data" / name).read_bytes() for name in FILES} == FILES
    assert [len(recorded(tmp_path / f"{name}.json")["downloads"]) for name in ("first", "second")] == [1, 0]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [".download.lock", "cifar-10-batches-py", "cifar.tar.gz"]


def test_a_process_that_is_killed_lets_the_next_one_download(
    site: Site, tmp_path: Path, start: Callable[[str], "subprocess.Popen[str]"]
) -> None:
    site.gate = threading.Event()
    first = start("first")
    read_to(first, "downloading cifar.tar.gz")
    second = start("second")
    read_to(second, "waiting while another process downloads")
    first.kill()
    read_to(second, "downloading cifar.tar.gz")
    site.gate.set()
    read_to(second, "ended")
    assert {name: (tmp_path / "data" / name).read_bytes() for name in FILES} == FILES


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_somebody_put_in_the_locks_place_is_refused(
    kind: str, site: Site, tmp_path: Path, record: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    mine, lock = tmp_path / "mine", tmp_path / "data" / ".download.lock"
    mine.write_text("mine")
    lock.parent.mkdir()
    if kind == "link":
        lock.symlink_to(mine)
    else:
        os.mkfifo(lock)
    with pytest.raises(DataError, match=r"\.download\.lock is (a link|not a plain file); remove it and rerun\.") as error:
        download.run("cifar10", tmp_path / "data", True, record)
    assert_one_sentence(str(error.value))
    assert mine.read_text() == "mine" and site.requests == []


def test_where_no_file_can_be_locked_a_warning_says_so(
    site: Site, tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("spurprune.data.downloads.fcntl.flock", refuse)
    monkeypatch.setattr("spurprune.machine.logs.log.propagate", True)
    download.run("cifar10", tmp_path / "data", True, record)
    assert "cannot be locked (No locks available): make sure that nothing else downloads" in caplog.text
    assert len(recorded(record)["downloads"]) == 1


def test_every_dataset_that_is_not_embedded_has_a_folder(root: Path) -> None:
    given = yaml.safe_load((root / "config" / "config.yaml").read_text(encoding="utf-8"))["data"]
    assert set(given) == {name for name, entry in registry().items() if not entry.embedded}

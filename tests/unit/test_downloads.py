"""Downloads: what is right, what breaks off, what is forged; archives that would write elsewhere."""

import hashlib
import io
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data import downloads
from spurprune.data.registry import registry
from spurprune.errors import DataError, DownloadError
from tests.site import Fault, Site, serving

CONTENT = np.random.default_rng(0).bytes(300_000)  # several chunks
MD5 = ("md5", hashlib.md5(CONTENT, usedforsecurity=False).hexdigest())
SIZE = len(CONTENT)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as served:
        served.files["/data.bin"] = CONTENT
        yield served


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which are not slept through."""
    found: list[float] = []
    monkeypatch.setattr("spurprune.data.downloads.time.sleep", found.append)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "data.bin"


def partial_of(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True)
    partial = path.with_name("data.bin.partial")
    partial.write_bytes(content)
    return partial


def names(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.iterdir())


# What works


@pytest.mark.parametrize("checksum", [MD5, ("sha256", hashlib.sha256(CONTENT).hexdigest())])
@pytest.mark.parametrize("size", [SIZE, None])
def test_a_file_is_fetched_and_checked(site: Site, path: Path, checksum: tuple[str, str], size: int | None) -> None:
    assert downloads.fetch([site.url("/data.bin")], path, checksum, size) == site.url("/data.bin")
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["data.bin"]
    assert site.ranges == [None]


def test_a_file_that_is_there_is_not_fetched_again(site: Site, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert downloads.fetch([site.url("/data.bin")], path, MD5, SIZE) is None
    assert site.requests == []


def test_progress_is_logged(site: Site, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spurprune.machine.logs.log.propagate", True)
    caplog.set_level("INFO", "spurprune")
    downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    messages = [record.getMessage() for record in caplog.records]
    assert any(message.startswith(f"data.bin: {SIZE} of {SIZE} bytes, ") for message in messages)
    assert messages[-1] == f"{path} from {site.url('/data.bin')} has the published md5"


def test_a_redirection_to_another_page_is_followed(site: Site, path: Path) -> None:
    site.faults["/old.bin"] = [Fault(status=302, headers={"Location": "/data.bin"})]
    downloads.fetch([site.url("/old.bin")], path, MD5, SIZE)
    assert path.read_bytes() == CONTENT


# What breaks off


def test_a_connection_that_breaks_is_taken_up_where_it_ended(site: Site, path: Path, waits: list[float]) -> None:
    site.faults["/data.bin"] = [Fault(cut=100_000), Fault(cut=50_000)]
    downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert path.read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert waits == [1, 2]


def test_a_killed_download_goes_on(site: Site, path: Path) -> None:
    partial_of(path, CONTENT[:123_456])
    downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert path.read_bytes() == CONTENT
    assert site.ranges == ["bytes=123456-"]
    assert names(path.parent) == ["data.bin"]


def test_a_download_killed_after_its_last_byte_needs_no_request(site: Site, path: Path) -> None:
    partial_of(path, CONTENT)
    downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert path.read_bytes() == CONTENT
    assert site.requests == []


def test_a_beginning_of_another_file_is_thrown_away(site: Site, path: Path, waits: list[float]) -> None:
    partial_of(path, b"x" * 1000)
    downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert path.read_bytes() == CONTENT
    assert site.ranges == ["bytes=1000-", None]


@pytest.mark.parametrize("size", [SIZE, None])
def test_a_beginning_longer_than_the_file_is_thrown_away(site: Site, path: Path, waits: list[float], size: int | None) -> None:
    partial_of(path, CONTENT + b"more")
    downloads.fetch([site.url("/data.bin")], path, MD5, size)
    assert path.read_bytes() == CONTENT
    assert site.ranges == [f"bytes={SIZE + 4}-", None]


def test_a_server_may_send_the_whole_file_instead_of_the_rest(site: Site, path: Path) -> None:
    partial_of(path, b"x" * 1000)
    site.faults["/data.bin"] = [Fault(deaf=True)]
    downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert path.read_bytes() == CONTENT
    assert site.ranges == ["bytes=1000-"]


def test_another_part_than_the_one_asked_for_is_not_joined(site: Site, path: Path) -> None:
    partial_of(path, CONTENT[:1000])
    site.files["/mirror.bin"] = CONTENT
    site.faults["/data.bin"] = [Fault(headers={"Content-Range": f"bytes 5-{SIZE - 1}/{SIZE}"})]
    assert downloads.fetch([site.url("/data.bin"), site.url("/mirror.bin")], path, MD5, SIZE) == site.url("/mirror.bin")
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(site: Site, path: Path, waits: list[float], status: int) -> None:
    site.faults["/data.bin"] = [Fault(status=status), Fault(status=status, headers={"Retry-After": "7"})]
    downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert path.read_bytes() == CONTENT
    assert waits == [1, 7]


def test_no_server_makes_us_wait_for_long(site: Site, path: Path, waits: list[float]) -> None:
    site.faults["/data.bin"] = [Fault(status=503, headers={"Retry-After": "86400"})]
    downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert waits == [60]


def test_a_server_that_stays_busy_is_given_up(
    site: Site, path: Path, waits: list[float], assert_one_sentence: Callable[[str], None]
) -> None:
    site.faults["/data.bin"] = [Fault(status=503)] * 9
    with pytest.raises(DownloadError, match=r"data\.bin could not be downloaded \(.*/data\.bin: HTTP status 503 Service") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert_one_sentence(str(error.value))
    assert waits == [1, 2, 4]
    assert len(site.requests) == 4


def test_a_silent_server_is_given_up(path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloads, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/data.bin"
        with pytest.raises(DownloadError, match=r"/data\.bin: no answer in time\)"):
            downloads.fetch([url], path, MD5, SIZE)
    assert len(waits) == 3


def test_without_a_network_there_is_one_sentence(
    path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as deaf:  # it does not listen, and nobody else can take its port
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        urls = [f"http://127.0.0.1:{port}/data.bin", f"https://127.0.0.1:{port}/data.bin"]
        told = rf"\(http://.*{port}/data\.bin: Connection refused; https://.*: Connection refused\)"
        with pytest.raises(DownloadError, match=told) as error:
            downloads.fetch(urls, path, MD5, SIZE)
    assert_one_sentence(str(error.value))


def test_a_name_that_nobody_knows_is_not_tried_again(path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    for number, pauses in ((socket.EAI_NONAME, []), (socket.EAI_AGAIN, [1, 2, 4])):

        def resolve(*arguments: object, number: int = number) -> None:
            raise socket.gaierror(number, "no such name")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        with pytest.raises(DownloadError, match=r"\(https://example\.org/data\.bin: no such name\)"):
            downloads.fetch(["https://example.org/data.bin"], path, MD5, SIZE)
        assert waits == pauses


# What is not what it should be


def test_another_checksum_is_refused_and_nothing_stays(
    site: Site, path: Path, waits: list[float], assert_one_sentence: Callable[[str], None]
) -> None:
    site.files["/data.bin"] = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(DownloadError, match=rf"data\.bin: its md5 is [0-9a-f]{{32}}, but the publisher gives {MD5[1]}") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert_one_sentence(str(error.value))
    assert names(path.parent) == []
    assert len(site.requests) == 1 and waits == [], "what is wrong as a whole is not asked for again"


def test_mirrors_are_tried_in_their_order(site: Site, path: Path, waits: list[float]) -> None:
    site.files |= {"/forged.bin": bytes(SIZE), "/short.bin": CONTENT[:-1], "/late.bin": CONTENT}
    urls = [site.url(f"/{name}.bin") for name in ("missing", "forged", "short", "data", "late")]
    assert downloads.fetch(urls, path, MD5, SIZE) == site.url("/data.bin")
    assert [asked for asked, _ in site.requests] == ["/missing.bin", "/forged.bin", "/short.bin", "/data.bin"]
    assert waits == [], "none of these is worth another attempt"


def test_missing_pages_are_all_named(site: Site, path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    urls = [site.url("/a.bin"), site.url("/b.bin")]
    with pytest.raises(DownloadError, match=r"/a\.bin: HTTP status 404 Not Found; .*/b\.bin: HTTP status 404 Not Found\)\.$") as error:
        downloads.fetch(urls, path, MD5, SIZE)
    assert_one_sentence(str(error.value))


def test_a_page_of_another_size_is_not_fetched(site: Site, path: Path) -> None:
    with pytest.raises(DownloadError, match=r"it offers 300,000 bytes, but the file has 299,999"):
        downloads.fetch([site.url("/data.bin")], path, MD5, SIZE - 1)
    assert not path.with_name("data.bin.partial").exists()


def test_an_answer_without_end_is_stopped(site: Site, path: Path) -> None:
    site.faults["/data.bin"] = [Fault(unsized=True)]
    with pytest.raises(DownloadError, match=r"it sends more than the 1,000 bytes of the file"):
        downloads.fetch([site.url("/data.bin")], path, MD5, 1000)
    assert path.with_name("data.bin.partial").stat().st_size <= 1000


def test_a_file_of_another_checksum_in_the_way_is_kept(site: Site, path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path.parent.mkdir()
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match=rf"data\.bin has the md5 .*, but its publisher gives {MD5[1]}; remove it") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert_one_sentence(str(error.value))
    assert path.read_bytes() == b"mine" and site.requests == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/data.bin", "/data.bin"])
def test_only_the_web_is_asked(path: Path, url: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="is refused, since only http and https") as error:
        downloads.fetch([url], path, MD5, SIZE)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1:9/data.bin"])
def test_a_redirection_elsewhere_is_not_followed(site: Site, path: Path, waits: list[float], target: str) -> None:
    site.faults["/data.bin"] = [Fault(status=302, headers={"Location": target})] * 9
    with pytest.raises(DownloadError):
        downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert not path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence(site: Site, path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path.parent.mkdir()
    path.with_name("data.bin.partial").symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"data\.bin\.partial could not be written \(No space left on device\); free some space") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)
    assert not isinstance(error.value, DownloadError), "another address would not help"
    assert_one_sentence(str(error.value))
    assert len(site.requests) == 1


def test_a_folder_that_cannot_be_made_is_one_sentence(site: Site, path: Path) -> None:
    path.parent.write_bytes(b"a file where the folder should be")
    with pytest.raises(DataError, match=r"could not be written \((File exists|Not a directory)\)"):
        downloads.fetch([site.url("/data.bin")], path, MD5, SIZE)


# Archives


def tar_of(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                packed.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                packed.addfile(info, io.BytesIO(content))
    return path


def zip_of(path: Path, members: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            info.external_attr = mode << 16
            packed.writestr(info, content)
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = {"set/a": b"first", "set/inner/b": b"second"}


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_an_archive_is_unpacked(tmp_path: Path, make: Callable[[Path, dict[str, bytes]], Path]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    downloads.unpack(make(folder / "packed", GOOD), folder)
    assert {name: (folder / name).read_bytes() for name in GOOD} == GOOD
    assert names(folder) == ["packed", "set"]


def test_files_that_are_there_are_kept_and_remains_of_a_killed_run_go(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a").write_bytes(b"mine")
    (tmp_path / ".packed.unpacked" / "set").mkdir(parents=True)
    (tmp_path / ".packed.unpacked" / "set" / "half").write_bytes(b"hal")
    downloads.unpack(tar_of(tmp_path / "packed", GOOD), tmp_path)
    assert (tmp_path / "set" / "a").read_bytes() == b"mine"
    assert (tmp_path / "set" / "inner" / "b").read_bytes() == b"second"
    assert names(tmp_path) == ["packed", "set"] and names(tmp_path / "set") == ["a", "inner"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../escaped", "climbs out of the folder"),
        ("set/../../escaped", "climbs out of the folder"),
        ("set\\..\\..\\escaped", "climbs out of the folder"),
        ("/tmp/escaped", "has an absolute path"),
        ("\\escaped", "has an absolute path"),
        ("C:/escaped", "has an absolute path"),
    ],
)
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_a_member_that_leaves_the_folder_is_refused(
    tmp_path: Path,
    make: Callable[[Path, dict[str, bytes]], Path],
    name: str,
    why: str,
    assert_one_sentence: Callable[[str], None],
) -> None:
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    archive = make(tmp_path / "packed", GOOD | {name: b"harm"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError) as error:
        downloads.unpack(archive, folder)
    assert f"{archive} is refused, since its member {name!r} {why}; " in str(error.value)
    assert_one_sentence(str(error.value))
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written, not even the good members"


@pytest.mark.parametrize(
    "member",
    [
        special("set/link", tarfile.SYMTYPE, "/etc"),
        special("set/link", tarfile.SYMTYPE, "a"),
        special("set/link", tarfile.LNKTYPE, "set/a"),
        special("set/link", tarfile.CHRTYPE),
        special("set/link", tarfile.BLKTYPE),
        special("set/link", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_are_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    archive = tar_of(tmp_path / "packed", {**GOOD, "set/link": member})
    with pytest.raises(DataError, match="its member 'set/link' is a link or a device"):
        downloads.unpack(archive, tmp_path)
    assert names(tmp_path) == ["packed"]


def test_a_link_in_a_zip_file_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "packed", {"set/link": b"/etc"}, mode=0o120777)
    with pytest.raises(DataError, match="its member 'set/link' is a link or a device"):
        downloads.unpack(archive, tmp_path)
    assert names(tmp_path) == ["packed"]


@pytest.mark.parametrize("damage", [lambda packed: packed[: len(packed) // 2], lambda packed: b"no archive", lambda packed: b""])
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_a_damaged_archive_is_named(
    tmp_path: Path,
    make: Callable[[Path, dict[str, bytes]], Path],
    damage: Callable[[bytes], bytes],
    assert_one_sentence: Callable[[str], None],
) -> None:
    archive = make(tmp_path / "packed", GOOD | {"large": CONTENT})
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(DataError, match="packed is damaged or no archive") as error:
        downloads.unpack(archive, tmp_path)
    assert_one_sentence(str(error.value))
    assert names(tmp_path) == ["packed"]


@given(st.lists(st.sampled_from(["..", ".", "a", "b", "", "\\", "C:", "~"]), min_size=1, max_size=6).map("/".join))
def test_whatever_is_let_through_stays_in_the_folder(name: str) -> None:
    folder = "/some/folder"
    try:
        downloads._require_harmless(Path("packed"), [(name, True)])
    except DataError:
        return
    assert os.path.normpath(os.path.join(folder, name)).startswith(folder)  # noqa: PTH118 - must not resolve links


# The registry


def test_what_the_registry_offers_can_be_fetched() -> None:
    offered = [one for entry in registry().values() for one in entry.downloads]
    assert len(offered) >= 1 + 4 + 4
    for one in offered:
        algorithm, digits = one.checksum
        assert len(digits) == hashlib.new(algorithm, usedforsecurity=False).digest_size * 2 and int(digits, 16)
        assert one.urls and all(url.startswith(("http://", "https://")) and url.endswith(f"/{one.file}") for url in one.urls)
        assert Path(one.file).name == one.file
        assert one.size is None or one.size > 0


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_checksums_are_those_of_torchvision(dataset: str) -> None:
    import torchvision

    source = {"mnist": torchvision.datasets.MNIST, "fashion_mnist": torchvision.datasets.FashionMNIST}[dataset]
    assert [(one.file, one.md5) for one in registry()[dataset].downloads] == source.resources
    assert {url.rpartition("/")[0] + "/" for one in registry()[dataset].downloads for url in one.urls} & set(source.mirrors)


def test_the_checksum_of_cifar10_is_that_of_torchvision() -> None:
    import torchvision

    source = torchvision.datasets.CIFAR10
    (archive,) = registry()["cifar10"].downloads
    assert (archive.file, archive.md5, archive.urls) == (source.filename, source.tgz_md5, (source.url,))

"""Downloads: what works, what fails, what is refused."""

import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from spurprune.dag import plugins
from spurprune.data import downloads
from spurprune.data.registry import registry
from spurprune.errors import DataError, DownloadError
from tests.site import Fault, Site, serving

CONTENT = np.random.default_rng(0).bytes(300_000)  # several chunks
MD5 = ("md5", hashlib.md5(CONTENT, usedforsecurity=False).hexdigest())


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as served:
        served.files["/data.bin"] = CONTENT
        yield served


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, which are not slept through."""
    found: list[float] = []
    monkeypatch.setattr("pooch.core.time.sleep", found.append)
    return found


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What has been logged so far."""
    monkeypatch.setattr("spurprune.machine.logs.log.propagate", True)
    caplog.set_level("INFO", "spurprune")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "data.bin"


def names(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.iterdir())


# What works


@pytest.mark.parametrize("checksum", [MD5, ("sha256", hashlib.sha256(CONTENT).hexdigest())])
def test_a_file_is_fetched_and_checked(site: Site, path: Path, checksum: tuple[str, str]) -> None:
    assert downloads.fetch([site.url("/data.bin")], path, checksum) == site.url("/data.bin")
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["data.bin"]
    assert site.requests == ["/data.bin"]


def test_without_a_checksum_a_file_is_fetched_and_the_log_says_so(site: Site, path: Path, messages: Callable[[], list[str]]) -> None:
    assert downloads.fetch([site.url("/missing.bin"), site.url("/data.bin")], path, None) == site.url("/data.bin")
    assert path.read_bytes() == CONTENT and names(path.parent) == ["data.bin"]
    assert messages()[-1] == f"{path} is from {site.url('/data.bin')}, whose publisher gives no checksum"
    assert downloads.fetch([site.url("/data.bin")], path, None) is None


def test_without_a_checksum_half_a_file_is_noticed_by_its_length(site: Site, path: Path) -> None:
    site.faults["/data.bin"] = [Fault(cut=100_000)] * 9
    with pytest.raises(DownloadError, match="200000 more expected"):
        downloads.fetch([site.url("/data.bin")], path, None)
    assert names(path.parent) == []


def test_a_file_that_exists_is_not_fetched_again(site: Site, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert downloads.fetch([site.url("/data.bin")], path, MD5) is None
    assert site.requests == []


def test_what_a_killed_download_left_is_removed(site: Site, path: Path) -> None:
    left = path.parent / ".data.bin.partial" / "tmp12345678"
    left.parent.mkdir(parents=True)
    left.write_bytes(CONTENT[:1000])
    downloads.fetch([site.url("/data.bin")], path, MD5)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["data.bin"]


def test_a_redirection_to_another_page_is_followed(site: Site, path: Path) -> None:
    site.faults["/old.bin"] = [Fault(status=302, headers={"Location": "/data.bin"})]
    downloads.fetch([site.url("/old.bin")], path, MD5)
    assert path.read_bytes() == CONTENT


def test_a_response_of_unknown_length_is_fetched(site: Site, path: Path) -> None:
    site.faults["/data.bin"] = [Fault(unsized=True)]
    downloads.fetch([site.url("/data.bin")], path, MD5)
    assert path.read_bytes() == CONTENT


def test_the_log_says_what_came_from_where_and_standard_error_nothing(
    site: Site, path: Path, messages: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    site.faults["/data.bin"] = [Fault(status=503)]
    downloads.fetch([site.url("/data.bin")], path, MD5)
    assert messages()[-1] == f"{path} from {site.url('/data.bin')} matches the published md5"
    assert any("Will attempt the download again" in message for message in messages())
    assert capsys.readouterr() == ("", "")


# What fails


@pytest.mark.parametrize("fault", [Fault(cut=100_000), Fault(status=503), Fault(status=429)])
def test_a_server_that_fails_is_retried(site: Site, path: Path, waits: list[float], fault: Fault) -> None:
    site.faults["/data.bin"] = [fault] * downloads.RETRIES
    downloads.fetch([site.url("/data.bin")], path, MD5)
    assert path.read_bytes() == CONTENT
    assert waits == [1, 2]


def test_a_server_that_stays_busy_is_given_up(
    site: Site, path: Path, waits: list[float], assert_one_sentence: Callable[[str], None]
) -> None:
    site.faults["/data.bin"] = [Fault(status=503)] * 9
    with pytest.raises(DownloadError, match=r"data\.bin could not be downloaded \(.*/data\.bin: HTTP status 503 Service") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5)
    assert_one_sentence(str(error.value))
    assert waits == [1, 2]
    assert len(site.requests) == 1 + downloads.RETRIES
    assert names(path.parent) == []


def test_a_connection_that_always_breaks_leaves_nothing(site: Site, path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    site.faults["/data.bin"] = [Fault(cut=100_000)] * 9
    with pytest.raises(DownloadError, match=r"/data\.bin: .*100000 bytes read, 200000 more expected") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5)
    assert_one_sentence(str(error.value))
    assert names(path.parent) == []


def test_a_silent_server_is_given_up(path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(downloads, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/data.bin"
        with pytest.raises(DownloadError, match=r"/data\.bin: no response in time\)"):
            downloads.fetch([url], path, MD5)
    assert len(waits) == downloads.RETRIES


def test_without_a_network_there_is_one_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as deaf:  # it does not listen, and nobody else can take its port
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        urls = [f"http://127.0.0.1:{port}/data.bin", f"https://127.0.0.1:{port}/data.bin"]
        reasons = rf"\(http://.*{port}/data\.bin: Connection refused; https://.*: Connection refused\)"
        with pytest.raises(DownloadError, match=reasons) as error:
            downloads.fetch(urls, path, MD5)
    assert_one_sentence(str(error.value))


def test_an_unknown_name_is_one_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*arguments: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(DownloadError, match=r"\(https://example\.org/data\.bin: no such name\)"):
        downloads.fetch(["https://example.org/data.bin"], path, MD5)


# What is refused


def test_another_checksum_is_refused_and_nothing_stays(site: Site, path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    site.files["/data.bin"] = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(DownloadError, match=rf"does not match the known hash: expected md5:{MD5[1]} but got [0-9a-f]{{32}}\)") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5)
    assert_one_sentence(str(error.value))
    assert names(path.parent) == []


def test_mirrors_are_tried_in_their_order(site: Site, path: Path) -> None:
    site.files |= {"/forged.bin": bytes(len(CONTENT)), "/short.bin": CONTENT[:-1], "/late.bin": CONTENT}
    urls = [site.url(f"/{name}.bin") for name in ("missing", "forged", "short", "data", "late")]
    assert downloads.fetch(urls, path, MD5) == site.url("/data.bin")
    assert list(dict.fromkeys(site.requests)) == ["/missing.bin", "/forged.bin", "/short.bin", "/data.bin"]


def test_missing_pages_are_all_named(site: Site, path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    urls = [site.url("/a.bin"), site.url("/b.bin")]
    with pytest.raises(DownloadError, match=r"/a\.bin: HTTP status 404 Not Found; .*/b\.bin: HTTP status 404 Not Found\)\.$") as error:
        downloads.fetch(urls, path, MD5)
    assert_one_sentence(str(error.value))


def test_a_file_of_another_checksum_in_the_way_is_kept(site: Site, path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    path.parent.mkdir()
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match=rf"data\.bin has the md5 .*, but its publisher gives {MD5[1]}; remove it") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5)
    assert_one_sentence(str(error.value))
    assert path.read_bytes() == b"mine" and site.requests == []


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/data.bin", "doi:10.5281/zenodo.1/data.bin", "/data.bin"])
def test_only_http_urls_are_downloaded(path: Path, url: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(DataError, match="is refused because only http and https") as error:
        downloads.fetch([url], path, MD5)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1:9/data.bin"])
def test_a_redirection_elsewhere_is_not_followed(site: Site, path: Path, target: str, assert_one_sentence: Callable[[str], None]) -> None:
    site.faults["/data.bin"] = [Fault(status=302, headers={"Location": target})] * 9
    with pytest.raises(DownloadError, match="No connection adapters") as error:
        downloads.fetch([site.url("/data.bin")], path, MD5)
    assert_one_sentence(str(error.value))
    assert not path.exists()


def test_a_file_that_the_server_calls_compressed_is_stored_as_it_is(site: Site, path: Path) -> None:
    downloads.fetch([site.url("/data.bin")], path, MD5)
    assert site.headers[-1]["Accept-Encoding"] == "identity"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_sentence(
    site: Site, path: Path, monkeypatch: pytest.MonkeyPatch, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.setattr("pooch.core.temporary_file", lambda path: nullcontext("/dev/full"))
    with pytest.raises(DataError, match=r"data\.bin could not be written \(No space left on device\); free some space") as error:
        downloads.fetch([site.url("/data.bin"), site.url("/mirror.bin")], path, MD5)
    assert not isinstance(error.value, DownloadError), "another URL would not help"
    assert_one_sentence(str(error.value))
    assert len(site.requests) == 1
    assert names(path.parent) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(site: Site, path: Path) -> None:
    path.parent.write_bytes(b"a file where the folder should be")
    told = rf"^{path.parent}/\S+ could not be written, since {path.parent} is a file, not a folder; move it away or name another folder"
    with pytest.raises(DataError, match=told):
        downloads.fetch([site.url("/data.bin")], path, MD5)
    with pytest.raises(DataError, match=told), downloads.alone(path.parent):
        pass
    with pytest.raises(DataError, match=r", since .* is a file, not a folder; "), downloads.alone(path.parent / "deeper"):
        pass
    assert path.parent.read_bytes() == b"a file where the folder should be"


# The registry


def test_what_the_registry_offers_can_be_fetched() -> None:
    offered = [one for entry in registry().values() for one in entry.downloads]
    assert len(offered) >= 1 + 4 + 4
    for one in offered:
        if one.checksum is not None:
            algorithm, digits = one.checksum
            assert len(digits) == hashlib.new(algorithm, usedforsecurity=False).digest_size * 2 and int(digits, 16)
        assert one.urls and all(url.startswith(("http://", "https://")) and url.endswith(f"/{one.file}") for url in one.urls)
        assert Path(one.file).name == one.file
        assert one.size is None or one.size > 0


def test_only_waterbirds_has_no_published_checksum_and_its_reader_decides() -> None:
    unpublished = {name: one for name, entry in registry().items() for one in entry.downloads if one.checksum is None}
    assert list(unpublished) == ["waterbirds"]
    assert unpublished["waterbirds"].unpack and callable(plugins.load("datasets", "waterbirds").unlike_release)


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

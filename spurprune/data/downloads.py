"""Downloads: a file from one of several addresses, resumed, retried and checked by the publisher's checksum; archives unpacked safely."""

import gzip
import hashlib
import lzma
import re
import shutil
import socket
import ssl
import stat
import tarfile
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from spurprune import __version__
from spurprune.errors import DataError, DownloadError, first_sentence
from spurprune.machine.logs import Progress, log
from spurprune.storage.files import writing

ATTEMPTS = 4  # at each address; a later attempt goes on from what the earlier ones fetched
FIRST_WAIT = 1.0  # seconds before the second attempt, doubled before every further one
LONGEST_WAIT = 60.0  # seconds, whatever a server asks for
TIMEOUT = 60.0  # seconds without an answer or a byte
CHUNK = 1 << 16  # bytes read and written at a time, and the most that a broken connection costs
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP answers after which the same request may succeed later

# What the archives' readers raise for files that are damaged, of another format, encrypted, or packed in an unknown way.
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,
)


class _FetchError(Exception):
    """An address did not give the file; its text says why. ``passing``: it may later, though not before ``wait`` seconds."""

    def __init__(self, reason: str, passing: bool, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.passing, self.wait = passing, wait


def fetch(urls: Sequence[str], path: Path, checksum: tuple[str, str], size: int | None = None) -> str | None:
    """Download ``path`` from the first of the http(s) ``urls`` that gives it, and return that one; None if the file is there already.

    ``checksum`` is (algorithm of hashlib, hexadecimal digits) and ``size`` in bytes, both as the publisher gives them. The file appears
    under its name once it is whole and checked; until then it is beside it, named ``*.partial``, from where an interrupted download goes
    on. Raises DownloadError if no address gives the file, DataError if a file of another checksum is in the way, if an address is not
    http(s), or if the disk cannot take it.
    """
    for url in urls:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DataError(f"{url} is refused, since only http and https addresses are fetched; mend the address.")
    algorithm, published = checksum
    if path.exists():
        found = hash_of(path, algorithm)
        if found != published:
            raise DataError(f"{path} has the {algorithm} {found}, but its publisher gives {published}; remove it to have it downloaded.")
        return None
    partial = path.with_name(f"{path.name}.partial")
    reasons = []
    for url in urls:
        try:
            _fetch_from(url, partial, checksum, size)
        except _FetchError as failure:
            log.warning("%s: %s", url, failure)
            reasons.append(f"{url}: {failure}")
            continue
        with writing(path):
            partial.replace(path)
        log.info("%s from %s has the published %s", path, url, algorithm)
        return url
    raise DownloadError(f"{path.name} could not be downloaded ({'; '.join(reasons)}).")


def hash_of(path: Path, algorithm: str) -> str:
    """Return the hexadecimal digits of a file's hash; raises DataError if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); mend its permissions or remove it.") from error


def _fetch_from(url: str, partial: Path, checksum: tuple[str, str], size: int | None) -> None:
    """Complete ``partial`` from one address, with retries, and check it; raises _FetchError."""
    wait = FIRST_WAIT
    for attempt in range(1, ATTEMPTS + 1):
        resumed = partial.exists()
        try:
            _receive(url, partial, size)
            _require_checksum(partial, checksum, resumed)
            return
        except _FetchError as failure:
            if not failure.passing or attempt == ATTEMPTS:
                raise
            pause = min(max(wait, failure.wait), LONGEST_WAIT)
            log.warning("%s: %s; again in %.0f s", url, failure, pause)
            time.sleep(pause)
            wait *= 2


def _require_checksum(partial: Path, checksum: tuple[str, str], resumed: bool) -> None:
    """Raise _FetchError and remove the file if it is another one; if two downloads were joined, a single one may be right."""
    algorithm, published = checksum
    found = hash_of(partial, algorithm)
    if found != published:
        partial.unlink()
        raise _FetchError(f"its {algorithm} is {found}, but the publisher gives {published}", passing=resumed)


def _receive(url: str, partial: Path, size: int | None) -> None:
    """Ask for what is missing of ``partial`` and append it; raises _FetchError unless it is as long as it must be."""
    with writing(partial):
        partial.parent.mkdir(parents=True, exist_ok=True)
        have = partial.stat().st_size if partial.exists() else 0
    if have and have == size:  # stopped between its last byte and its check
        return
    headers = {"User-Agent": f"spurprune/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - fetch() lets http(s) through only, and so does _opener()
    try:
        with _opener().open(request, timeout=TIMEOUT) as response:
            start, total = _extent(response, have)
            if size is not None and total is not None and total != size:
                raise _FetchError(f"it offers {total:,} bytes, but the file has {size:,}", passing=False)
            total = total if size is None else size
            got = start + _append(partial, start, total, iter(lambda: response.read(CHUNK), b""))
    except HTTPError as error:
        with closing(error):
            if error.code == 416 and have:  # the partial file is longer than what the server has
                partial.unlink()
                raise _FetchError("what was fetched before does not fit", passing=True) from None
            asked = error.headers.get("Retry-After", "")
            wait = float(asked) if asked.isdecimal() else 0.0
            raise _FetchError(f"HTTP status {error.code} {error.reason}".rstrip(), error.code in BUSY, wait) from None
    except (OSError, HTTPException) as error:
        raise _broken(error) from error
    if total is not None and got < total:
        raise _FetchError(f"the connection ended after {got:,} of {total:,} bytes", passing=True)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows http and https only, so that no redirection leads to a local file or elsewhere."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _extent(response: HTTPResponse, have: int) -> tuple[int, int | None]:
    """Return (position in the file of the answer's first byte, the file's size or None if the server does not say).

    A server may answer a request for the rest of a file with the whole of it. Raises _FetchError if it sends another part.
    """
    if response.status == 206:
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if part is None or int(part[1]) != have:
            raise _FetchError("it sends another part of the file than the one asked for", passing=False)
        return have, None if part[2] == "*" else int(part[2])
    return 0, response.length


def _append(partial: Path, start: int, total: int | None, chunks: Iterable[bytes]) -> int:
    """Append the chunks to the file, or begin it anew where ``start`` is 0, and return how many bytes they were.

    Raises _FetchError if there are more than ``total`` bytes, DataError if they cannot be written.
    """
    progress = Progress(total, partial.name.removesuffix(".partial"), "byte") if total else None
    if progress:
        progress.find("file", start)
    count = 0
    with writing(partial):
        out = open(partial, "ab" if start else "wb", buffering=0)  # noqa: SIM115 - unbuffered, so that errors arise where they are caught
    with closing(out):
        for chunk in chunks:
            count += len(chunk)
            if total is not None and start + count > total:
                raise _FetchError(f"it sends more than the {total:,} bytes of the file", passing=False)
            with writing(partial):
                left = memoryview(chunk)
                while left:
                    left = left[out.write(left) :]
            if progress:
                progress.reach("file", start + count)
    return count


def _broken(error: BaseException) -> _FetchError:
    """Return what a connection's error says, without its number, and whether it may pass: an unknown name or a false certificate stays."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, str):
        return _FetchError(cause, passing=False)
    if isinstance(cause, TimeoutError):
        return _FetchError("no answer in time", passing=True)
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else first_sentence(cause)
    unknown = isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME
    return _FetchError(text, passing=not unknown and not isinstance(cause, ssl.SSLCertVerificationError))


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive into a folder, whose own files are kept.

    All members are looked at first: an absolute path, one that climbs out of the folder, a link or a device is refused. The archive is
    unpacked beside its place and moved there file by file, so that no file is ever half there. Raises DataError that names the archive
    and, where it is refused, the member.
    """
    staging = folder / f".{archive.name}.unpacked"
    with writing(folder):
        shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
        staging.mkdir(parents=True)
    try:
        _extract(archive, staging)
        for path in sorted(staging.rglob("*")):
            target = folder / path.relative_to(staging)
            with writing(target):
                if path.is_dir():
                    target.mkdir(exist_ok=True)
                elif target.exists():
                    log.info("%s is there already and is kept", target)
                else:
                    path.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _extract(archive: Path, staging: Path) -> None:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                _require_harmless(archive, _zip_members(packed))
                with writing(staging):
                    packed.extractall(staging)  # noqa: S202 - the members have been checked
        else:
            with tarfile.open(archive) as packed:
                _require_harmless(archive, _tar_members(packed))
                # Python before 3.11.4 has no filter; the members are checked in any case.
                packed.extraction_filter = getattr(tarfile, "data_filter", None)
                with writing(staging):
                    packed.extractall(staging)  # noqa: S202 - the members have been checked
    except DAMAGED as error:
        raise DataError(f"{archive} is damaged or no archive ({first_sentence(error)}); remove it and rerun.") from error


def _zip_members(packed: zipfile.ZipFile) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a plain file or folder) of every member."""
    for info in packed.infolist():
        yield info.filename, stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)


def _tar_members(packed: tarfile.TarFile) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a plain file or folder) of every member."""
    for info in packed:
        yield info.name, info.isfile() or info.isdir()


def _require_harmless(archive: Path, members: Iterable[tuple[str, bool]]) -> None:
    """Raise DataError for the first member that would be written outside the folder or is neither file nor folder."""
    for name, plain in members:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or re.match("[A-Za-z]:", name):
            why = "has an absolute path"
        elif ".." in path.parts:
            why = "climbs out of the folder"
        elif not plain:
            why = "is a link or a device"
        else:
            continue
        raise DataError(f"{archive} is refused, since its member {name!r} {why}; remove it and place the data yourself.")

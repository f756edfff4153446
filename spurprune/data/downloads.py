"""Downloads: a file from the first of several mirrors that has it, verified against the publisher's checksum if there is one."""

import errno
import fcntl
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests

from spurprune import __version__
from spurprune.errors import DataError, DownloadError, first_sentence
from spurprune.machine.folders import UnsafeError, open_lock
from spurprune.machine.logs import is_terminal, log
from spurprune.storage.files import settle, writing
from spurprune.storage.regular import require_regular

RETRIES = 2  # per URL, after 1 s and then 2 s
TIMEOUT = 60.0  # seconds without a response or data
CHUNK = 1 << 16  # bytes
# Without "identity", files that a server marks as compressed in transit would be stored decompressed.
HEADERS = {"User-Agent": f"spurprune/{__version__}", "Accept-Encoding": "identity"}
LOCK = ".download.lock"  # in the folder of the data; it stays, since removing it would let two processes lock two files
# What file systems without locks, and network file systems for files of another user, answer to a lock.
NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF})


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let no other process download into a folder, made if missing, until the block ends; wait while another one does.

    The operating system releases the lock when the process ends, however it ends. On a network file system other nodes see it if the
    system's locks are enabled there; where a file cannot be locked, a warning is logged. Raises DataError if the lock's file cannot be
    made or is not a plain file.
    """
    path = folder / LOCK
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = open_lock(path, mode=0o666)  # less the umask: users who share the folder share its lock
        except UnsafeError as error:
            raise DataError(f"{error}; remove it and rerun.") from error
    with lock:
        try:
            _wait_for(lock.fileno(), folder)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise DataError(f"{path} cannot be locked ({error.strerror}); name a folder on another disk.") from error
            log.warning("%s cannot be locked (%s): make sure that nothing else downloads into this folder", path, error.strerror)
        yield


def _wait_for(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.info("waiting while another process downloads into %s", folder)
        fcntl.flock(lock, fcntl.LOCK_EX)


def fetch(urls: Sequence[str], path: Path, checksum: tuple[str, str] | None) -> str | None:
    """Download ``path`` from the first of the http(s) ``urls`` that has it and return that URL; None if the file already exists.

    ``checksum`` is the publisher's: (hashlib algorithm, hexadecimal digits), None if there is none: then what comes is only as long as the
    server says, and the caller must check its contents. The file appears under its name only once it is complete and verified. Raises
    DownloadError if no URL has it, DataError if a file with another checksum exists, a URL is not http(s), or the file cannot be written.
    """
    for url in urls:
        if urlsplit(url).scheme not in ("http", "https"):
            raise DataError(f"{url} is refused because only http and https URLs are downloaded; correct the URL.")
    if path.exists():
        if checksum is not None and (found := hash_of(path, checksum[0])) != checksum[1]:
            raise DataError(f"{path} has the {checksum[0]} {found}, but its publisher gives {checksum[1]}; remove it to download it again.")
        return None
    reasons = []
    for url in urls:
        try:
            _fetch_from(url, path, None if checksum is None else ":".join(checksum))
        except (requests.RequestException, ValueError) as error:
            reasons.append(f"{url}: {_reason(error)}")
            log.warning("%s", reasons[-1])
            continue
        if checksum is None:
            log.info("%s is from %s, whose publisher gives no checksum", path, url)
        else:
            log.info("%s from %s matches the published %s", path, url, checksum[0])
        return url
    raise DownloadError(f"{path.name} could not be downloaded ({'; '.join(reasons)}).")


def hash_of(path: Path, algorithm: str) -> str:
    """Return a file's hash as hexadecimal digits; raises DataError if it cannot be read."""
    try:
        require_regular(path)
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); correct its permissions or remove it.") from error


def _fetch_from(url: str, path: Path, known_hash: str | None) -> None:
    """Download from one URL; raises requests' exceptions, ValueError for a wrong checksum, DataError if the file cannot be written."""
    logger = pooch.get_logger()
    logger.handlers.clear()  # they write to standard error
    logger.parent = log
    logger.setLevel("INFO")
    folder = path.with_name(f".{path.name}.partial")  # for pooch's temporary files, which outlive a killed run
    failure: requests.RequestException | ValueError | None = None
    with writing(path):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            with ExitStack() as responses:  # pooch leaves responses open if it fails
                close = {"response": lambda response, **_: responses.enter_context(response)}
                files = pooch.create(folder, base_url="", registry={path.name: known_hash}, urls={path.name: url}, retry_if_failed=RETRIES)
                download = pooch.HTTPDownloader(progressbar=is_terminal(), chunk_size=CHUNK, timeout=TIMEOUT, headers=HEADERS, hooks=close)
                settle(Path(files.fetch(path.name, downloader=download)), path)
        except (requests.RequestException, ValueError) as error:  # the former is an OSError, but not about ``path``
            failure = error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if failure:
        raise failure


def _reason(error: Exception) -> str:
    """Return a short reason; requests' own messages are full of object representations."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, requests.Timeout):
        return "no response in time"
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return first_sentence(error)

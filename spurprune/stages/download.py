"""download: check that a dataset's files are in place, and fetch them if not."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from spurprune.dag import plugins
from spurprune.data import archives, downloads
from spurprune.data.registry import DatasetEntry, Download, registry
from spurprune.errors import DataError, DownloadError
from spurprune.machine.logs import log
from spurprune.storage.files import write_text


def run(dataset: str, source: Path, allowed: bool, record: Path) -> None:
    """Download a dataset into the folder ``source`` unless its files are there, and write a record of them as JSON.

    ``allowed`` says whether the configuration permits downloads. If the files are in place, the network is not used; if another process
    is downloading them, this one waits. Raises DataError that says which files to place where if they are missing and cannot be fetched.
    """
    entry = registry()[dataset]
    reader = plugins.load("datasets", dataset)
    fetched: list[dict[str, Any]] = []
    missing = _missing(reader, source)
    if missing is None:
        log.info("%s is already at %s", entry.title, source)
    else:
        if not allowed:
            raise DataError(f"{missing}; downloads are switched off (download: false).")
        with downloads.alone(source):
            fetched = _fetched(entry, reader, source)
    content = {
        "dataset": dataset,
        "title": entry.title,
        "source": entry.source,
        "licence": entry.licence,
        "folder": str(source),
        "downloads": fetched,
        "files": [
            {"file": path.relative_to(source).as_posix(), "size": path.stat().st_size, "sha256": downloads.hash_of(path, "sha256")}
            for path in reader.locate(source)
        ],
    }
    write_text(record, json.dumps(content, indent=2) + "\n")


def _fetched(entry: DatasetEntry, reader: ModuleType, source: Path) -> list[dict[str, Any]]:
    """Fetch a dataset's files and return their entries in the record; none if another process has fetched them meanwhile."""
    missing = _missing(reader, source)
    if missing is None:
        log.info("%s has been downloaded to %s by another process", entry.title, source)
        return []
    log.info("%s comes from %s; licence: %s", entry.title, entry.source, entry.licence)
    try:
        return [_obtain(one, reader, source) for one in entry.downloads]
    except DownloadError as error:
        raise DataError(f"{missing}; {error}") from error


def _missing(reader: ModuleType, source: Path) -> str | None:
    """Return the reader's message about missing files, without its full stop, or None if all are there."""
    try:
        reader.locate(source)
    except DataError as error:
        return str(error).removesuffix(".")
    return None


def _obtain(download: Download, reader: ModuleType, folder: Path) -> dict[str, Any]:
    """Fetch and unpack one file; return its entry in the record, whose ``url`` is None if the file was already there.

    Without a published checksum the reader decides by the archive's contents, and the SHA-256 that was seen is recorded.
    """
    path = folder / download.file
    size = f"{download.size / 1e6:,.1f} MB" if download.size else "size unknown"
    log.info("downloading %s (%s) to %s", download.file, size, folder)
    url = downloads.fetch(download.urls, path, download.checksum)
    if download.checksum is not None:
        algorithm, digits = download.checksum
        if download.unpack:
            archives.unpack(path, folder)
    else:
        archives.unpack(path, folder, reader.unlike_release)
        algorithm, digits = "sha256", downloads.hash_of(path, "sha256")
        log.info("%s, which has the contents of the release, has the sha256 %s; its publisher gives none", path, digits)
    return {
        "file": download.file,
        "url": url,
        algorithm: digits,
        "checksum": "seen" if download.checksum is None else "published",
        "size": path.stat().st_size,
        "unpacked": download.unpack,
    }

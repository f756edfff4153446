"""download: see that a dataset's files are where they belong, and fetch those that are not there."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

from spurprune.dag import plugins
from spurprune.data import archives, downloads
from spurprune.data.registry import Download, registry
from spurprune.errors import DataError, DownloadError
from spurprune.machine.logs import log
from spurprune.storage.files import write_text


def run(dataset: str, source: Path, allowed: bool, record: Path) -> None:
    """Download a dataset into the folder ``source`` unless its files are there, and write a record of them as JSON.

    ``allowed`` is whether the user lets anything be downloaded. The network is not touched where the files are there. Raises DataError
    that says what to place where if they are not and cannot be fetched.
    """
    entry = registry()[dataset]
    reader = plugins.load("datasets", dataset)
    fetched: list[dict[str, Any]] = []
    lacking = _lacking(reader, source)
    if lacking is None:
        log.info("%s is at %s, so nothing is downloaded", entry.title, source)
    else:
        if not allowed:
            raise DataError(f"{lacking}; downloads are switched off (download: false).")
        log.info("%s comes from %s; licence: %s", entry.title, entry.source, entry.licence)
        try:
            fetched = [_obtain(one, source) for one in entry.downloads]
        except DownloadError as error:
            raise DataError(f"{lacking}; {error}") from error
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


def _lacking(reader: ModuleType, source: Path) -> str | None:
    """Return the reader's sentence about files that are missing, without its full stop, or None if all are there."""
    try:
        reader.locate(source)
    except DataError as error:
        return str(error).removesuffix(".")
    return None


def _obtain(download: Download, folder: Path) -> dict[str, Any]:
    """Fetch and unpack one file; return what the record says of it, ``url`` null if the file was there already."""
    path = folder / download.file
    size = f"{download.size / 1e6:,.1f} MB" if download.size else "size unknown"
    log.info("%s (%s) is downloaded to %s", download.file, size, folder)
    url = downloads.fetch(download.urls, path, download.checksum)
    if download.unpack:
        archives.unpack(path, folder)
    algorithm, digits = download.checksum
    return {"file": download.file, "url": url, algorithm: digits, "size": path.stat().st_size, "unpacked": download.unpack}

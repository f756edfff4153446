"""Safe unpacking of archives: nothing is written outside the target folder."""

import gzip
import lzma
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from spurprune.errors import DataError, first_sentence
from spurprune.machine.logs import log
from spurprune.storage.files import writing
from spurprune.storage.regular import require_regular

# Raised for archives that are damaged, encrypted, of another format, or compressed by an unknown method.
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    OverflowError,
    struct.error,
)


def unpack(archive: Path, folder: Path, objection: Callable[[Path], str | None] = lambda unpacked: None) -> None:
    """Unpack a tar or zip archive into a folder without overwriting existing files.

    ``objection`` is asked what is wrong with the unpacked files, None for nothing, before any is moved into the folder.

    All members are checked before anything is written: absolute paths, paths that lead out of the folder, links and devices are refused.
    Files are unpacked into a staging folder and then moved, so none is ever half-written. Raises DataError that names the archive and,
    if it is refused, the member or the objection.
    """
    require_regular(archive)
    staging = folder / f".{archive.name}.unpacked"
    with writing(folder):
        shutil.rmtree(staging, ignore_errors=True)  # left by a killed run
        staging.mkdir(parents=True)
    try:
        _extract(archive, staging)
        objected = objection(staging)
        if objected is not None:
            raise DataError(f"{archive} is refused because {objected}; remove it and rerun, or place the data yourself.")
        os.sync()  # names must not be on the disk before bytes; one flush, since there may be hundreds of thousands of files
        for path in sorted(staging.rglob("*")):
            target = folder / path.relative_to(staging)
            with writing(target):
                if path.is_dir():
                    target.mkdir(exist_ok=True)
                elif target.exists():
                    log.info("%s already exists and is kept", target)
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
        raise DataError(f"{archive} is damaged or not an archive ({first_sentence(error)}); remove it and rerun.") from error


def _zip_members(packed: zipfile.ZipFile) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a plain file or folder) for every member."""
    for info in packed.infolist():
        yield info.filename, stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)


def _tar_members(packed: tarfile.TarFile) -> Iterator[tuple[str, bool]]:
    """Yield (name, whether it is a plain file or folder) for every member."""
    for info in packed:
        yield info.name, info.isfile() or info.isdir()


def _require_harmless(archive: Path, members: Iterable[tuple[str, bool]]) -> None:
    """Raise DataError for the first member that would be written outside the folder or is neither a file nor a folder."""
    for name, plain in members:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or re.match("[A-Za-z]:", name):
            why = "has an absolute path"
        elif ".." in path.parts:
            why = "leads out of the folder"
        elif not plain:
            why = "is a link or a device"
        else:
            continue
        raise DataError(f"{archive} is refused because its member {name!r} {why}; remove it and place the data yourself.")

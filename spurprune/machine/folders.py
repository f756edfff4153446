"""Folders and lock files that no other user can have prepared, also where everybody may write, as below /tmp."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

OTHERS = stat.S_IRWXG | stat.S_IRWXO


class UnsafeError(Exception):
    """Why a folder or file is not used: a clause without a full stop."""


def private_folder(path: Path) -> int:
    """Create a folder of mode 0700, unless it exists, and return a descriptor of it, which the caller closes.

    What is opened relative to the descriptor stays in this folder, whatever happens to its path. Raises UnsafeError if the path is a link,
    not a folder, another user's or open to others, OSError if the folder cannot be made or opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    _require_private(path, path.lstat())
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _require_private(path, os.fstat(descriptor))
    except UnsafeError:
        os.close(descriptor)
        raise
    return descriptor


def _require_private(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeError(f"{path} is a link")
    if not stat.S_ISDIR(found.st_mode):
        raise UnsafeError(f"{path} is not a folder")
    if found.st_uid != os.getuid():
        raise UnsafeError(f"{path} belongs to another user")
    if found.st_mode & OTHERS:
        raise UnsafeError(f"{path} is open to other users")


def open_lock(path: Path, *, folder: int | None = None, mode: int = 0o600) -> IO[bytes]:
    """Open a file to lock, created with ``mode`` if missing, never written.

    ``folder`` is a descriptor of its folder, if that must not be looked up by its path again. The file is open for writing, as exclusive
    locks on network file systems require, or for reading if it is another user's. Raises UnsafeError if the path is a link or not a plain
    file, OSError if it cannot be opened.
    """
    try:
        return _open_plain(path, os.O_RDWR | os.O_CREAT, folder, mode)
    except PermissionError as denied:
        try:
            return open_to_read(path, folder=folder)
        except FileNotFoundError:
            raise denied from None


def open_to_read(path: Path, *, folder: int | None = None) -> IO[bytes]:
    """Open a file for reading, unbuffered; ``folder`` is as for ``open_lock``.

    Raises UnsafeError if the path is a link or not a plain file, OSError if it cannot be opened.
    """
    return _open_plain(path, os.O_RDONLY, folder)


def _open_plain(path: Path, flags: int, folder: int | None, mode: int = 0o600) -> IO[bytes]:
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK  # without the latter, opening a pipe may wait for ever
    try:
        descriptor = os.open(path if folder is None else path.name, flags, mode, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeError(f"{path} is a link") from error
        if error.errno in (errno.EISDIR, errno.ENXIO):
            raise UnsafeError(f"{path} is not a plain file") from error
        raise OSError(error.errno, error.strerror, str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnsafeError(f"{path} is not a plain file")
    return os.fdopen(descriptor, "rb", buffering=0)

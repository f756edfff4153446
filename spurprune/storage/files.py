"""Atomic writing of files: a killed job leaves nothing half-written, and neither does a machine that stops."""

import errno
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spurprune.errors import DataError

UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EISDIR})  # by file systems that flush no folders


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError while writing ``path`` into a DataError that names it, and what is in its way, if that is why."""
    try:
        yield
    except OSError as error:
        obstacle = _in_the_way(path, error)
        if obstacle:
            raise DataError(f"{path} could not be written, since {obstacle}; move it away or name another folder, then rerun.") from error
        raise DataError(
            f"{path} could not be written ({error.strerror or error}); free some space or correct the folder's permissions, then rerun."
        ) from error


def _in_the_way(path: Path, error: OSError) -> str | None:
    """Return what is where a folder should be, or the folder that is where ``path`` should be, as a clause, if the error is about that."""
    if error.errno == errno.EISDIR and os.path.isdir(path):  # noqa: PTH112 - unlike Path's, these functions raise no error of their own
        return f"{path} is a folder, not a file"
    if error.errno not in (errno.EEXIST, errno.ENOTDIR):
        return None
    for parent in (path, *path.parents):
        if os.path.lexists(parent) and not os.path.isdir(parent):  # noqa: PTH112
            return f"{parent} is a {'file' if os.path.exists(parent) else 'broken link'}, not a folder"  # noqa: PTH110
    return None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to, and rename it to ``path`` when the block ends; raises DataError if that fails.

    After a power cut the file is either the old or the new one.

    A path has one writer at a time, so temporary files that killed writers left are removed first.
    """
    # Processes on different nodes of a shared file system may have the same id.
    temporary = path.with_name(f".{path.name}.{socket.gethostname().partition('.')[0]}-{os.getpid()}.partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in _left_behind(path):
            left.unlink(missing_ok=True)
        try:
            yield temporary
            settle(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def settle(temporary: Path, path: Path) -> None:
    """Rename a complete file to ``path`` in the same folder once its bytes are on the disk, and wait until its name is; raises OSError."""
    _flush(temporary)
    os.replace(temporary, path)
    try:
        _flush(path.parent)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; raises DataError if the file cannot be written."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _left_behind(path: Path) -> list[Path]:
    """Return the temporary files of a path, from any process on any node."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[^.]+\.partial")
    return [found for found in path.parent.iterdir() if name.fullmatch(found.name)]

"""Copies of memory-mapped inputs on a node's own disk, so that a shared file system is read once per node instead of once per batch.

Copies are named by their content, in one folder per user. A job that uses one holds a shared lock on the file itself; the operating
system releases it when the process ends, however it ends. A job that copies makes room first and removes only unlocked files.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from spurprune.machine.expansion import ExpansionError, expand
from spurprune.machine.folders import UnsafeError, open_lock, open_to_read, private_folder
from spurprune.machine.logs import log

BYTES_AT_ONCE = 16 * 2**20
# Copies leave this share of scratch free, or their own size if that is less: other jobs write there, and nearly full file systems are slow.
FREE_SHARE = 0.05
GIGABYTE = 10**9


class _NoCopyError(Exception):
    """Why there is no copy: a clause without a full stop."""


@dataclass(frozen=True)
class Original:
    """An array's file: its path, the file name of its copies, and the SHA-256 of its last ``array_bytes`` bytes, the array itself."""

    path: Path
    name: str
    array_bytes: int
    sha256: str


@dataclass(frozen=True)
class _Folder:
    """The user's folder of copies: its path, and a descriptor by which its files are opened and renamed, whatever happens to the path."""

    path: Path
    descriptor: int


@contextmanager
def local_copy(original: Original, scratch: str, limit_gb: int | None = None) -> Iterator[Path]:
    """Yield the path of a file's copy on this node, which is kept until the block ends.

    ``scratch`` is a node-local folder, in which variables and ``~`` are expanded on this node. The user's copies there take up at most
    ``limit_gb`` gigabytes (10⁹ bytes) in total. If no copy can be made, a warning says why, and the original's own path is yielded.
    """
    held = _held_or_warn(original, scratch, limit_gb)
    if held is None:
        yield original.path
        return
    path, file = held
    with file:
        _touch(file)
        try:
            yield path
        finally:
            _touch(file)


def _held_or_warn(original: Original, scratch: str, limit_gb: int | None) -> tuple[Path, IO[bytes]] | None:
    """Return the copy's path and the file that holds its lock, or None after a warning."""
    try:
        with _folder(scratch) as folder:
            size = original.path.stat().st_size
            held = _held(folder, original.name, size) or _waited_for(folder, original, size, limit_gb)
            return folder.path / original.name, held
    except (_NoCopyError, UnsafeError) as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename or scratch}: {error.strerror or error}"
    log.warning("Inputs are read from %s directly, since it cannot be copied to this node's scratch (%s).", original.path, reason)
    return None


@contextmanager
def _folder(scratch: str) -> Iterator[_Folder]:
    """Open the user's folder of copies until the block ends, created if missing; other users must not have access."""
    try:
        expanded = expand(scratch)
    except ExpansionError as error:
        raise _NoCopyError(f"'{scratch}' cannot be expanded on this node: {error}") from error
    if not Path(expanded).is_absolute():
        raise _NoCopyError(f"'{scratch}' is not an absolute path")
    path = Path(expanded) / f"spurprune-inputs-{os.getuid()}"
    descriptor = private_folder(path)
    try:
        yield _Folder(path, descriptor)
    finally:
        os.close(descriptor)


def _locked(file: IO[bytes], operation: int) -> bool:
    """Try to lock a file at once; return whether it is locked now."""
    try:
        fcntl.flock(file, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _touch(file: IO[bytes]) -> None:
    """Mark a copy as used now; eviction goes by this time."""
    with suppress(OSError):
        os.utime(file.fileno())


def _held(folder: _Folder, name: str, size: int) -> IO[bytes] | None:
    """Return a copy, open and locked against eviction, or None if there is none of this size; raises UnsafeError for what is no file."""
    try:
        file = open_to_read(folder.path / name, folder=folder.descriptor)
    except FileNotFoundError:
        return None
    if _locked(file, fcntl.LOCK_SH):
        found = os.fstat(file.fileno())
        if found.st_nlink and found.st_size == size:  # no link is left if it was evicted between opening and locking
            return file
    file.close()
    return None


def _waited_for(folder: _Folder, original: Original, size: int, limit_gb: int | None) -> IO[bytes]:
    """Return the copy once this job or another one has made it; a user's jobs on a node copy one at a time."""
    with open_lock(folder.path / "copying.lock", folder=folder.descriptor) as turn:
        if not _locked(turn, fcntl.LOCK_EX):
            log.info("waiting while another job on this node copies inputs")
            fcntl.flock(turn, fcntl.LOCK_EX)
        found = _held(folder, original.name, size)
        if found is not None:
            return found
        _make_room(folder, size, limit_gb)
        started = time.monotonic()
        file = _copied(folder, original, size)
        seconds = time.monotonic() - started
        log.info("copied %s to %s: %.2f GB in %.1f s", original.path, folder.path / original.name, size / GIGABYTE, seconds)
        return file


def _make_room(folder: _Folder, needed: int, limit_gb: int | None) -> None:
    """Remove partial copies of killed jobs, then unused copies, least recently used first, until ``needed`` bytes fit.

    Removes no copy if removing all unused ones would not be enough. What is not a plain file is no copy and stays.
    """
    with ExitStack() as opened:
        total, idle = 0, []
        for path in (folder.path / name for name in os.listdir(folder.descriptor)):  # noqa: PTH208 - of the open folder
            if path.suffix not in (".npy", ".partial"):
                continue
            try:
                file = opened.enter_context(open_to_read(path, folder=folder.descriptor))
            except (FileNotFoundError, UnsafeError):  # the former: removed by hand meanwhile
                continue
            found = os.fstat(file.fileno())
            unused = _locked(file, fcntl.LOCK_EX)  # until the files are closed, so that no job starts to use what is being removed
            if unused and path.suffix == ".partial":
                os.unlink(path.name, dir_fd=folder.descriptor)
                continue
            total += found.st_size
            if unused:
                idle.append((found.st_mtime_ns, path, found.st_size))
        disk = shutil.disk_usage(folder.descriptor)
        missing = needed - (disk.free - min(int(FREE_SHARE * disk.total), needed))
        if limit_gb is not None:
            missing = max(missing, needed + total - limit_gb * GIGABYTE)
        spare = sum(size for _, _, size in idle)
        if missing > spare:
            bound = "" if limit_gb is None else f" of the {limit_gb} GB of scratch_gb"
            room = max(needed - missing + spare, 0)
            raise _NoCopyError(f"it takes {needed / GIGABYTE:.2f} GB, and {folder.path} has {room / GIGABYTE:.2f} GB{bound} to spare")
        for _, path, size in sorted(idle):
            if missing <= 0:
                break
            os.unlink(path.name, dir_fd=folder.descriptor)
            missing -= size
            log.info("removed %s, the least recently used copy", path)


def _copied(folder: _Folder, original: Original, size: int) -> IO[bytes]:
    """Copy ``original`` into the folder atomically and return the open file, locked before it got its name."""
    name = f".{original.name}.{secrets.token_hex(8)}.partial"
    file = os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder.descriptor), "wb")
    try:
        fcntl.flock(file, fcntl.LOCK_SH)
        if _copy(original.path, file, size - original.array_bytes) != original.sha256:
            raise _NoCopyError("its content does not match its manifest")
        file.flush()
        os.fsync(file.fileno())  # a node that crashes must not leave a name without the bytes
        os.replace(name, original.name, src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder.descriptor)
        with suppress(OSError):  # writing the rest of the buffer may fail on a full disk, too
            file.close()
        raise
    return file


def _copy(source: Path, target: IO[bytes], header: int) -> str:
    """Copy a file's bytes and return the SHA-256, in hexadecimal, of those after the first ``header``: the array's."""
    digest, done = hashlib.sha256(), 0
    buffer = memoryview(bytearray(BYTES_AT_ONCE))
    with open(source, "rb") as file:
        while count := file.readinto(buffer):
            target.write(buffer[:count])
            digest.update(buffer[min(max(header - done, 0), count) : count])
            done += count
    return digest.hexdigest()

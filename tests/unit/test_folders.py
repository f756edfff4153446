"""Folders and lock files that nobody else can have prepared; most is tested with what uses them."""

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from spurprune.machine import folders


def test_a_new_folder_is_private_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "mine"
    for _ in range(2):
        descriptor = folders.private_folder(path)
        assert os.path.samestat(os.fstat(descriptor), path.stat())
        os.close(descriptor)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_folder_that_is_exchanged_after_the_check_is_not_followed(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    elsewhere.mkdir()
    descriptor = folders.private_folder(path)
    path.rename(tmp_path / "moved")
    path.symlink_to(elsewhere)
    folders.open_lock(path / "a.lock", folder=descriptor).close()
    os.close(descriptor)
    assert list(elsewhere.iterdir()) == [] and [one.name for one in (tmp_path / "moved").iterdir()] == ["a.lock"]


def test_a_lock_file_that_exists_is_locked_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text("content")
    with folders.open_lock(path) as first, folders.open_lock(path) as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert path.read_text() == "content"


@pytest.mark.parametrize("exists", [True, False])
def test_a_lock_file_of_another_user_is_read(exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, really = tmp_path / "a.lock", os.open
    if exists:
        path.touch()

    def of_another(name: Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return really(name, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", of_another)
    if exists:
        with folders.open_lock(path) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
    else:
        with pytest.raises(PermissionError):
            folders.open_lock(path)

"""Atomic replacement of files, and temporary files that other processes left, on this node or another."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from spurprune.errors import DataError
from spurprune.storage.files import replacing, write_text


def names(folder: Path) -> set[str]:
    """Return the names of everything in a folder."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("deeper", ["table.csv", "a/b/table.csv"])
@pytest.mark.parametrize(("kind", "told"), [("file", "is a file, not a folder"), ("link", "is a broken link, not a folder")])
def test_what_is_where_a_folder_should_be_is_named(
    deeper: str, kind: str, told: str, tmp_path: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    blocked = tmp_path / "results"
    blocked.write_text("mine") if kind == "file" else blocked.symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=f"could not be written, since {blocked} {told}; move it away or name another") as error:
        write_text(blocked / deeper, "new")
    assert_one_sentence(str(error.value))


def test_a_folder_where_a_file_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(DataError, match=r"could not be written, since \S+/table\.csv is a folder, not a file; move it away"):
        write_text(tmp_path / "table.csv", "new")
    assert names(tmp_path) == {"table.csv"}


def fill_the_disk(path: Path) -> None:
    """Replace a file on a disk that is full after a few bytes."""
    with replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_appears_only_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        assert not path.exists() and temporary.parent == path.parent
        temporary.write_text("whole", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "whole" and names(path.parent) == {"table.csv"}


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old")
    with pytest.raises(DataError, match="No space left"):
        fill_the_disk(path)
    assert path.read_text(encoding="utf-8") == "old" and names(tmp_path) == {"table.csv"}


def test_equal_process_numbers_on_two_nodes_give_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 41)
    found = set()
    for node in ("n1.cluster.example", "n2.cluster.example"):
        monkeypatch.setattr(socket, "gethostname", lambda node=node: node)
        with replacing(tmp_path / "table.csv") as temporary:
            temporary.touch()
            found.add(temporary.name)
    assert found == {".table.csv.n1-41.partial", ".table.csv.n2-41.partial"}


def test_what_killed_writers_of_a_file_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    others = {
        "table.csv.partial",
        ".table.csv.n1-41.decoding",
        ".other.csv.n1-41.partial",
        ".table.csv.gz.n1-41.partial",
        ".tableXcsv.n1-41.partial",
    }
    for name in (".table.csv.n1-41.partial", ".table.csv.n2-7.partial", *others):
        (tmp_path / name).touch()
    write_text(tmp_path / "table.csv", "new")
    assert names(tmp_path) == {"table.csv", *others}


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, rename = os.fsync, os.replace

    def flushed(descriptor: int) -> None:
        found = os.fstat(descriptor)
        events.append("flush folder" if stat.S_ISDIR(found.st_mode) else f"flush {found.st_size} bytes")
        fsync(descriptor)

    def renamed(old: Path, new: Path) -> None:
        events.append("rename")
        rename(old, new)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    write_text(tmp_path / "table.csv", "12345")
    assert events == ["flush 5 bytes", "rename", "flush folder"]


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_failing_flush_is_named_unless_folders_cannot_be_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if place == "file":
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "table.csv"
    if place == "file":
        with pytest.raises(DataError, match="quota exceeded"):
            write_text(path, "new")
        assert names(tmp_path) == set()
    else:
        write_text(path, "new")
        assert path.read_text() == "new"

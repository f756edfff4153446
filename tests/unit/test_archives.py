"""Unpacking: good archives are unpacked, members that would land elsewhere are refused, damaged archives are named."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spurprune.data import archives
from spurprune.errors import DataError

CONTENT = np.random.default_rng(0).bytes(300_000)  # several chunks


def names(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.iterdir())


def tar_of(path: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                packed.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                packed.addfile(info, io.BytesIO(content))
    return path


def zip_of(path: Path, members: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in members.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = name
            info.external_attr = mode << 16
            packed.writestr(info, content)
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD = {"set/a": b"first", "set/inner/b": b"second"}


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_an_archive_is_unpacked(tmp_path: Path, make: Callable[[Path, dict[str, bytes]], Path]) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    archives.unpack(make(folder / "packed", GOOD), folder)
    assert {name: (folder / name).read_bytes() for name in GOOD} == GOOD
    assert names(folder) == ["packed", "set"]


def test_existing_files_are_kept_and_leftovers_of_a_killed_run_removed(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a").write_bytes(b"mine")
    (tmp_path / ".packed.unpacked" / "set").mkdir(parents=True)
    (tmp_path / ".packed.unpacked" / "set" / "half").write_bytes(b"hal")
    archives.unpack(tar_of(tmp_path / "packed", GOOD), tmp_path)
    assert (tmp_path / "set" / "a").read_bytes() == b"mine"
    assert (tmp_path / "set" / "inner" / "b").read_bytes() == b"second"
    assert names(tmp_path) == ["packed", "set"] and names(tmp_path / "set") == ["a", "inner"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../escaped", "leads out of the folder"),
        ("set/../../escaped", "leads out of the folder"),
        ("set\\..\\..\\escaped", "leads out of the folder"),
        ("/tmp/escaped", "has an absolute path"),
        ("\\escaped", "has an absolute path"),
        ("C:/escaped", "has an absolute path"),
    ],
)
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_a_member_that_leaves_the_folder_is_refused(
    tmp_path: Path,
    make: Callable[[Path, dict[str, bytes]], Path],
    name: str,
    why: str,
    assert_one_sentence: Callable[[str], None],
) -> None:
    folder = tmp_path / "deep" / "folder"
    folder.mkdir(parents=True)
    archive = make(tmp_path / "packed", GOOD | {name: b"harm"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError) as error:
        archives.unpack(archive, folder)
    assert f"{archive} is refused because its member {name!r} {why}; " in str(error.value)
    assert_one_sentence(str(error.value))
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written, not even the good members"


@pytest.mark.parametrize(
    "member",
    [
        special("set/link", tarfile.SYMTYPE, "/etc"),
        special("set/link", tarfile.SYMTYPE, "a"),
        special("set/link", tarfile.LNKTYPE, "set/a"),
        special("set/link", tarfile.CHRTYPE),
        special("set/link", tarfile.BLKTYPE),
        special("set/link", tarfile.FIFOTYPE),
    ],
)
def test_links_and_devices_are_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    archive = tar_of(tmp_path / "packed", {**GOOD, "set/link": member})
    with pytest.raises(DataError, match="its member 'set/link' is a link or a device"):
        archives.unpack(archive, tmp_path)
    assert names(tmp_path) == ["packed"]


def test_a_link_in_a_zip_file_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "packed", {"set/link": b"/etc"}, mode=0o120777)
    with pytest.raises(DataError, match="its member 'set/link' is a link or a device"):
        archives.unpack(archive, tmp_path)
    assert names(tmp_path) == ["packed"]


@pytest.mark.parametrize("damage", [lambda packed: packed[: len(packed) // 2], lambda packed: b"no archive", lambda packed: b""])
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_a_damaged_archive_is_named(
    tmp_path: Path,
    make: Callable[[Path, dict[str, bytes]], Path],
    damage: Callable[[bytes], bytes],
    assert_one_sentence: Callable[[str], None],
) -> None:
    archive = make(tmp_path / "packed", GOOD | {"large": CONTENT})
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(DataError, match="packed is damaged or not an archive") as error:
        archives.unpack(archive, tmp_path)
    assert_one_sentence(str(error.value))
    assert names(tmp_path) == ["packed"]


@given(st.lists(st.sampled_from(["..", ".", "a", "b", "", "\\", "C:", "~"]), min_size=1, max_size=6).map("/".join))
def test_accepted_members_stay_in_the_folder(name: str) -> None:
    folder = "/some/folder"
    try:
        archives._require_harmless(Path("packed"), [(name, True)])
    except DataError:
        return
    assert os.path.normpath(os.path.join(folder, name)).startswith(folder)  # noqa: PTH118 - must not resolve links

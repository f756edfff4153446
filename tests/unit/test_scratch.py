"""Copies of inputs on a node's own disk, between real processes."""

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pytest

from spurprune.data.inputs import Manifest, content_of, local_inputs, open_inputs, read_manifest, write_inputs, write_manifest
from spurprune.errors import DataError
from spurprune.machine import scratch

COUNT, SHAPE = 1000, (1, 8, 8)
ARRAY_BYTES, FILE_BYTES = 64_000, 64_128  # the array and its NPY header of 128 bytes
# Prints what is logged, then the path of the inputs, and holds them until a line comes. Arguments: folder of the dataset, scratch.
HOLD = """
import logging, sys
from pathlib import Path
from spurprune.data.inputs import local_inputs
from spurprune.machine.logs import log
log.addHandler(logging.StreamHandler(sys.stdout))
log.setLevel(logging.INFO)
folder = Path(sys.argv[1])
with local_inputs({"inputs": folder / "inputs.npy", "manifest": folder / "manifest.json"}, sys.argv[2]) as inputs:
    print("inputs:", inputs["inputs"], flush=True)
    sys.stdin.readline()
"""
# The same, but a copier stops in the middle: half of the file is written, the other half waits for a line that never comes.
STUCK = """
import sys
from spurprune.machine import scratch
def stuck(source, target, header):
    target.write(source.read_bytes()[:30000])
    target.flush()
    print("stuck", flush=True)
    sys.stdin.readline()
scratch._copy = stuck
"""
# The same, but no file may grow beyond 10,000 bytes, as on a disk that fills up meanwhile.
FULL = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"


class Dataset(NamedTuple):
    """A dataset on the shared file system, and where a node's copies go."""

    folder: Path
    scratch: Path

    @property
    def inputs(self) -> dict[str, Path]:
        return {"inputs": self.folder / "inputs.npy", "manifest": self.folder / "manifest.json", "samples": self.folder / "samples"}

    @property
    def copy(self) -> Path:
        manifest = read_manifest(self.inputs["manifest"])
        return self.scratch / f"spurprune-inputs-{os.getuid()}" / f"{manifest.dataset}-8-{manifest.sha256}.npy"


class Job:
    """A process that uses a dataset's inputs until it is asked to end."""

    def __init__(self, dataset: Dataset, environment: dict[str, str], before: str = "") -> None:
        command = [sys.executable, "-c", before + HOLD, str(dataset.folder), str(dataset.scratch)]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seen: list[str] = []

    def read_to(self, start: str) -> str:
        """Read its output up to a line that starts with a text; return that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen.append(line.rstrip("\n"))
            if line.startswith(start):
                return self.seen[-1]
            if line.startswith("inputs: "):  # it waits now and prints no more
                break
        raise AssertionError(f"no line begins with {start!r}: {self.seen}")

    def path(self) -> Path:
        return Path(self.read_to("inputs: ").removeprefix("inputs: "))

    def end(self) -> None:
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], Dataset]:
    """A function that makes datasets of different content."""

    def dataset(name: str) -> Dataset:
        array = np.random.default_rng(len(name)).integers(0, 256, (COUNT, *SHAPE), dtype=np.uint8)
        folder = tmp_path / "shared" / name
        write_inputs(folder / "inputs.npy", array)
        assert (folder / "inputs.npy").stat().st_size == FILE_BYTES
        described = {"split_counts": {"train": COUNT}, "mean": (0.5,), "std": (0.2,), "source": "made here", "licence": "CC0"}
        manifest = Manifest(dataset=name, image_size=8, classes=("a", "b"), attributes=(), **described, **content_of(array))
        write_manifest(folder / "manifest.json", manifest)
        return Dataset(folder, tmp_path / "scratch")

    return dataset


@pytest.fixture
def jobs() -> Iterator[list[Job]]:
    started: list[Job] = []
    yield started
    with ExitStack() as leftovers:  # which continues with the next if one kill fails
        for job in started:
            if job.process.poll() is None:
                leftovers.callback(job.kill)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What this process logs."""
    monkeypatch.setattr(logging.getLogger("spurprune"), "propagate", True)
    caplog.set_level(logging.INFO, "spurprune")
    return caplog


@pytest.fixture
def refusal(logged: pytest.LogCaptureFixture, assert_one_sentence: Callable[[str], None]) -> Callable[..., str]:
    """Ask for inputs that must stay where they are; return the one warning that says why."""

    def ask(dataset: Dataset, where: str | None = None, limit_gb: int | None = None) -> str:
        logged.clear()
        with local_inputs(dataset.inputs, where or str(dataset.scratch), limit_gb) as inputs:
            assert inputs == dataset.inputs
        warnings = [record.getMessage() for record in logged.records if record.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert_one_sentence(warnings[0])
        assert warnings[0].startswith(f"Inputs are read from {dataset.inputs['inputs']} directly")
        return warnings[0]

    return ask


def use(dataset: Dataset, limit_gb: int | None = None) -> None:
    """Use a dataset's copy once."""
    with local_inputs(dataset.inputs, str(dataset.scratch), limit_gb) as inputs:
        assert inputs == dataset.inputs | {"inputs": dataset.copy}
        assert inputs["inputs"].read_bytes() == dataset.inputs["inputs"].read_bytes()


def left(dataset: Dataset) -> set[str]:
    """Return the names of all files in the user's folder but the lock's."""
    return {path.name for path in dataset.copy.parent.iterdir()} - {"copying.lock"}


def room_for(copies: float, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Give a disk room for a number of copies in total, including the files in ``folder``."""

    def disk_usage(path: Path) -> shutil._ntuple_diskusage:
        used = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        total = int(copies * FILE_BYTES / (1 - scratch.FREE_SHARE))
        return shutil._ntuple_diskusage(total, used, total - used)

    monkeypatch.setattr(scratch.shutil, "disk_usage", disk_usage)


def test_without_scratch_inputs_stay_where_they_are(make: Callable[[str], Dataset], logged: pytest.LogCaptureFixture) -> None:
    dataset = make("digits")
    for nothing in (None, ""):
        with local_inputs(dataset.inputs, nothing) as inputs:
            assert inputs == dataset.inputs
    assert not dataset.scratch.exists() and not logged.records


def test_a_copy_is_made_once_and_found_again(make: Callable[[str], Dataset], logged: pytest.LogCaptureFixture) -> None:
    dataset = make("digits")
    use(dataset)
    assert left(dataset) == {dataset.copy.name}
    made = dataset.copy.stat().st_ino
    use(dataset)
    assert dataset.copy.stat().st_ino == made
    assert [record.getMessage().split()[0] for record in logged.records] == ["copied"]
    manifest = read_manifest(dataset.inputs["manifest"])
    assert np.array_equal(open_inputs(dataset.copy, manifest)[:], open_inputs(dataset.inputs["inputs"], manifest)[:])


def test_of_two_jobs_that_start_together_one_copies(
    make: Callable[[str], Dataset], child_environment: dict[str, str], jobs: list[Job]
) -> None:
    dataset = make("digits")
    dataset.copy.parent.mkdir(mode=0o700, parents=True)
    with open(dataset.copy.parent / "copying.lock", "wb") as turn:  # so that both find no copy before either may begin
        fcntl.flock(turn, fcntl.LOCK_EX)
        jobs.extend(Job(dataset, child_environment) for _ in range(2))
        for job in jobs:
            assert job.read_to("waiting") == "waiting while another job on this node copies inputs"
    assert [job.path() for job in jobs] == [dataset.copy, dataset.copy]
    assert sorted(sum(line.startswith("copied") for line in job.seen) for job in jobs) == [0, 1]
    for job in jobs:
        job.end()
    assert left(dataset) == {dataset.copy.name}


def test_a_copier_that_is_killed_leaves_nothing_that_is_taken_for_a_copy(
    make: Callable[[str], Dataset], child_environment: dict[str, str], jobs: list[Job]
) -> None:
    dataset = make("digits")
    jobs.append(Job(dataset, child_environment, STUCK))
    jobs[0].read_to("stuck")
    jobs.append(Job(dataset, child_environment))
    jobs[1].read_to("waiting")
    (half,) = dataset.copy.parent.glob(".*.partial")
    assert half.stat().st_size == 30_000 and not dataset.copy.exists()
    jobs[0].kill()
    assert jobs[1].path() == dataset.copy
    assert dataset.copy.read_bytes() == dataset.inputs["inputs"].read_bytes()
    assert left(dataset) == {dataset.copy.name}


def flip(path: Path, place: int) -> None:
    """Flip the lowest bit of one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_inputs_that_are_not_their_manifests_are_not_copied(make: Callable[[str], Dataset], refusal: Callable[..., str]) -> None:
    dataset = make("digits")
    flip(dataset.inputs["inputs"], -1)
    assert "its content does not match its manifest" in refusal(dataset)
    assert left(dataset) == set()


@pytest.mark.parametrize("damage", ["length", "header"])
def test_a_damaged_original_is_named_instead_of_copied(
    damage: str, make: Callable[[str], Dataset], assert_one_sentence: Callable[[str], None]
) -> None:
    dataset = make("digits")
    if damage == "length":
        with open(dataset.inputs["inputs"], "r+b") as file:
            file.truncate(FILE_BYTES - 1)
    else:
        flip(dataset.inputs["inputs"], 40)
    with pytest.raises(DataError) as caught, local_inputs(dataset.inputs, str(dataset.scratch)):
        pass
    assert_one_sentence(str(caught.value))
    assert str(dataset.inputs["inputs"]) in str(caught.value)
    assert not dataset.scratch.exists()


def test_a_copy_that_is_found_damaged_is_removed_and_made_again(
    make: Callable[[str], Dataset], assert_one_sentence: Callable[[str], None]
) -> None:
    dataset = make("digits")
    use(dataset)
    flip(dataset.copy, -1)
    manifest = read_manifest(dataset.inputs["manifest"])
    with pytest.raises(DataError) as caught, local_inputs(dataset.inputs, str(dataset.scratch)) as paths:
        open_inputs(paths["inputs"], manifest)[:]
    assert_one_sentence(str(caught.value))
    assert str(dataset.copy) in str(caught.value) and "rerun" in str(caught.value)
    assert left(dataset) == set()
    use(dataset)


def test_a_damaged_original_that_is_read_directly_stays(make: Callable[[str], Dataset]) -> None:
    dataset = make("digits")
    flip(dataset.inputs["inputs"], -1)
    manifest = read_manifest(dataset.inputs["manifest"])
    with pytest.raises(DataError, match="is damaged or of another dataset"), local_inputs(dataset.inputs, str(dataset.scratch)) as paths:
        open_inputs(paths["inputs"], manifest)[:]
    assert dataset.inputs["inputs"].exists()


def test_the_array_is_hashed_as_in_its_manifest_however_long_the_parts(
    make: Callable[[str], Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make("digits")
    for size in (1, 100, 128, 129, 1000, FILE_BYTES):
        monkeypatch.setattr(scratch, "BYTES_AT_ONCE", size)
        use(dataset)
        dataset.copy.unlink()


def test_a_truncated_copy_is_made_again(make: Callable[[str], Dataset]) -> None:
    dataset = make("digits")
    use(dataset)
    with open(dataset.copy, "r+b") as file:
        file.truncate(100)
    use(dataset)


def test_a_copy_deleted_while_in_use_is_made_again_at_once(
    make: Callable[[str], Dataset], child_environment: dict[str, str], jobs: list[Job]
) -> None:
    dataset = make("digits")
    jobs.append(Job(dataset, child_environment))
    jobs[0].path().unlink()
    use(dataset)
    jobs[0].end()


def test_a_copy_evicted_between_opening_and_locking_is_made_again(make: Callable[[str], Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make("digits")
    use(dataset)
    lock, evictions = scratch._locked, iter([dataset.copy.unlink])

    def late(file: IO[bytes], operation: int) -> bool:
        for evict in evictions:
            evict()
        return lock(file, operation)

    monkeypatch.setattr(scratch, "_locked", late)
    use(dataset)
    assert left(dataset) == {dataset.copy.name}


@pytest.mark.parametrize("bound", ["disk", "limit"])
def test_the_least_recently_used_copies_go_first(
    bound: str, make: Callable[[str], Dataset], monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    first, second, third, fourth = (make(name) for name in ("a", "bb", "ccc", "dddd"))
    for age, dataset in enumerate((third, second, first)):
        use(dataset)
        os.utime(dataset.copy, (1e9 + age, 1e9 + age))
    use(third)  # made first, used last
    if bound == "disk":
        room_for(3.5, monkeypatch, first.scratch)
        use(fourth)
    else:
        monkeypatch.setattr(scratch, "GIGABYTE", 3 * FILE_BYTES)
        use(fourth, limit_gb=1)
    assert left(first) == {dataset.copy.name for dataset in (first, third, fourth)}
    assert f"removed {second.copy}, the least recently used copy" in logged.messages
    fifth = make("eeeee")
    use(fifth) if bound == "disk" else use(fifth, limit_gb=1)
    assert left(first) == {dataset.copy.name for dataset in (third, fourth, fifth)}


def test_a_copy_counts_as_used_while_a_job_holds_it(make: Callable[[str], Dataset]) -> None:
    dataset = make("digits")
    use(dataset)
    os.utime(dataset.copy, (1e9, 1e9))
    with local_inputs(dataset.inputs, str(dataset.scratch)):
        assert dataset.copy.stat().st_mtime > 1e9
        os.utime(dataset.copy, (1e9, 1e9))
    assert dataset.copy.stat().st_mtime > 1e9


@pytest.mark.parametrize("how", ["made", "found"])
def test_a_copy_that_a_job_uses_stays(
    how: str,
    make: Callable[[str], Dataset],
    child_environment: dict[str, str],
    jobs: list[Job],
    monkeypatch: pytest.MonkeyPatch,
    refusal: Callable[..., str],
) -> None:
    used, idle, wanted = (make(name) for name in ("a", "bb", "ccc"))
    if how == "found":
        use(used)
    jobs.append(Job(used, child_environment))
    assert jobs[0].path() == used.copy
    os.utime(used.copy, (1e9, 1e9))  # it would be the first to go
    use(idle)
    room_for(2, monkeypatch, used.scratch)
    use(wanted)
    assert left(used) == {used.copy.name, wanted.copy.name}
    room_for(1, monkeypatch, used.scratch)
    assert "has 0.00 GB to spare" in refusal(idle)
    assert left(used) == {used.copy.name, wanted.copy.name}, "a copy was removed although that did not help"
    jobs[0].kill()
    use(idle)
    assert left(used) == {idle.copy.name}


def test_what_exceeds_the_limit_is_not_copied(
    make: Callable[[str], Dataset], monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., str]
) -> None:
    monkeypatch.setattr(scratch, "GIGABYTE", FILE_BYTES - 1)
    reason = refusal(make("digits"), limit_gb=1)
    assert "it takes 1.00 GB, and" in reason and "has 1.00 GB of the 1 GB of scratch_gb to spare" in reason


@pytest.mark.parametrize(("free", "copied"), [(2 * FILE_BYTES, True), (2 * FILE_BYTES - 1, False)])
def test_on_a_nearly_full_disk_a_small_copy_leaves_free_what_it_takes(
    free: int, copied: bool, make: Callable[[str], Dataset], monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., str]
) -> None:
    total = 1000 * FILE_BYTES
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(total, total - free, free))
    dataset = make("digits")
    use(dataset) if copied else refusal(dataset)
    assert left(dataset) == ({dataset.copy.name} if copied else set())


def test_a_disk_that_fills_up_leaves_no_part(make: Callable[[str], Dataset], child_environment: dict[str, str], jobs: list[Job]) -> None:
    dataset = make("digits")
    jobs.append(Job(dataset, child_environment, FULL))
    assert jobs[0].path() == dataset.inputs["inputs"]
    assert jobs[0].seen[0].endswith(": File too large).")
    assert jobs[0].seen[0].startswith(f"Inputs are read from {dataset.inputs['inputs']} directly")
    jobs[0].end()
    assert left(dataset) == set()


def test_a_scratch_that_cannot_be_written_is_not_used(make: Callable[[str], Dataset], tmp_path: Path, refusal: Callable[..., str]) -> None:
    dataset = make("digits")
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "Not a directory" in refusal(dataset, str(blocked / "scratch"))


def test_scratch_is_named_as_the_node_sees_it(
    make: Callable[[str], Dataset], monkeypatch: pytest.MonkeyPatch, refusal: Callable[..., str]
) -> None:
    dataset = make("digits")
    monkeypatch.setenv("NODE_DISK", str(dataset.scratch))
    monkeypatch.setenv("HOME", str(dataset.scratch))
    for named in ("$NODE_DISK", "${NODE_DISK}", "~"):
        with local_inputs(dataset.inputs, named) as inputs:
            assert inputs["inputs"] == dataset.copy
    unset = "'$NO_SUCH_DISK/x' cannot be expanded on this node: the environment variable 'NO_SUCH_DISK' is not set"
    assert unset in refusal(dataset, "$NO_SUCH_DISK/x")
    assert "'scratch' is not an absolute path" in refusal(dataset, "scratch")


@pytest.mark.parametrize("kind", ["a link", "open to other users"])
def test_a_folder_that_is_not_the_users_alone_is_not_used(
    kind: str, make: Callable[[str], Dataset], tmp_path: Path, refusal: Callable[..., str]
) -> None:
    dataset = make("digits")
    folder = dataset.copy.parent
    if kind == "a link":
        dataset.scratch.mkdir()
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    assert f"{folder} is {kind}" in refusal(dataset)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", ["copy", "lock"])
@pytest.mark.parametrize("kind", ["a link", "pipe", "folder"])
def test_what_somebody_put_in_a_files_place_is_left_alone(
    place: str, kind: str, make: Callable[[str], Dataset], tmp_path: Path, refusal: Callable[..., str]
) -> None:
    dataset = make("digits")
    path = dataset.copy if place == "copy" else dataset.copy.parent / "copying.lock"
    path.parent.mkdir(parents=True, mode=0o700)
    victim = tmp_path / "victim"
    victim.write_bytes(bytes(FILE_BYTES))  # of the copy's size
    before = victim.stat()
    {"a link": lambda: path.symlink_to(victim), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    assert f"{path} is {'a link' if kind == 'a link' else 'not a plain file'}" in refusal(dataset)
    assert victim.read_bytes() == bytes(FILE_BYTES) and victim.stat().st_mtime_ns == before.st_mtime_ns
    assert left(dataset) == ({path.name} if place == "copy" else set()), "nothing was copied or removed"


def test_what_is_no_file_is_neither_opened_nor_removed_to_make_room(make: Callable[[str], Dataset], tmp_path: Path) -> None:
    dataset = make("digits")
    folder = dataset.copy.parent
    folder.mkdir(parents=True, mode=0o700)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for suffix in (".npy", ".partial"):
        (folder / f"link{suffix}").symlink_to(victim)
        os.mkfifo(folder / f"pipe{suffix}")
        (folder / f"folder{suffix}").mkdir()
    planted = left(dataset)
    use(dataset)
    assert left(dataset) == planted | {dataset.copy.name} and victim.read_text() == "mine"


def test_a_lock_that_is_there_is_not_changed(make: Callable[[str], Dataset]) -> None:
    dataset = make("digits")
    dataset.copy.parent.mkdir(parents=True, mode=0o700)
    lock = dataset.copy.parent / "copying.lock"
    lock.write_text("mine")
    use(dataset)
    assert lock.read_text() == "mine"


def test_an_error_during_training_propagates_and_releases_the_copy(make: Callable[[str], Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, other = make("a"), make("bb")
    with pytest.raises(DataError, match="broken"), local_inputs(dataset.inputs, str(dataset.scratch)):
        raise DataError("broken")
    assert left(dataset) == {dataset.copy.name}
    room_for(1, monkeypatch, dataset.scratch)
    use(other)
    assert left(dataset) == {other.copy.name}


def test_a_missing_manifest_is_an_error(make: Callable[[str], Dataset]) -> None:
    dataset = make("digits")
    dataset.inputs["manifest"].unlink()
    with pytest.raises(DataError, match=r"manifest\.json is missing"), local_inputs(dataset.inputs, str(dataset.scratch)):
        pass


def test_new_content_gets_its_own_copy(make: Callable[[str], Dataset]) -> None:
    dataset = make("digits")
    use(dataset)
    old = dataset.copy
    array = np.zeros((COUNT, *SHAPE), dtype=np.uint8)
    write_inputs(dataset.inputs["inputs"], array)
    manifest = replace(read_manifest(dataset.inputs["manifest"]), **content_of(array))
    write_manifest(dataset.inputs["manifest"], manifest)
    use(dataset)
    assert left(dataset) == {old.name, dataset.copy.name} and old != dataset.copy

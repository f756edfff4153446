"""Leases of devices, between real processes."""

import errno
import os
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from spurprune.errors import SpurpruneError
from spurprune.machine import devices
from spurprune.machine.logs import stage_log

HOLD = """
import os, sys
from spurprune.machine.devices import leased_device
with leased_device(poll_seconds=0.05) as device:
    print(device, os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
    sys.stdin.readline()
"""


class Holder:
    """A process that holds a lease until it is asked to release it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def device(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def let_go(self) -> None:
        self.process.communicate("\n", timeout=60)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=60)


@pytest.fixture
def environment(tmp_path: Path, child_environment: dict[str, str]) -> dict[str, str]:
    return child_environment | {"CUDA_VISIBLE_DEVICES": "0,GPU-ab/1", "SPURPRUNE_LEASES": str(tmp_path)}


@pytest.fixture
def holders() -> Iterator[list[Holder]]:
    started: list[Holder] = []
    yield started
    with ExitStack() as leftovers:  # which continues with the next if one kill fails
        for holder in started:
            if holder.process.poll() is None:
                leftovers.callback(holder.kill)


@pytest.fixture
def outside_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment outside any scheduler's job, with no device named."""
    for name in ("CUDA_VISIBLE_DEVICES", *devices.JOB_VARIABLES):
        monkeypatch.setenv(name, "")  # so that what a lease sets is undone also where nothing was set before
        monkeypatch.delenv(name)


def test_two_leases_differ_and_a_third_waits_until_a_holder_is_killed(environment: dict[str, str], holders: list[Holder]) -> None:
    holders.extend(Holder(environment) for _ in range(2))
    held = [holder.device() for holder in holders]
    assert sorted(held) == [["0", "0"], ["GPU-ab/1", "GPU-ab/1"]]  # the name, and the only visible device
    third = Holder(environment)
    holders.append(third)
    assert not select.select([third.process.stdout], [], [], 0.5)[0], "a third job got a device of two"
    holders[1].kill()
    assert third.device() == held[1]


def test_a_lease_ends_with_its_block(environment: dict[str, str], holders: list[Holder]) -> None:
    one = environment | {"CUDA_VISIBLE_DEVICES": "3"}
    for _ in range(2):
        holders.append(Holder(one))
        assert holders[-1].device() == ["3", "3"]
        holders[-1].let_go()


def test_jobs_of_different_slurm_allocations_do_not_meet(environment: dict[str, str], holders: list[Holder]) -> None:
    holders.extend(Holder(environment | {"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_ID": job}) for job in ("17", "18"))
    assert [holder.device() for holder in holders] == [["0", "0"], ["0", "0"]]


def test_jobs_of_one_slurm_group_that_see_all_its_devices_get_one_each(environment: dict[str, str], holders: list[Holder]) -> None:
    group = environment | {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "SLURM_JOB_ID": "17"}
    holders.extend(Holder(group) for _ in range(4))
    assert sorted(holder.device() for holder in holders) == [["0", "0"], ["1", "1"], ["2", "2"], ["3", "3"]]
    fifth = Holder(group)
    holders.append(fifth)
    assert not select.select([fifth.process.stdout], [], [], 0.5)[0], "a fifth job got a device of four"


def test_the_log_names_the_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("SPURPRUNE_LEASES", str(tmp_path / "leases"))
    with stage_log(str(tmp_path / "log"), "retrain"), devices.leased_device():
        pass
    lines = [line.split(" INFO ")[1] for line in (tmp_path / "log").read_text().splitlines()]
    assert lines[1:3] == [f"leased device 3 of node {devices.node_name()}", "released device 3"]


def test_the_log_says_that_a_job_waits(
    environment: dict[str, str], holders: list[Holder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    holders.append(Holder(environment | {"CUDA_VISIBLE_DEVICES": "3"}))
    assert holders[0].device() == ["3", "3"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("SPURPRUNE_LEASES", str(tmp_path))
    monkeypatch.setattr(devices, "time", SimpleNamespace(sleep=lambda seconds: holders[0].kill()))
    with stage_log(str(tmp_path / "log"), "retrain"), devices.leased_device() as device:
        assert device == "3"
    assert (tmp_path / "log").read_text().count("waiting for a device: other jobs hold 3") == 1


@pytest.mark.parametrize("visible", ["", "-1"])
def test_without_devices_there_is_nothing_to_lease(visible: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setenv("SPURPRUNE_LEASES", str(tmp_path))
    with devices.leased_device() as device:
        assert device is None
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_locks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("SPURPRUNE_LEASES", str(tmp_path))
    monkeypatch.setattr("spurprune.machine.devices.fcntl.flock", refuse)
    told = f"no file in {tmp_path}.* can be locked .No locks available.*SPURPRUNE_LEASES"
    with pytest.raises(SpurpruneError, match=told), devices.leased_device():
        pass


@pytest.mark.parametrize("kind", ["a link", "not a folder", "open to other users", "another user's"])
def test_a_lease_folder_that_somebody_prepared_is_refused(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("SPURPRUNE_LEASES", str(tmp_path))
    folder, elsewhere = devices.lease_folder(), tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (elsewhere / "3.lock").write_text("mine")
    if kind == "a link":
        folder.symlink_to(elsewhere)
    elif kind == "not a folder":
        os.mkfifo(folder)
    elif kind == "open to other users":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.mkdir(mode=0o700)
        monkeypatch.setattr(devices, "lease_folder", lambda: folder)
        monkeypatch.setattr("spurprune.machine.folders.os.getuid", lambda: folder.stat().st_uid + 1)
    told = r"since .* (is|belongs to) (a link|not a folder|another user|open to other users); set the variable SPURPRUNE_LEASES to"
    with pytest.raises(SpurpruneError, match=told) as error, devices.leased_device():
        pass
    assert_one_sentence(str(error.value))
    assert (elsewhere / "3.lock").read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_somebody_put_in_a_locks_place_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("SPURPRUNE_LEASES", str(tmp_path))
    mine = tmp_path / "mine"
    mine.write_text("mine")
    path = devices.lease_folder() / "3.lock"
    path.parent.mkdir(mode=0o700)
    {"link": lambda: path.symlink_to(mine), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    with pytest.raises(SpurpruneError, match=r"since .*/3\.lock is (a link|not a plain file); set the variable"), devices.leased_device():
        pass
    assert mine.read_text() == "mine"


def test_leases_are_private_whatever_the_umask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("SPURPRUNE_LEASES", str(tmp_path))
    before = os.umask(0)
    try:
        with devices.leased_device():
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (devices.lease_folder(), devices.lease_folder() / "3.lock")}
    finally:
        os.umask(before)
    assert found == {devices.lease_folder().name: 0o700, "3.lock": 0o600}


def test_a_jobs_name_does_not_lead_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPURPRUNE_LEASES", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "../../17")
    assert devices.lease_folder().parent == tmp_path


@pytest.mark.parametrize("given", ["~/leases", "$HOME/leases", "${HOME}/leases"])
def test_the_folder_of_leases_is_expanded(given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SPURPRUNE_LEASES", given)
    assert devices.lease_folder().parent == tmp_path / "leases"


def test_no_folder_of_leases_is_as_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPURPRUNE_LEASES", raising=False)
    usual = devices.lease_folder()
    monkeypatch.setenv("SPURPRUNE_LEASES", "")
    assert devices.lease_folder() == usual and usual.is_absolute()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("leases", "not an absolute path; set it to"),
        (" ", "not an absolute path; set it to"),
        ("./~", "not an absolute path; set it to"),
        ("~nobody-here/x", "but '~nobody-here' has no home folder; write the path out"),
        ("$NO_SUCH_DISK/x", "but the environment variable 'NO_SUCH_DISK' is not set; set it or write the path out"),
    ],
)
def test_a_folder_of_leases_that_is_nowhere_is_refused(
    given: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, assert_one_sentence: Callable[[str], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("SPURPRUNE_LEASES", given)
    with pytest.raises(SpurpruneError) as error, devices.leased_device():
        pass
    assert str(error.value).startswith(f"The variable SPURPRUNE_LEASES is '{given}', {reason}")
    assert_one_sentence(str(error.value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("outside_jobs")
@pytest.mark.parametrize("name", devices.JOB_VARIABLES)
def test_every_job_of_a_scheduler_has_its_own_leases(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.lease_folder().name == f"spurprune-devices-{os.getuid()}-local"
    monkeypatch.setenv(name, "17")
    assert devices.lease_folder().name == f"spurprune-devices-{os.getuid()}-17"


@pytest.mark.usefixtures("outside_jobs")
def test_a_slurm_job_that_was_given_no_device_takes_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 0\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert devices.visible_devices() == ["0"]
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with devices.leased_device() as device:
        assert device is None
        assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.usefixtures("outside_jobs")
def test_devices_are_asked_of_nvidia_smi_where_the_environment_names_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices.visible_devices() == []
    assert not caplog.messages
    tool = tmp_path / "nvidia-smi"
    for text, expected in (("printf '0\\n1\\n'", ["0", "1"]), ("echo 'no driver'; exit 9", [])):
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
        assert devices.visible_devices() == expected
    (warning,) = caplog.messages
    assert "no GPU is used" in warning and "exit status 9" in warning and "CUDA_VISIBLE_DEVICES" in warning


def test_threads_are_set_for_every_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*devices.THREAD_VARIABLES, "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "before")
    devices.set_threads(3)
    assert {os.environ[name] for name in devices.THREAD_VARIABLES} == {"3"}
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"

"""A stage's log."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spurprune.errors import TrainingError
from spurprune.machine.logs import Progress, log, stage_log


def test_a_stage_that_succeeds_logs_its_start_and_end(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "stage.log"
    with stage_log(str(path), "retrain"):
        log.info("device cpu")
    lines = path.read_text().splitlines()
    assert [re.sub(r"^\S+ \S+ ", "", line) for line in lines[:2]] == ["INFO retrain started", "INFO device cpu"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO retrain finished in \d+\.\d s", lines[2])


def test_a_users_error_is_one_sentence_and_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stage.log"
    with pytest.raises(SystemExit) as stop, stage_log(str(path), "retrain"):
        raise TrainingError("digits, repeat 3, epoch 2: the loss became nan.")
    assert stop.value.code == 1
    assert capsys.readouterr().err == "retrain: digits, repeat 3, epoch 2: the loss became nan.\n"
    assert "ERROR digits, repeat 3, epoch 2: the loss became nan." in path.read_text()
    assert "Traceback" not in path.read_text()


def test_any_other_error_keeps_its_traceback(tmp_path: Path) -> None:
    path = tmp_path / "stage.log"
    with pytest.raises(ZeroDivisionError), stage_log(str(path), "retrain"):
        1 / 0  # noqa: B018
    assert "retrain failed" in path.read_text() and "ZeroDivisionError" in path.read_text()


def test_a_log_is_appended_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "stage.log"
    for _ in range(2):
        with stage_log(str(path), "plot"):
            pass
    log.info("nobody listens")
    assert len(path.read_text().splitlines()) == 4


def test_a_process_does_not_search_for_garbage_when_it_ends(tmp_path: Path, child_environment: dict[str, str]) -> None:
    lines = [
        "import atexit, gc, sys",
        "from spurprune.machine.logs import stage_log",
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000))",  # called after what is registered later
        "with stage_log(sys.argv[1], 'retrain'): print(gc.get_freeze_count() > 1000)",
    ]
    command = [sys.executable, "-c", "\n".join(lines), str(tmp_path / "stage.log")]
    done = subprocess.run(command, env=child_environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize(
    ("total", "steps", "logged"), [(3, 1, [1, 2, 3]), (10, 1, list(range(1, 11))), (40, 1, list(range(4, 41, 4))), (9, 4, [4, 8])]
)
def test_progress_is_logged_at_each_tenth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, steps: int, logged: list[int]
) -> None:
    path = tmp_path / "stage.log"
    monkeypatch.setattr("spurprune.machine.logs.time.monotonic", lambda: 0.0)
    with stage_log(str(path), "retrain"):
        progress = Progress(total, "runs", "epoch")
        for _ in range(total // steps):
            progress.step(steps)
    lines = [line.split("INFO ")[1] for line in path.read_text().splitlines() if "runs:" in line]
    assert [int(line.split()[1]) for line in lines] == logged
    assert all(re.fullmatch(rf"runs: \d+ of {total} epochs, 0 s elapsed, about 0 s left", line) for line in lines)


def test_the_time_left_is_what_the_work_done_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stage.log"
    clock = iter([0.0, 100.0, 120.0, 150.0])  # the stage starts, progress starts, a quarter is done, the stage ends
    monkeypatch.setattr("spurprune.machine.logs.time.monotonic", lambda: next(clock))
    with stage_log(str(path), "retrain"):
        Progress(4, "runs", "epoch").step()
    assert "runs: 1 of 4 epochs, 20 s elapsed, about 60 s left" in path.read_text()


def test_what_an_interrupted_run_did_does_not_count_towards_the_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stage.log"
    clock = iter([0.0, 100.0, 120.0, 150.0])  # the stage starts, progress starts, epoch 6 is done, the stage ends
    monkeypatch.setattr("spurprune.machine.logs.time.monotonic", lambda: next(clock))
    with stage_log(str(path), "retrain"):
        Progress(10, "runs", "epoch").reach("repeat 0", 6)
    assert "runs: 6 of 10 epochs, 20 s elapsed, about 80 s left" in path.read_text()


def test_a_bar_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, drawn in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        Progress(5, "runs", "epoch").step(5)
        assert ("runs" in stream.getvalue()) == drawn


def test_parts_that_an_earlier_run_ended_count_as_done(tmp_path: Path) -> None:
    with stage_log(str(tmp_path / "log"), "retrain"):
        progress = Progress(4, "two runs", "epoch")
        progress.end("first", 2)
        progress.reach("second", 1)
        progress.reach("second", 2)
        progress.end("second", 2)
    assert progress.done == 4
    assert "two runs: 4 of 4 epochs" in (tmp_path / "log").read_text()


STAGE = """
import sys
from spurprune.errors import DataError
from spurprune.machine.logs import Progress, log, stage_log
with stage_log(sys.argv[1], "retrain"):
    Progress(2, "runs", "epoch").step()
    for _ in range(2000):
        log.info("a long line, so that the buffer and the disk are full before the end")
    if sys.argv[2] == "fails":
        raise DataError("a.parquet could not be written (No space left on device); free some space.")
print("done")
"""
SENTENCE = "retrain: a.parquet could not be written (No space left on device); free some space.\n"


def stage(path: Path, how: str, environment: dict[str, str], before: str = "", stderr: Any = subprocess.PIPE) -> Any:
    """Run a stage that logs a lot in a process of its own, after some code."""
    command = [sys.executable, "-c", before + STAGE, str(path), how]
    return subprocess.run(command, env=environment, text=True, check=False, stdout=subprocess.PIPE, stderr=stderr)


@pytest.mark.parametrize("disk", ["device", "limit"])
@pytest.mark.parametrize("how", ["fails", "ends"])
def test_a_log_on_a_full_disk_hides_no_sentence(disk: str, how: str, tmp_path: Path, child_environment: dict[str, str]) -> None:
    if disk == "device" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = Path("/dev/full") if disk == "device" else tmp_path / "stage.log"
    limit = "" if disk == "device" else "import resource, signal\nresource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
    done = stage(path, how, child_environment, limit)
    reason = "No space left on device" if disk == "device" else "File too large"
    warning = f"The log {path} cannot be written ({reason}), so it lacks what follows; free some space.\n"
    assert done.stderr == warning + (SENTENCE if how == "fails" else "")
    assert (done.returncode, done.stdout) == ((1, "") if how == "fails" else (0, "done\n"))


def test_without_standard_error_a_stage_fails_and_logs_its_sentence(tmp_path: Path, child_environment: dict[str, str]) -> None:
    path = tmp_path / "stage.log"
    closed = (
        "import os, sys\n"
        "if '--closed' not in sys.argv:\n"
        "    os.close(2)\n"
        f"    os.execv(sys.executable, [sys.executable, '-c', {STAGE!r}, *sys.argv[1:], '--closed'])\n"
    )
    done = stage(path, "fails", child_environment, closed)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
    assert f"ERROR {SENTENCE.removeprefix('retrain: ')}" in path.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_standard_error_that_takes_nothing_leaves_the_exit_status(tmp_path: Path, child_environment: dict[str, str]) -> None:
    with open("/dev/full", "w") as full:
        done = stage(tmp_path / "stage.log", "fails", child_environment, stderr=full)
    assert done.returncode != 0
    assert SENTENCE.removeprefix("retrain: ") in (tmp_path / "stage.log").read_text()


def test_a_log_that_cannot_be_opened_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], assert_one_sentence: Callable[[str], None]
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    before = list(log.handlers)
    for path, reason in ((tmp_path / "logs" / "stage.log", "(File exists|Not a directory)"), (tmp_path, "Is a directory")):
        with pytest.raises(SystemExit) as stop, stage_log(str(path), "retrain"):
            pytest.fail("the stage ran without a log")
        assert stop.value.code == 1
        told = capsys.readouterr().err
        assert re.match(rf"retrain: the log {path} could not be opened \({reason}\); free", told)
        assert_one_sentence(told.removesuffix("\n"))
    assert log.handlers == before


def test_a_log_takes_text_that_is_not_unicode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with stage_log(str(tmp_path / "log"), "retrain"):
        log.info("half a character: \ud800")
    assert "half a character: \\ud800" in (tmp_path / "log").read_text() and capsys.readouterr().err == ""

"""A stage's log."""

import io
import re
import subprocess
import sys
from pathlib import Path

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

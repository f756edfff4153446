"""The command for a machine with a GPU: limits, results that survive a cut, resuming, and that it needs no workflow engine."""

import json
import os
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import record, report, runner, science, state, steps, workflow
from benchmarks.gpu.__main__ import options_of
from benchmarks.gpu.record import Record
from benchmarks.gpu.steps import Step
from spurprune.config import loading, reading
from spurprune.config.merging import merge
from spurprune.dag.files import Run

ABSENT = ("snakemake", "jsonschema", "pooch", "sklearn", "rich")  # what the machine may lack


def options(tmp_path: Path, **changes: Any) -> Namespace:
    given = {"out": tmp_path / "out", "work": tmp_path / "work", "budget": 100.0, "quick": True, "data": None, "repeats": 1} | changes
    for name in ("out", "work"):
        given[name].mkdir(exist_ok=True)
    return Namespace(precision="fp32", state=None, **given)


def test_a_line_is_on_the_disk_at_once_and_a_cut_line_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(fd))
    lines = Record(tmp_path, "speed")
    lines.write("result", name="a", value=1.5)
    lines.attempt("b", lambda: {"value": 2})
    lines.attempt("c", lambda: {"value": [][0]})
    assert len(synced) == 3
    with open(tmp_path / record.FILE, "a", encoding="utf-8") as file:
        file.write('{"step": "speed", "eve')
    found = record.read(tmp_path)
    assert [(one["event"], one["name"]) for one in found] == [("result", "a"), ("result", "b"), ("failed", "c")]
    assert "IndexError" in found[2]["error"] and found[0]["value"] == 1.5


def test_a_step_at_its_limit_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'])"
    )
    started = time.monotonic()
    assert runner.run_one([sys.executable, "-c", code], tmp_path / "log", 2.0) == "stopped at its limit"
    assert time.monotonic() - started < 20
    pid = int((tmp_path / "log").read_text().split()[0])
    for _ in range(100):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "zombie" in status.read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child lives on")


def test_a_failed_step_and_one_at_its_limit_do_not_stop_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = {"fails": "raise SystemExit(3)", "hangs": "import time; time.sleep(60)", "works": "print('hello')"}
    monkeypatch.setattr(runner, "command", lambda step, given: [sys.executable, "-c", code[step.name]])
    found = runner.run_all([Step(name, name, "", "", 2.0, 2.0) for name in code], options(tmp_path))
    ends = {one["step"]: one["how"] for one in found if one["event"] == "ended"}
    assert ends == {"fails": "failed, exit status 3", "hangs": "stopped at its limit", "works": "done"}
    assert "hello" in (tmp_path / "out" / runner.LOG).read_text()
    assert "hangs [ended]: how stopped at its limit" in report.text(found)


def test_steps_beyond_the_budget_are_skipped_and_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "command", lambda step, given: [sys.executable, "-c", "import time; time.sleep(60)"])
    found = runner.run_all([Step(name, name, "", "", 100.0, 100.0) for name in "ab"], options(tmp_path, budget=11.0))
    assert [(one["step"], one["event"]) for one in found] == [("a", "started"), ("a", "ended"), ("b", "skipped")]
    assert found[0]["limit_seconds"] <= 6.0


@pytest.mark.parametrize(
    ("words", "budget"), [([], 540), (["--quick"], 1800), (["--quick", "--budget", "0"], 0), (["--budget", "300"], 300)]
)
def test_a_rehearsal_has_time_to_reach_its_last_step(words: list[str], budget: float) -> None:
    assert options_of(["--out", "out", *words]).budget == budget


def test_every_step_has_its_function() -> None:
    for step in steps.STEPS:
        assert callable(step.load())


def test_the_state_is_packed_within_its_limit_and_restored(tmp_path: Path) -> None:
    work = tmp_path / "work"
    names = {"results/fp32/settings/s/runs/erm/none/000-003/metrics.parquet": 100, "checkpoints/ab/0.safetensors": 4000}
    names |= {"checkpoints/ab/1.safetensors": 60_000, "results/datasets/cifar10-32/inputs.npy": 10}
    for name, size in names.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(bytes(size))
    packed = state.pack(work, tmp_path / state.FILE, limit=30_000)
    assert packed == list(names)[:2]
    assert (tmp_path / state.FILE).stat().st_size <= 30_000
    state.unpack(tmp_path / state.FILE, tmp_path / "again")
    assert sorted(path.relative_to(tmp_path / "again").as_posix() for path in (tmp_path / "again").rglob("*.*")) == sorted(packed)


def test_the_settings_are_the_workflows(root: Path) -> None:
    """Apart from defaults of partitions, methods and advice, which training does not read."""
    raw = merge(reading.read_yaml(root / "config/config.yaml"), reading.read_yaml(root / "config/paper.yaml"))
    config = loading.load(raw, root)
    flow = workflow.workflow(Path("results"), "fp32", quick=False)
    for name, block in flow.settings.items():
        unread = {"partitions": None, "advice": None}
        assert block | unread == config.settings[name] | unread, name
    assert {key: config.methods["erm"][key] for key in workflow.ERM} == workflow.ERM
    runs = list(flow.runs("000-003"))
    assert len(set(runs)) == len(runs) and {run.setting for run in runs} <= set(config.settings)
    ends = [flow.coordinates(run.setting) for run in runs[:2]]
    assert ends == [{"overlay": "S1", "carriers.start": 4900}, {"overlay": "S1", "carriers.start": 0}]
    assert flow._code("evaluate") == workflow.code_hash(root, root / "workflow/scripts/evaluate.py")


def test_science_makes_metrics_and_continues_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-alike dataset, the hardest window: everything from reference runs to metrics; then nothing is trained again."""
    monkeypatch.chdir(tmp_path)
    given = options(tmp_path)
    flow = workflow.workflow(given.work / "results/quick", "fp32", quick=True)
    science.prepare(flow, given)
    one = next(iter(flow.runs("000-000")))
    found = science.measured(flow, one, given)
    assert one == Run("cifar10s-window.start-4900.overlay-S1", "erm", "none", "000-000")
    assert found["carriers_samples"] == [6.0] and len(found["accuracy"]) == 1 and 0 <= found["accuracy"][0] <= 1
    assert set(found["carriers_learned"]) == {"1", "3"}
    for module in (workflow.retrain, workflow.train_reference):
        monkeypatch.setattr(module, "run", None)
    assert science.measured(flow, one, given) | {"seconds": 0} == found | {"seconds": 0}
    assert any(name.endswith("metrics.parquet") for name in state.pack(given.work, tmp_path / "state.tar"))


def test_without_data_science_says_so(tmp_path: Path) -> None:
    given = options(tmp_path, quick=False)
    science.run(Record(given.out, "science"), given)
    assert record.read(given.out)[0]["why"] == "no --data"


def test_science_ends_if_a_part_of_the_data_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/parts.json").write_text('{"parts": [{"name": "cifar10-0.parquet"}]}')
    given = options(tmp_path, quick=False, data=tmp_path / "data")
    with pytest.raises(SystemExit):
        science.run(Record(given.out, "science"), given)
    (line,) = record.read(given.out)
    assert line["event"] == "failed" and "lacks cifar10-0.parquet" in line["error"]


def test_nothing_is_imported_that_the_machine_lacks(root: Path, child_environment: dict[str, str]) -> None:
    code = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r})); from benchmarks.gpu import steps; [s.load() for s in steps.STEPS]"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=child_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_command_runs_a_step(root: Path, tmp_path: Path) -> None:
    words = ["sh", "benchmarks/gpu.sh", "--quick", "--steps", "machine", "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    done = subprocess.run(words, cwd=root, env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in (tmp_path / "out" / record.FILE).read_text().splitlines()]
    assert [one["event"] for one in found] == ["started", "result", "result", "result", "ended"]
    assert {"device", "peaks", "launch"} == {one["name"] for one in found if "name" in one}


def test_a_work_folder_that_somebody_prepared_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    (tmp_path / "elsewhere").mkdir()
    work.symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(command, "WORK", work)
    monkeypatch.setattr(sys, "argv", ["gpu.sh", "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as stop:
        command.main()
    assert stop.value.code == 2 and f"{work} is a link; name another folder with --work" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

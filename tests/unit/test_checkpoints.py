"""Checkpoints: a killed training run resumes and ends with the same bytes; damaged and foreign checkpoints are not used."""

import hashlib
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from spurprune.training import checkpoints
from spurprune.training.checkpoints import JobCheckpoints, TrainingState

TRAINING_SCRIPT = '''
"""A small training run with a checkpoint after every epoch; writes its last weights and records."""
import sys
from pathlib import Path
import numpy as np
import torch
from safetensors.torch import save_file
from spurprune.methods.erm import Method
from spurprune.models.networks import small_cnn
from spurprune.training.checkpoints import JobCheckpoints
from spurprune.training.data import Data, Pixels
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.recipe import Recipe, Stream
from tests.recipes import context

torch.set_num_threads(1)
optimizer, folder, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
options = {"sgd": {"momentum": 0.9}, "adamw": {}}[optimizer]
training = {
    "epochs": 12, "batch_size": 16, "optimizer": {"name": optimizer, "lr": 0.01, "weight_decay": 1e-3, **options},
    "schedule": {"name": "linear"}, "augmentation": {"name": "pad_crop_flip", "padding": 1}, "precision": "fp32",
    "gradient_clip": {"norm": 1.0}, "label_smoothing": 0.0,
}
n, device = 640, torch.device("cpu")
images = torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
data = Data.of(images, torch.arange(n) % 4, torch.zeros(n, dtype=torch.int64))
pixels = Pixels.of([0.0], [1.0], device)
model = initialise(lambda: small_cnn.build((1, 8, 8), 4, [8, 8, 8]), Stream((0,)), device)
checkpoints = JobCheckpoints(folder, save_every_seconds=0.0)

def observe_epoch(epoch, model):
    weight = model.classifier.weight.detach()
    return [{"epoch": epoch, "weight": weight.numpy().copy(), "norm": float(weight.norm())}]

print("started", flush=True)
task = Training(data, pixels, Method(context(np.ones(n), training)), Recipe.of(training), Stream((0,)), "here")
records = fit(model, task, observe_epoch, checkpoints)
assert [record["epoch"] for record in records] == list(range(1, 13))
weights = {f"record.{r['epoch']}": torch.from_numpy(r["weight"]) * r["norm"] for r in records}
save_file({name: value.contiguous() for name, value in (model.state_dict() | weights).items()}, output)
checkpoints.remove()
'''


def start(script: Path, optimizer: str, folder: Path, output: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), optimizer, str(folder), str(output)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"},
    )


def train(script: Path, optimizer: str, folder: Path, output: Path, kill_after: float | None = None) -> int:
    """Run the training, kill it ``kill_after`` seconds after training started, and return its exit status."""
    with start(script, optimizer, folder, output) as process:
        if kill_after is not None:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        return process.wait(timeout=120)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_run_killed_repeatedly_ends_with_the_same_bytes(tmp_path: Path, optimizer: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAINING_SCRIPT)
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    assert train(script, optimizer, tmp_path / "a", whole) == 0
    rng = random.Random(0)
    ends = [train(script, optimizer, tmp_path / "b", broken, kill_after=rng.uniform(0.0, 0.4)) for _ in range(3)]
    assert -signal.SIGKILL in ends, "the training was never interrupted"
    if ends[-1] != 0:  # it may have been killed between writing its output and removing its checkpoints
        assert train(script, optimizer, tmp_path / "b", broken) == 0
    assert hashlib.sha256(broken.read_bytes()).digest() == hashlib.sha256(whole.read_bytes()).digest()
    assert not (tmp_path / "b").exists(), "checkpoints vanish on success"


def state(epoch: int = 2) -> TrainingState:
    return TrainingState(epoch, 7, {"model.w": torch.arange(3.0)}, [{"epoch": 1, "norms": np.array([1.0, 2.0]), "loss": 0.5}])


def test_a_state_is_restored_as_saved(tmp_path: Path) -> None:
    ours = JobCheckpoints(tmp_path / "job")
    ours.save("0", state())
    loaded = ours.load("0", torch.device("cpu"))
    assert loaded is not None
    assert (loaded.epoch, loaded.step, list(loaded.tensors)) == (2, 7, ["model.w"])
    assert torch.equal(loaded.tensors["model.w"], torch.arange(3.0))
    assert loaded.records[0]["loss"] == 0.5
    assert loaded.records[0]["norms"].tolist() == [1.0, 2.0]
    assert list(loaded.records[0]) == ["epoch", "norms", "loss"], "tables of new and restored records must have one order of columns"
    assert ours.load("1", torch.device("cpu")) is None


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What this process has logged as a warning."""
    monkeypatch.setattr(logging.getLogger("spurprune"), "propagate", True)
    return lambda: [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: flipped(content, -1),
        lambda content: content.replace(b'\\"epoch\\": 2', b'\\"epoch\\": 3'),
        lambda content: content.replace(b"state.model.w", b"state.model.v"),
        lambda content: bytes(len(content)),
        lambda content: b"",
    ],
)
def test_a_damaged_checkpoint_is_ignored(
    tmp_path: Path, damage: Callable[[bytes], bytes], warnings: Callable[[], list[str]], assert_one_sentence: Callable[[str], None]
) -> None:
    ours = JobCheckpoints(tmp_path / "job")
    ours.save("0", state())
    path = tmp_path / "job" / "0.safetensors"
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    assert ours.load("0", torch.device("cpu")) is None
    (text,) = warnings()
    assert str(path) in text and "starts from the beginning" in text
    ours.save("0", state())
    assert path.read_bytes() == whole, "the run continues as if there had been none"


@pytest.mark.parametrize(("folder", "training"), [("job", "1"), ("other", "0")])
def test_the_checkpoint_of_another_run_is_ignored(tmp_path: Path, folder: str, training: str, warnings: Callable[[], list[str]]) -> None:
    JobCheckpoints(tmp_path / "job").save("0", state())
    theirs = JobCheckpoints(tmp_path / folder)
    theirs.folder.mkdir(exist_ok=True)
    (tmp_path / "job" / "0.safetensors").rename(theirs.folder / f"{training}.safetensors")
    assert theirs.load(training, torch.device("cpu")) is None
    (text,) = warnings()
    assert "of another run" in text


@pytest.mark.parametrize("change", ["identity", "inputs"])
def test_another_job_has_another_folder(tmp_path: Path, change: str) -> None:
    plan = tmp_path / "plan"
    plan.write_bytes(b"one")
    first = JobCheckpoints.of(tmp_path, {"code": "a"}, [plan]).folder
    assert JobCheckpoints.of(tmp_path, {"code": "a"}, [plan]).folder == first
    if change == "inputs":
        plan.write_bytes(b"two")
    assert JobCheckpoints.of(tmp_path, {"code": "b" if change == "identity" else "a"}, [plan]).folder != first


def test_checkpoints_of_another_format_are_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = JobCheckpoints.of(tmp_path, {}, []).folder
    monkeypatch.setattr(checkpoints, "FORMAT", checkpoints.FORMAT - 1)
    assert JobCheckpoints.of(tmp_path, {}, []).folder != folder


def test_training_continues_without_disk_space(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a folder cannot be made here")
    JobCheckpoints(blocked / "job").save("0", state())


def test_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".0.safetensors.node-1.partial").write_bytes(b"half")
    JobCheckpoints(tmp_path).save("0", state())
    assert [path.name for path in tmp_path.iterdir()] == ["0.safetensors"]


def test_checkpoints_are_due_after_their_interval(tmp_path: Path) -> None:
    assert JobCheckpoints(tmp_path, 0.0).is_due("0")
    assert not JobCheckpoints(tmp_path / "job", 3600.0).is_due("0")

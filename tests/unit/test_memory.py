"""A dataset larger than memory: inputs are read batch by batch and never kept."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spurprune.data.inputs import Manifest, content_of, write_manifest

N, SHAPE = 300_000, (3, 32, 32)

SCRIPT = f"""
import sys
import numpy as np
import torch
from pathlib import Path
from spurprune.data.inputs import open_inputs, read_manifest
from spurprune.methods.erm import Method
from spurprune.models.network import Network
from spurprune.training.data import Pixels, load
from spurprune.training.loop import Training, fit, initialise
from spurprune.training.recipe import Recipe, Stream
from spurprune.training.observe import observe
from tests.recipes import context

torch.set_num_threads(1)
N, SHAPE, CPU = {N}, {SHAPE}, torch.device("cpu")


def anonymous():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024


class Watching(Method):
    peak = 0

    def loss(self, batch):
        self.peak = max(self.peak, anonymous())
        return super().loss(batch)


class Average(Network):
    # The cheapest network that sees every pixel, since this is about memory only.
    def __init__(self):
        super().__init__()
        self.classifier = torch.nn.Linear(SHAPE[0], 2)

    def features(self, x):
        return x.mean(dim=(2, 3))


folder = Path(sys.argv[1])
inputs = open_inputs(folder / "inputs.npy", read_manifest(folder / "manifest.json"))
ids = np.arange(N)
training = {{
    "epochs": 1, "batch_size": 1024, "optimizer": {{"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0}},
    "schedule": {{"name": "constant"}}, "augmentation": {{"name": "none"}}, "precision": "fp32",
    "gradient_clip": None, "label_smoothing": 0.0,
}}
overlay = {{"name": "line", "attribute": "line", "width": 2, "value": 255, "channel": 0}}
data = load(inputs, sample_id=ids, label=ids % 2, group=ids % 2, carrier=ids % 10 == 0, overlay=overlay, device=CPU)
before = anonymous()
method = Watching(context(np.ones(N), training))
model = initialise(Average, Stream((0,)), CPU)
fit(model, Training(data, Pixels.of([0.5] * 3, [0.25] * 3, CPU), method, Recipe.of(training), Stream((0,)), "here"), lambda *_: [])
observe(model, data, Pixels.of([0.5] * 3, [0.25] * 3, CPU), 1024)
print(before, max(method.peak, anonymous()))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of a process's memory")
def test_training_on_a_large_file_holds_a_small_part_of_it(tmp_path: Path, child_environment: dict[str, str]) -> None:
    """10 GB of inputs must train within 3 GB beyond the page cache: here 0.9 GB, as a sparse file, within a fifth of it."""
    path = tmp_path / "inputs.npy"
    inputs = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(N, *SHAPE))
    size = inputs.nbytes
    described = {"split_counts": {"train": N}, "mean": (0.5,) * 3, "std": (0.25,) * 3, "source": "", "licence": ""}
    manifest = Manifest(dataset="toy", image_size=32, classes=("a", "b"), attributes=(), **described, **content_of(inputs))
    write_manifest(tmp_path / "manifest.json", manifest)
    del inputs
    assert path.stat().st_blocks * 512 < size / 100, "the file is to be sparse"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    shown = subprocess.run(command, env=child_environment, capture_output=True, text=True, check=True)
    before, peak = map(int, shown.stdout.split())
    assert peak - before < 0.2 * size

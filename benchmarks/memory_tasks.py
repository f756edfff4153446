"""What the measured processes of `benchmarks.memory` do, each once in a fresh process."""

import resource
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.worker import Turn, UnavailableError
from spurprune.data.inputs import Manifest, content_of, open_inputs, read_manifest, write_manifest

SHAPE = (3, 32, 32)
CLASSES = tuple("0123456789")
STATUS = Path("/proc/self/status")
BATCH = 4096  # of the pass over all images


def make_inputs(turn: Turn, path: Path, gigabytes: float) -> None:
    """Write an array of images as a sparse file, which reads as zeros and fills the page cache like any other."""
    n = int(gigabytes * 1e9) // int(np.prod(SHAPE))
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, *SHAPE))
    described: dict[str, Any] = {"split_counts": {"train": n}, "mean": (0.5,) * 3, "std": (0.25,) * 3, "source": "synthetic", "licence": ""}
    manifest = Manifest(dataset="benchmark", image_size=32, classes=CLASSES, attributes=(), **described, **content_of(array))
    write_manifest(path.with_name("manifest.json"), manifest)
    turn({"bytes": array.nbytes})


def load_whole(turn: Turn, path: Path, allowed: float) -> None:
    """Try to load the whole array under the limit; the benchmark is meaningless unless this fails."""
    _limit(allowed)
    try:
        np.load(path)
        loaded = True
    except MemoryError:
        loaded = False
    turn({"loaded": loaded})


def train(turn: Turn, path: Path, allowed: float, images: int) -> None:
    """Under the limit, read all images in batches in random order, then train on a random sample of them."""
    _limit(allowed)
    import torch

    from benchmarks import training_engine

    inputs = open_inputs(path, read_manifest(path.with_name("manifest.json")))
    n = len(inputs)
    rng = np.random.default_rng(0)
    before = _own_mb()
    with _Watch() as watch:
        data = training_engine.load_array(inputs, rng.integers(0, 10, n))
        for rows in torch.randperm(n).split(BATCH):
            data.batch(rows)
        weight = np.zeros(n)
        weight[rng.choice(n, images, replace=False)] = 1
        training_engine.train(data, 1, lambda: None, {}, weight)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    turn({"before_data_mb": before, "own_mb": watch.peak, "resident_mb": resident})


def _limit(gigabytes: float) -> None:
    """Limit what this process may allocate; mapped read-only pages of files do not count, since the system can drop them."""
    if not STATUS.exists():
        raise UnavailableError("limiting and measuring a process's own memory needs Linux")
    allowed = int(gigabytes * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def _own_mb() -> float:
    """Return the resident memory of this process that no file backs."""
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise UnavailableError("this kernel does not report RssAnon")


class _Watch:
    """Samples the process's own memory every few milliseconds and keeps the largest value, ``peak``."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._ended.is_set():
            self.peak = max(self.peak, _own_mb())
            time.sleep(0.005)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

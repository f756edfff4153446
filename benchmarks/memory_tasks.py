"""What the measured processes of `benchmarks.memory` do, each once in a fresh process."""

import resource
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.worker import Turn, UnavailableError

SHAPE = (3, 32, 32)
STATUS = Path("/proc/self/status")
BATCH = 4096  # of the pass over all images


def make_inputs(turn: Turn, path: Path, gigabytes: float) -> None:
    """Write an array of images as a sparse file: it reads as zeros, fills the page cache like any other, and is made at once."""
    n = int(gigabytes * 1e9) // int(np.prod(SHAPE))
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, *SHAPE))
    turn({"bytes": array.nbytes})


def load_whole(turn: Turn, path: Path, allowed: float) -> None:
    """Try to load the array whole under the limit, which must fail for the benchmark to mean anything."""
    _limit(allowed)
    try:
        np.load(path)
        loaded = True
    except MemoryError:
        loaded = False
    turn({"loaded": loaded})


def train(turn: Turn, path: Path, allowed: float, images: int) -> None:
    """Under the limit, read all images in random order as batches, then train on some from all over the file."""
    _limit(allowed)
    import torch

    from benchmarks import training_engine

    inputs = np.load(path, mmap_mode="r")
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
    """Let this process allocate so much; pages of files that it maps read-only do not count, since the system can drop them."""
    if not STATUS.exists():
        raise UnavailableError("the limit and the account of a process's own memory are Linux's")
    allowed = int(gigabytes * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))


def _own_mb() -> float:
    """Return the resident memory of this process that is no file's."""
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise UnavailableError("this kernel does not tell RssAnon")


class _Watch:
    """Looks at the process's own memory every few milliseconds and keeps the largest value, ``peak``."""

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

"""Where a training job runs: its device, leased so that no two jobs share one, and its numeric threads.

Snakemake counts GPUs but hands out no numbers. A job leases one device by locking a file that stands for it; the operating system
drops the lock when the process ends, however it ends. ``CUDA_VISIBLE_DEVICES`` is set before torch is imported.
"""

import fcntl
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from spurprune.logs import log

# How often a waiting thread of GNU's OpenMP looks for work before it sleeps. Going to sleep at once costs a training with two threads a
# sixth of its speed (ResNet-20 on two cores: 510 images a second against 600); spinning for milliseconds costs its neighbours more.
SPIN_COUNT = 100_000
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def set_threads(threads: int) -> None:
    """Give this process ``threads`` numeric threads that go to sleep soon while they wait; call before torch is imported."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # spinning threads slow down every other job on the machine
    os.environ["GOMP_SPINCOUNT"] = str(SPIN_COUNT)


def visible_devices() -> list[str]:
    """Return the names of the devices this process may use: from CUDA_VISIBLE_DEVICES, else from nvidia-smi, else none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() and name.strip() != "-1"]
    try:
        listing = subprocess.run(["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return listing.stdout.split() if listing.returncode == 0 else []


def lease_folder() -> Path:
    """Return the node-local folder of the lock files, one for each user and Slurm job."""
    return Path(tempfile.gettempdir()) / f"spurprune-devices-{os.getuid()}-{os.environ.get('SLURM_JOB_ID', 'local')}"


def node_name() -> str:
    """Return the name of this machine, which is Slurm's own within a Slurm job."""
    return os.environ.get("SLURMD_NODENAME") or platform.node()


@contextmanager
def leased_device(poll_seconds: float = 1.0) -> Iterator[str | None]:
    """Hold one device for the duration and make it the only visible one; yields its name, or None on a machine without any.

    Waits while other jobs hold all devices.
    """
    devices = visible_devices()
    if not devices:
        yield None
        return
    folder = lease_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock, device = _acquire(folder, devices, poll_seconds)
    try:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
        log.info("leased device %s of node %s", device, node_name())
        yield device
    finally:
        log.info("handed back device %s", device)
        lock.close()


def _acquire(folder: Path, devices: list[str], poll_seconds: float) -> tuple[IO[str], str]:
    waiting = False
    while True:
        for device in devices:
            lock = open(folder / f"{device.strip().replace('/', '_')}.lock", "w")  # noqa: SIM115 - held until the lease ends
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock, device
            except BlockingIOError:
                lock.close()
        if not waiting:
            log.info("waiting for a device: other jobs hold %s", ",".join(devices))
            waiting = True
        time.sleep(poll_seconds)

"""The device of a training job, leased so that no two jobs share one, and its numeric threads.

Snakemake counts GPUs but does not assign them. A job leases a device by locking the device's file; the operating system releases the
lock when the process ends, however it ends. ``CUDA_VISIBLE_DEVICES`` is set before torch is imported.
"""

import fcntl
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from spurprune.errors import SpurpruneError, first_sentence
from spurprune.machine.expansion import ExpansionError, expand
from spurprune.machine.folders import UnsafeError, open_lock, private_folder
from spurprune.machine.logs import log

# How often a waiting thread of GNU OpenMP looks for work before it sleeps. Sleeping at once costs a training run with two threads a sixth
# of its speed (ResNet-20 on two cores: 510 instead of 600 images per second); spinning for milliseconds costs other jobs more.
SPIN_COUNT = 100_000
# The job ids of Slurm, PBS, LSF and Grid Engine. Where a job sees only its own devices, each job's first device is called 0.
JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
LEASES = "SPURPRUNE_LEASES"  # the variable that names another folder for leases
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def set_threads(threads: int) -> None:
    """Give this process ``threads`` numeric threads, which soon sleep while waiting; call this before torch is imported."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # spinning threads slow down every other job on the machine
    os.environ["GOMP_SPINCOUNT"] = str(SPIN_COUNT)


def available_cores() -> int:
    """Return how many cores this process may use, of a cluster's node those of its job."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_devices() -> list[str]:
    """Return the names of the devices this process may use: from CUDA_VISIBLE_DEVICES, else from nvidia-smi, else none.

    Slurm sets the variable in every job that it gives a device, so a job without it has none, whatever the node has. Logs a warning if
    nvidia-smi exists but fails.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() and name.strip() != "-1"]
    if "SLURM_JOB_ID" in os.environ:
        return []
    try:
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    except FileNotFoundError:
        return []
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("no GPU is used: %s; if there is one, set CUDA_VISIBLE_DEVICES, for instance to 0", first_sentence(error))
        return []


def lease_folder() -> Path:
    """Return the node-local folder of the lock files, one per user and scheduler job.

    It is in /tmp rather than TMPDIR, which schedulers carry from node to node and which may be on a shared file system; the variable
    SPURPRUNE_LEASES overrides it, in which ``~`` and variables are expanded. Raises SpurpruneError unless that is an absolute path.
    """
    job = next((os.environ[name] for name in JOB_VARIABLES if name in os.environ), "local")
    return _lease_base() / f"spurprune-devices-{os.getuid()}-{_file_name(job)}"


def _lease_base() -> Path:
    given = os.environ.get(LEASES) or "/tmp"  # noqa: S108 - see private_folder
    try:
        base = Path(expand(given))
    except ExpansionError as error:
        raise SpurpruneError(f"The variable {LEASES} is '{given}', but {error}; {error.remedy}.") from None
    if not base.is_absolute():
        raise SpurpruneError(f"The variable {LEASES} is '{given}', not an absolute path; set it to a folder of your own on a local disk.")
    return base


def node_name() -> str:
    """Return the name of this machine; within a Slurm job, Slurm's name for it."""
    return os.environ.get("SLURMD_NODENAME") or platform.node()


@contextmanager
def leased_device(poll_seconds: float = 1.0) -> Iterator[str | None]:
    """Lease one device until the block ends and make it the only visible one; yield its name, or None on a machine without devices.

    Waits while other jobs hold all devices. Without a lease no device is visible, not even one that torch would find. Raises
    SpurpruneError if SPURPRUNE_LEASES names no folder, the lease folder is not this user's alone, or no file there can be locked.
    """
    devices = visible_devices()
    if not devices:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        yield None
        return
    folder = lease_folder()
    try:
        descriptor = private_folder(folder)
        try:
            lock, device = _acquire(folder, descriptor, devices, poll_seconds)
        finally:
            os.close(descriptor)
    except (OSError, UnsafeError) as error:
        reason = str(error) if isinstance(error, UnsafeError) else f"no file in {folder} can be locked ({error.strerror})"
        raise SpurpruneError(
            f"No device can be leased, since {reason}; set the variable {LEASES} to a folder of your own on a local disk."
        ) from error
    try:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
        log.info("leased device %s of node %s", device, node_name())
        yield device
    finally:
        log.info("released device %s", device)
        lock.close()


def _file_name(name: str) -> str:
    return name.strip().replace("/", "_")


def _acquire(folder: Path, descriptor: int, devices: list[str], poll_seconds: float) -> tuple[IO[bytes], str]:
    waiting = False
    while True:
        for device in devices:
            lock = open_lock(folder / f"{_file_name(device)}.lock", folder=descriptor)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock, device
            except OSError as error:
                lock.close()
                if not isinstance(error, BlockingIOError):
                    raise
        if not waiting:
            log.info("waiting for a device: other jobs hold %s", ",".join(devices))
            waiting = True
        time.sleep(poll_seconds)

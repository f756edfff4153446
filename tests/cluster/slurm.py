"""A throw-away Slurm of two nodes, and what tests do to it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
Job = dict[str, str]  # a job's fields, named as by scontrol


class Cluster:
    """The Slurm that slurm_up.sh starts in a folder."""

    def __init__(self, folder: Path) -> None:
        """Start Slurm; raises RuntimeError with its error message."""
        self.folder = folder
        try:
            done = subprocess.run([HERE / "slurm_up.sh", folder], capture_output=True, text=True, timeout=120)
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
        except BaseException:
            self.close()  # those daemons that started
            raise

    def close(self) -> None:
        """Stop Slurm and remove its folder."""
        subprocess.run([HERE / "slurm_down.sh", self.folder], check=True, timeout=120)

    def environment(self) -> dict[str, str]:
        """Return the variables through which commands find this Slurm."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def jobs(self) -> list[Job]:
        """Return all jobs so far, including finished ones, in the order of submission."""
        lines = command("scontrol", "show", "job", "--oneliner").splitlines()
        found = [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines if line.startswith("JobId=")]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def job_of(self, name: str, state: str = "RUNNING") -> Job:
        """Return the one job in ``state`` whose comment, written by the executor plugin, or whose command contains ``name``."""
        (found,) = [job for job in self.jobs() if job["JobState"] == state and name in job.get("Comment", "") + job["Command"]]
        return found

    def crash(self, node: str) -> None:
        """Kill a node's daemon and everything that runs on the node, as a power failure would."""
        os.kill(int((self.folder / f"run/slurmd.{node}.pid").read_text()), signal.SIGKILL)
        jobs = command("squeue", "--noheader", "--states=RUNNING", f"--nodelist={node}", "--format=%A").split()
        for pid in processes():
            if self._belongs_to(pid, node, jobs):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def reach_time_limit(self, job: str) -> None:
        """Move a job's time limit to now and pause the job until Slurm, which checks twice a minute, ends it."""
        command("scontrol", "update", f"JobId={job}", "EndTime=now")
        for pid in processes():
            with suppress(OSError):  # it has ended
                if f"SLURM_JOB_ID={job}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    os.kill(pid, signal.SIGSTOP)

    def revive(self, node: str) -> None:
        """Start a node's daemon again and wait until Slurm uses the node."""
        subprocess.run(["slurmd", "-N", node], check=True, timeout=30)
        wait_until(lambda: command("sinfo", "--noheader", "--Node", f"--nodes={node}", "--format=%T").strip() in ("idle", "mixed"), 60)

    def _belongs_to(self, pid: int, node: str, jobs: list[str]) -> bool:
        try:
            command_line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:  # it has ended
            return False
        if command_line.startswith("slurmstepd: "):  # such as "slurmstepd: [12.batch]"
            return any(f"[{job}." in command_line for job in jobs)
        return f"SLURM_CONF={self.folder / 'slurm.conf'}".encode() in variables and f"SLURMD_NODENAME={node}".encode() in variables


def processes() -> list[int]:
    """Return the ids of all processes."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command(*arguments: str) -> str:
    """Run one of Slurm's commands and return what it prints."""
    return subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=60).stdout


def wait_until(ready: Callable[[], bool], seconds: float) -> None:
    """Wait until ``ready`` returns true; raises TimeoutError after ``seconds``."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"not ready after {seconds:.0f} seconds")
        time.sleep(0.1)

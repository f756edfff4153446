"""A copy of the project in a folder of its own, to be run, edited and planned as a user would."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import yaml

SOURCES = ("Snakefile", "workflow", "spurprune", "config", "profiles", "envs", "tests/workflow")
# Configurations, each merged over config/config.yaml.
REDUCED = "tests/workflow/config.yaml"
METHODS = "tests/workflow/methods.yaml"
OWN = "tests/workflow/own.yaml"
SHORTCUTS = "tests/workflow/shortcuts.yaml"
RARE = "tests/workflow/rare.yaml"
ADVICE = "tests/workflow/advice.yaml"
MINIATURES = "tests/workflow/miniatures.yaml"
SETTINGS = "tests/workflow/settings.yaml"
PRINTED = "printed.txt"  # beside a finished project: what its run printed
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".DS_Store")


class Project:
    """A copy of the project; snakemake runs in its folder, with its default profile and one of the configurations."""

    def __init__(self, path: Path, configuration: str = REDUCED) -> None:
        self.path = path
        self.configuration = configuration
        self.environment: dict[str, str] = {}  # what snakemake finds there besides this process's own

    @classmethod
    def copy_sources(cls, root: Path, path: Path) -> "Project":
        """Copy what the workflow consists of, without results."""
        for name in SOURCES:
            source, target = root / name, path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=IGNORED)
            else:
                shutil.copy2(source, target)
        return cls(path)

    def copy(self, path: Path, keep_times: bool = True) -> "Project":
        """Copy everything, results and Snakemake's metadata included; without ``keep_times`` every file is as new as its copy."""
        shutil.copytree(self.path, path, copy_function=shutil.copy2 if keep_times else shutil.copy)
        return Project(path, self.configuration)

    def start(self, *arguments: str, stdout: int | IO[str] = subprocess.PIPE) -> "subprocess.Popen[str]":
        """Start snakemake, the leader of its own process group, both its streams joined in ``stdout``."""
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SNAKEMAKE_PROFILE")}
        environment |= self.environment
        command = [sys.executable, "-m", "snakemake", *arguments]
        return subprocess.Popen(
            command, cwd=self.path, env=environment, text=True, stdout=stdout, stderr=subprocess.STDOUT, start_new_session=True
        )

    def snakemake(self, *arguments: str, configured: bool = True) -> tuple[int, str]:
        """Run snakemake; return (exit status, what it printed). Unless ``configured``, with the default configuration alone."""
        with self.start(*arguments, *(("--configfile", self.configuration) if configured else ())) as process:
            try:
                text, _ = process.communicate(timeout=600)
            except BaseException:  # in a session of its own, it would outlive the test
                kill_group(process)
                raise
        return process.returncode, text

    def run(self, *arguments: str) -> str:
        """Run snakemake on two cores, which must succeed; return what it printed."""
        status, text = self.snakemake(*arguments, "--cores", "2")
        assert status == 0, text
        return text

    def plan(self, *arguments: str, configured: bool = True) -> dict[str, int]:
        """Return how many jobs of each rule a dry run announces; empty if there is nothing to do."""
        status, text = self.snakemake(*arguments, "--dry-run", configured=configured)
        assert status == 0, text
        return job_counts(text)

    def run_and_kill(self, ready: Callable[[], bool], *arguments: str) -> None:
        """Start a run and kill its whole process group, as a crash would, once it is ``ready``; it must not have ended before."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:  # a pipe that nobody reads would stop the run when it is full
            process = self.start(*arguments, "--configfile", self.configuration, "--cores", "2", stdout=printed)
            try:
                deadline = time.monotonic() + 300
                while not (was_ready := ready()) and process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                ended = process.poll() is not None
            finally:
                kill_group(process)
            printed.seek(0)
            text = printed.read()
        assert not ended, f"the run ended before it was killed:\n{text}"
        assert was_ready, f"the run was not ready to be killed after 300 s:\n{text}"

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that occurs once in a file."""
        path = self.path / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def append(self, name: str, text: str) -> None:
        """Append a text to a file."""
        with open(self.path / name, "a", encoding="utf-8") as file:
            file.write(text)

    def jobs_run(self) -> dict[str, int]:
        """Return how many jobs of each rule ran to finish the project; not known of a copy."""
        return job_counts(self.path.with_name(PRINTED).read_text(encoding="utf-8"))

    def configure(self, name: str, keys: str, value: Any) -> None:
        """Set the value at keys such as "small/training/epochs" in a YAML file."""
        path = self.path / name
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        *parents, last = keys.split("/")
        block = content
        for parent in parents:
            block = block.setdefault(parent, {})
        block[last] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def reproducible(self) -> dict[str, bytes]:
        """Return ``files`` without measured times; a table of them, which differs as they do, must not be among the results."""
        return {name: content for name, content in self.files().items() if not name.endswith("/timing.json")}

    def files(self) -> dict[str, bytes]:
        """Return the content of all results by path below results/."""
        results = self.path / "results"
        return {path.relative_to(results).as_posix(): path.read_bytes() for path in sorted(results.rglob("*")) if path.is_file()}


def kill_group(process: "subprocess.Popen[str]") -> None:
    """Kill the process group that a process leads, and wait for the process; it may have ended."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def job_counts(text: str) -> dict[str, int]:
    """Return the counts in snakemake's table "Job stats", without the total."""
    table = re.search(r"^Job stats:\njob +count\n[- ]+\n((?:\w+ +\d+\n)+)", text, re.MULTILINE)
    if table is None:
        assert "Nothing to be done" in text, text
        return {}
    counts = {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}
    assert counts.pop("total") == sum(counts.values())
    return counts

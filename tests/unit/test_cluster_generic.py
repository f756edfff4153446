"""The scripts of profiles/cluster-generic, with commands in Slurm's place that answer as Slurm's do."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = "profiles/cluster-generic"
GONE = "slurm_load_jobs error: Invalid job id specified"
ENDS = {
    "COMPLETED": "success",
    "FAILED": "failed",
    "TIMEOUT": "failed",
    "OUT_OF_MEMORY": "failed",
    "NODE_FAIL": "failed",
    "BOOT_FAIL": "failed",
    "DEADLINE": "failed",
    "PREEMPTED": "failed",
    "PENDING": "running",
    "RUNNING": "running",
    "REQUEUED": "running",
    "SUSPENDED": "running",
}
# Without --parsable2, sacct prints a column of ten characters and marks with a plus what it cut.
SACCT = """case " $* " in
*" --parsable2 "*) echo "$STATE" ;;
*) if [ ${#STATE} -gt 10 ]; then printf '%.9s+ \\n' "$STATE"; else printf '%10s \\n' "$STATE"; fi ;;
esac"""


class Site:
    """A project's folder, and commands that are found before any other."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.path = folder / "project"
        shutil.copytree(root / SCRIPTS, self.path / SCRIPTS)
        self.commands = folder / "commands"
        self.commands.mkdir()

    def command(self, name: str, body: str) -> None:
        """Make a command of these lines of shell."""
        path = self.commands / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(self, script: str, *arguments: str, **variables: str) -> list[str]:
        """Run one of the profile's scripts in the project's folder, which must end well; return the lines it prints."""
        environment = os.environ | {"PATH": f"{self.commands}:{os.environ['PATH']}"} | variables
        command = [f"{SCRIPTS}/{script}", *arguments]
        done = subprocess.run(command, cwd=self.path, env=environment, capture_output=True, text=True, check=True, timeout=120)
        return done.stdout.splitlines()

    def submit(self, properties: dict[str, Any]) -> list[str]:
        """Submit a job with these properties, as Snakemake writes them into its script; return sbatch's arguments."""
        self.command("sbatch", 'for word; do echo "$word"; done')
        script = self.path / "job.sh"
        script.write_text(f"#!/bin/sh\n# properties = {json.dumps(properties)}\ntrue\n", encoding="utf-8")
        return self.run("submit.sh", "2", "8000", "30", "job.sh")


@pytest.fixture
def site(root: Path, tmp_path: Path) -> Site:
    """A project's folder without any command in Slurm's place."""
    return Site(root, tmp_path)


def gpus(arguments: list[str]) -> list[str]:
    """What of sbatch's arguments is about GPUs."""
    return [word for word in arguments if "gpu" in word]


@pytest.mark.parametrize(("state", "expected"), [*ENDS.items(), ("CANCELLED", "failed")])
def test_squeues_states_are_understood(site: Site, state: str, expected: str) -> None:
    site.command("squeue", f"echo {state}")
    site.command("sacct", "echo never asked >&2; exit 1")
    assert site.run("status.sh", "7") == [expected]


@pytest.mark.parametrize(("state", "expected"), [*ENDS.items(), ("CANCELLED by 1000", "failed"), ("", "failed")])
def test_a_job_that_squeue_has_forgotten_ends_as_sacct_says(site: Site, state: str, expected: str) -> None:
    site.command("squeue", f"echo '{GONE}' >&2; exit 1")
    site.command("sacct", SACCT)
    assert site.run("status.sh", "7", STATE=state) == [expected]


def test_a_job_that_nobody_remembers_has_failed(site: Site) -> None:
    site.command("squeue", f"echo '{GONE}' >&2; exit 1")
    site.command("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    assert site.run("status.sh", "7") == ["failed"]


def test_a_controller_that_does_not_answer_is_asked_again(site: Site) -> None:
    site.command("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1")
    site.command("sacct", "echo FAILED")
    assert site.run("status.sh", "7") == ["running"]


def test_a_training_asks_for_its_gpu(site: Site) -> None:
    arguments = site.submit({"rule": "retrain", "resources": {"mem_mb": 8000, "gpu": 1, "runtime": 30}, "jobid": 3})
    assert gpus(arguments) == ["--gpus=1"]
    assert {"--cpus-per-task=2", "--mem=8000", "--time=30", "--requeue"} <= set(arguments) and arguments[-1] == "job.sh"


@pytest.mark.parametrize("scratch", ["${SLURM_TMPDIR}", '/disk/"gpu": 4}', "/disk/{a\\", ': "{'])
def test_braces_and_quotes_in_properties_hide_no_gpu(site: Site, scratch: str) -> None:
    properties = {
        "input": [scratch, "b"],
        "params": {"setting": {"name": scratch}},
        "resources": {"scratch": scratch, "gpu": 2},
        "jobid": 3,
    }
    assert gpus(site.submit(properties)) == ["--gpus=2"]


@pytest.mark.parametrize("resources", [{}, {"mem_mb": 2000}, {"gpu": 0}, {"gpu_model": "a100"}])
def test_other_jobs_ask_for_no_gpu(site: Site, resources: dict[str, Any]) -> None:
    assert gpus(site.submit({"params": {"resources": {"gpu": 7}}, "resources": resources, "cluster": {}})) == []


def test_jobs_are_named_after_the_whole_path(root: Path, tmp_path: Path) -> None:
    names = []
    for owner in ("first", "second"):
        (tmp_path / owner).mkdir()
        clone = Site(root, tmp_path / owner)
        (name,) = clone.run("job_name.sh")
        assert f"--job-name={name}" in clone.submit({"resources": {}})
        names.append(name)
    assert all(name.startswith("project-") for name in names) and names[0] != names[1]

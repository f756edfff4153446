"""What `make` asks of Snakemake: a progress bar on a terminal, a short log elsewhere; a report in one file, unless it is large."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="this system has no make")


def printed(root: Path, terminal: bool, *arguments: str, profile: str | None = None) -> str:
    """Return the options after --cores with which `make` would run Snakemake, as the shell passes them."""
    environment = {name: value for name, value in os.environ.items() if name not in ("SNAKEMAKE_PROFILE", "LOGGER", "OPTIONS", "MAKEFLAGS")}
    environment |= {} if profile is None else {"SNAKEMAKE_PROFILE": profile}
    listed = subprocess.run(["make", "--dry-run", "all", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=True)
    (command,) = [line for line in listed.stdout.splitlines() if "--cores all" in line]
    options = command[command.index("--cores all") :].removeprefix("--cores all")
    reader, writer = pty.openpty() if terminal else os.pipe()
    try:
        done = subprocess.run(["sh", "-c", f"echo {options}"], stdout=subprocess.PIPE, stderr=writer, text=True, check=True)
    finally:
        os.close(reader)
        os.close(writer)
    return done.stdout.strip()


def test_a_terminal_gets_a_progress_bar_and_a_file_a_short_log(root: Path) -> None:
    assert printed(root, True) == "--logger rich"
    assert printed(root, False) == "--quiet rules"


def test_the_plain_log_can_be_chosen(root: Path) -> None:
    assert printed(root, True, "LOGGER=") == printed(root, False, "LOGGER=") == ""


@pytest.mark.parametrize("option", ["--profile profiles/slurm", "--profile=profiles/slurm", "--executor slurm", "-e slurm"])
def test_a_cluster_has_the_plain_log(root: Path, option: str) -> None:
    assert printed(root, True, f"OPTIONS=--keep-going {option}") == f"--keep-going {option}"
    assert printed(root, True, profile="profiles/slurm") == ""


def test_options_come_last(root: Path) -> None:
    assert printed(root, True, "OPTIONS=--resources gpu=4") == "--logger rich --resources gpu=4"


@pytest.mark.parametrize(("size", "name"), [(0, "results/report.html"), (100, "results/report.html"), (101, "results/report.zip")])
def test_a_large_report_is_a_zip(root: Path, tmp_path: Path, size: int, name: str) -> None:
    (tmp_path / "results/figures/a").mkdir(parents=True)
    (tmp_path / "results/figures/a/b.png").write_bytes(b"x" * size)
    (tmp_path / "results/figures/a/b.pdf").write_bytes(b"x" * 1000)  # not shown in a report
    listed = subprocess.run(["make", "--dry-run", "all", "LARGE=100"], cwd=root, capture_output=True, text=True, check=True).stdout
    (command,) = [line for line in listed.splitlines() if line.startswith('echo "Report:')]
    assert subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split() == [
        "Report:",
        name,
    ]

"""A Slurm of two nodes for all tests, and the workflow's results from a run on this machine and one on that Slurm."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.slurm import HERE, Cluster, wait_until
from tests.workflow.project import Project, kill_group

CONFIG = ("--configfile", "tests/cluster/config.yaml")
SLURM = ("--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10")
GENERIC = ("--profile", "profiles/cluster-generic", "--seconds-between-status-checks", "2", "--latency-wait", "10")
PLANS = ("none", "carriers-random-hardest-0.50")  # of the two long runs
LONG_RUNS = tuple(f"results/settings/long-fives/runs/erm/{plan}/002-002/predictions.parquet" for plan in PLANS)
MINUTES = 10  # for a run on a busy machine; on a quiet one it takes two


class Run:
    """A run of snakemake for a test to disturb."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self.printed = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - a pipe would block the run once full
        self.process = project.start(*arguments, *CONFIG, stdout=self.printed)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until ``ready`` returns true; fail if snakemake ends first."""
        try:
            wait_until(lambda: ready() or self.process.poll() is not None, MINUTES * 60)
        except BaseException:
            self.kill()
            raise
        assert self.process.poll() is None, f"snakemake ended early:\n{self._end()}"

    def kill(self) -> str:
        """Kill snakemake as ``kill -9`` does, but not the jobs that it submitted; return what it printed."""
        kill_group(self.process)
        return self._end()

    def finish(self) -> None:
        """Wait for snakemake to end, which must be successful."""
        try:
            self.process.wait(timeout=MINUTES * 60)
        except subprocess.TimeoutExpired:
            pytest.fail(f"snakemake did not end within {MINUTES} minutes:\n{self.kill()}")
        except BaseException:
            self.kill()
            raise
        text = self._end()
        assert self.process.returncode == 0, text

    def _end(self) -> str:
        with self.printed:
            self.printed.seek(0)
            return self.printed.read()


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[Cluster]:
    """A running Slurm, which commands find through the environment; autouse, so that no test runs where Slurm is unavailable."""
    installed = subprocess.run([HERE / "install_slurm.sh"], capture_output=True, text=True, timeout=600)
    if installed.returncode != 0:
        pytest.skip(installed.stdout.strip())
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp") as short:
        for name in [one for one in os.environ if one.startswith(("SLURM_", "SBATCH_", "SRUN_"))]:
            patch.delenv(name)
        found = Cluster(Path(short) / "slurm")  # the paths of sockets have at most 108 characters
        for name, value in found.environment().items():
            patch.setenv(name, value)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture(scope="session")
def sources(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project without results; training writes a checkpoint every second, not every half minute."""
    project = Project.copy_sources(root, tmp_path_factory.mktemp("sources") / "project")
    shutil.copytree(root / "tests/cluster", project.path / "tests/cluster")
    project.replace("spurprune/training/checkpoints.py", "SAVE_EVERY_SECONDS = 30.0", "SAVE_EVERY_SECONDS = 1.0")
    return project


@pytest.fixture(scope="session")
def local(sources: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after a run on this machine; tests must not change it."""
    project = sources.copy(tmp_path_factory.mktemp("local") / "project")
    Run(project, "figures", "--cores", "2").finish()
    return project


@pytest.fixture(scope="session")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one subfolder per node, which stands for the node's own disk."""
    return tmp_path_factory.mktemp("disks")


@pytest.fixture(scope="session")
def on_slurm(sources: Project, cluster: Cluster, disks: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after the first run on Slurm, with inputs on the nodes' own disks; tests must not change it."""
    project = sources.copy(tmp_path_factory.mktemp("on_slurm") / "project")
    project.replace("profiles/slurm/profile.yaml", "# scratch: /local/$USER #", f"scratch: {disks}/$SLURMD_NODENAME #")
    Run(project, "figures", *SLURM).finish()
    return project


@pytest.fixture
def unfinished(local: Project, cluster: Cluster, tmp_path: Path) -> Project:
    """A copy of the finished project without the outputs of the two long runs and without logs."""
    project = local.copy(tmp_path / "project")
    for path in LONG_RUNS:
        (project.path / path).unlink()
        (project.path / path).with_name("history.parquet").unlink()
    shutil.rmtree(project.path / "logs")
    return project

"""Projects that were run once for all tests, also where several processes share the tests; every test works on its own copy."""

import compileall
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import miniatures
from tests.workflow import loaded, own, shortcuts
from tests.workflow.project import ADVICE, METHODS, MINIATURES, OWN, PRINTED, RARE, REDUCED, SHORTCUTS, Project

Once = Callable[[str, Callable[[Path], object]], Path]
RunOnce = Callable[..., Project]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """A function that fills a named folder once per test run: the first process to ask fills it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        parent = shared / name
        parent.mkdir(exist_ok=True)
        folder, done = parent / "project", parent / "done"
        with open(parent / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # what a failure has left
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def sources(root: Path, once: Once) -> Project:
    """The project without results, as it is when the tests begin, so that edits in the meantime do not mix two versions."""

    def fill(path: Path) -> None:
        Project.copy_sources(root, path)
        compileall.compile_dir(path / "spurprune", quiet=1)  # else every copy's first jobs would

    return Project(once("sources", fill))


@pytest.fixture(scope="session")
def run_once(sources: Project, once: Once) -> RunOnce:
    """Runs a configuration once, after what prepares the project for it."""

    def run(name: str, configuration: str, prepare: Callable[[Project], None] = lambda project: None) -> Project:
        def fill(path: Path) -> None:
            project = Project(sources.copy(path).path, configuration)
            prepare(project)
            text = project.run()
            path.with_name(PRINTED).write_text(text, encoding="utf-8")

        return Project(once(name, fill), configuration)

    return run


@pytest.fixture(scope="session")
def finished(run_once: RunOnce) -> Project:
    """The project after a whole run of the reduced configuration; not to be changed."""
    return run_once("finished", REDUCED)


@pytest.fixture(scope="session")
def on_miniatures(run_once: RunOnce) -> Project:
    """The project after a whole run on the paper's datasets in miniature; not to be changed."""

    def prepare(project: Project) -> None:
        for name, write in (
            ("celeba", miniatures.celeba),
            ("hard_imagenet", miniatures.hard_photos),
            ("waterbirds", miniatures.waterbirds),
            ("multinli", miniatures.multinli),
            ("encoder", miniatures.encoder),
        ):
            folder = project.path / "resources" / name
            folder.mkdir(parents=True)
            write(folder)
        loaded.record(project)

    return run_once("miniatures", MINIATURES, prepare)


@pytest.fixture(scope="session")
def on_methods(run_once: RunOnce) -> Project:
    """The project after a whole run that compares methods, and plans by partitions; not to be changed."""
    return run_once("methods", METHODS, loaded.record)


@pytest.fixture(scope="session")
def on_own_data(run_once: RunOnce) -> Project:
    """The project after a whole run on a user's own tables; not to be changed."""
    return run_once("own", OWN, lambda project: own.write(project.path / "own"))


@pytest.fixture(scope="session")
def on_shortcuts(run_once: RunOnce) -> Project:
    """The project after a whole run that looks for shortcuts in a user's own vectors; not to be changed."""

    def prepare(project: Project) -> None:
        shortcuts.write(project.path / "own")
        loaded.record(project)

    return run_once("shortcuts", SHORTCUTS, prepare)


@pytest.fixture(scope="session")
def on_rare(run_once: RunOnce) -> Project:
    """The project after a whole run on rare patterns; not to be changed."""
    return run_once("rare", RARE, loaded.record)


@pytest.fixture(scope="session")
def on_advice(run_once: RunOnce) -> Project:
    """The project after a whole run that gives advice on a user's own vectors; not to be changed."""

    def prepare(project: Project) -> None:
        shortcuts.write(project.path / "own")
        loaded.record(project)

    return run_once("advice", ADVICE, prepare)


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, to be changed."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def fresh(sources: Project, tmp_path: Path) -> Project:
    """A copy of the project without results."""
    return sources.copy(tmp_path / "project")

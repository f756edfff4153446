"""The reduced workflow, run once for all tests; every test works on its own copy."""

from pathlib import Path

import pytest

from tests.workflow.project import Project


@pytest.fixture(scope="session")
def sources(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project without results, as it is when the tests begin, so that edits in the meantime do not mix two versions."""
    return Project.copy_sources(root, tmp_path_factory.mktemp("sources") / "project")


@pytest.fixture(scope="session")
def finished(sources: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after a whole run of the reduced configuration; not to be changed."""
    project = sources.copy(tmp_path_factory.mktemp("finished") / "project")
    project.run()
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project, to be changed."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def fresh(sources: Project, tmp_path: Path) -> Project:
    """A copy of the project without results."""
    return sources.copy(tmp_path / "project")

"""What all tests share: the project's folder, and property tests that are the same on every run."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from spurprune.machine import devices

ROOT = Path(__file__).resolve().parents[1]

devices.set_threads(1)  # as in training jobs: idle threads that spin slow tests down

# Derandomised, so that failures can be reproduced; no deadline, since the first call in a test may import a lot.
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("reproducible")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="module")
def own_working_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory for one module's tests: training writes its checkpoints there, and tests may train the same network."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("working_directory")
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="session")
def child_environment() -> dict[str, str]:
    """The environment of child processes that import the package."""
    return os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="session")
def assert_one_sentence() -> Callable[[str], None]:
    """A check that a message is exactly one sentence on one line."""

    def check(text: str) -> None:
        assert text == text.strip() and "\n" not in text, f"not one line: {text!r}"
        assert text.endswith("."), f"no full stop: {text!r}"
        assert not any(mark in text[:-1] for mark in (". ", "! ", "? ")) and "Traceback" not in text, f"not one sentence: {text!r}"

    return check

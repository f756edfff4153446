"""A pytest plugin that writes each test's outcome into the results as soon as it is known."""

import os
from pathlib import Path

import pytest

from benchmarks.gpu.record import Record

LONGEST = 1500  # characters of a failure, from its end


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write the outcome of a test's call, or of its setup if that skipped it or failed."""
    if report.when != "call" and report.outcome == "passed":
        return
    record = Record(Path(os.environ["SPURPRUNE_GPU_RESULTS"]), "tests")
    why = {} if report.outcome == "passed" else {"why": str(report.longrepr)[-LONGEST:]}
    record.write("result", name=report.nodeid, outcome=report.outcome, seconds=round(report.duration, 2), **why)

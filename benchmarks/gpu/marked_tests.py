"""The tests marked ``gpu``, each with a line of its own in the results."""

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

from benchmarks.gpu.record import Record

ROOT = Path(__file__).resolve().parents[2]
REHEARSAL = "SPURPRUNE_GPU_TESTS_ON_CPU"  # lets the tests that can run on a CPU do so


def run(record: Record, given: Namespace) -> None:
    """Run the files that hold such tests; other files may import what this machine lacks. Raises SystemExit if a test fails."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests/unit").glob("test_*.py") if "mark.gpu" in path.read_text("utf-8"))
    environment = os.environ | {"SPURPRUNE_GPU_RESULTS": str(record.path.parent)} | ({REHEARSAL: "1"} if given.quick else {})
    # Warnings of other versions of torch and NumPy than the pinned ones are no failures here.
    options = ["-m", "gpu", "-q", "-rs", "-p", "benchmarks.gpu.pytest_lines", "-p", "no:cacheprovider", "-o", "filterwarnings=default"]
    done = subprocess.run([sys.executable, "-m", "pytest", *options, *files], cwd=ROOT, env=environment, check=False)
    record.write("result", name="pytest", exit_status=done.returncode, files=len(files))
    if done.returncode:
        raise SystemExit(done.returncode)

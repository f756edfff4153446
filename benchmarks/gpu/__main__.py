"""Tests, times and trains on a machine with a GPU, in steps of falling value; every result is on the disk the moment it is known."""

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu import report, runner, state
from benchmarks.gpu.record import Record
from benchmarks.gpu.steps import BY_NAME, STEPS
from spurprune.machine import devices
from spurprune.machine.folders import UnsafeError, private_folder

BUDGET, QUICK_BUDGET = 540.0, 1800.0  # seconds; a rehearsal on a busy CPU is to reach its last step
THREADS = 4  # numeric threads of a step; the work is the GPU's
WORK = Path(tempfile.gettempdir(), f"spurprune-gpu-{os.getuid()}")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(prog="benchmarks/gpu.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.epilog = "steps:\n" + "\n".join(f"  {step.name:<10} {step.what}" for step in STEPS)
    options.add_argument("--out", type=Path, required=True, help="the folder for results.jsonl, log.txt and state.tar")
    options.add_argument("--steps", nargs="+", choices=list(BY_NAME), metavar="STEP", help="only these, in their usual order")
    options.add_argument("--skip", nargs="+", choices=list(BY_NAME), default=[], metavar="STEP", help="all but these")
    options.add_argument("--budget", type=float, help=f"seconds for all steps (default {BUDGET:.0f}, with --quick {QUICK_BUDGET:.0f})")
    options.add_argument("--quick", action="store_true", help="tiny sizes, also on a CPU, to see that everything runs")
    options.add_argument("--data", type=Path, help="the folder with the parts that benchmarks.gpu_data cut, or with cifar-10-batches-py")
    options.add_argument(
        "--work",
        type=Path,
        default=WORK,
        help="the folder for datasets and intermediate results (default %(default)s)",
    )
    options.add_argument("--state", type=Path, help="a state.tar of an earlier run to resume from")
    options.add_argument("--repeats", type=int, default=4, help="repeats that science trains side by side (default %(default)s)")
    options.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32", help="of science (default %(default)s)")
    options.add_argument("--run-step", choices=list(BY_NAME), help=argparse.SUPPRESS)  # one step, in this process
    return options


def options_of(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options on a command line, with absolute paths and the default budget if none is given."""
    given = parser().parse_args(words)
    for name in ("out", "work", "data", "state"):
        if getattr(given, name) is not None:
            setattr(given, name, getattr(given, name).resolve())
    if given.budget is None:
        given.budget = QUICK_BUDGET if given.quick else BUDGET
    return given


def main() -> None:
    """Run the steps; the exit status is 1 if one failed or was stopped, except science, which takes what time is left."""
    given = options_of()
    if given.work == WORK.resolve():
        try:
            os.close(private_folder(WORK))
        except UnsafeError as error:
            parser().error(f"{error}; name another folder with --work")
    for folder in (given.out, given.work):
        folder.mkdir(parents=True, exist_ok=True)
    if given.run_step:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")  # the stages' progress
        devices.set_threads(1 if given.quick else THREADS)  # before torch is imported
        BY_NAME[given.run_step].load()(Record(given.out, given.run_step), given)
        return
    if given.state:
        state.unpack(given.state, given.work)
    chosen = [step for step in STEPS if step.name in (given.steps or BY_NAME) and step.name not in given.skip]
    lines = runner.run_all(chosen, given)
    print("\n" + report.text(lines))
    ends = {line["step"]: line["how"] for line in lines if line["event"] == "ended"}
    if any(how != "done" for step, how in ends.items() if step != "science"):
        sys.exit(1)


if __name__ == "__main__":
    main()

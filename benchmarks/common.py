"""What the benchmarks share: options, images, the description of the machine, summaries of repeats, result files."""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from spurprune.data.datasets import cifar10

RESULTS = Path(__file__).resolve().parent / "results"
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10's training pixels in [0, 1], by channel
INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")  # those present decide the speed of fp32 and bf16

Result = dict[str, Any]


@dataclass(frozen=True)
class Images:
    """``pixels`` uint8 [N, 3, 32, 32], ``label`` int64 [N] from 0 to 9; ``source`` names them in words."""

    pixels: np.ndarray
    label: np.ndarray
    source: str


def load_images(folder: str | None, n: int) -> Images:
    """Return ``n`` training images of CIFAR-10 from ``folder``/cifar-10-batches-py, or synthetic ones of their shape if it is None."""
    if folder is None:
        pixels = np.random.default_rng(0).integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
        label = np.random.default_rng(1).integers(0, 10, n)  # a stream of its own, so that labels do not depend on n
        return Images(pixels, label, "synthetic images of CIFAR-10's shape")
    raw = cifar10.read(Path(folder), 32)
    assert isinstance(raw.inputs, np.ndarray)
    train = raw.base.column("label").to_numpy()[:50_000].astype(np.int64)
    return Images(raw.inputs[:n].copy(), train[:n], "CIFAR-10")


def parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--rounds", type=int, default=rounds, help="how often everything is measured (default %(default)s)")
    options.add_argument(
        "--quick", action="store_true", help="tiny sizes and one round, to check that it runs; prints the results and writes no file"
    )
    options.add_argument("--output", type=Path, help="the JSON file to write (default: benchmarks/results/NAME.json)")
    return options


def add_images_option(options: argparse.ArgumentParser) -> None:
    """Add the option for the folder of CIFAR-10."""
    options.add_argument(
        "--cifar10",
        default=os.environ.get("SPURPRUNE_CIFAR10"),
        help="the folder that holds cifar-10-batches-py (default: SPURPRUNE_CIFAR10; without either, synthetic images)",
    )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine(*packages: str) -> dict[str, Any]:
    """Return what the measurements depend on: processor, cores, memory, versions of Python and of ``packages``."""
    cpu = _cpuinfo()
    return {
        "processor": cpu.get("model name") or platform.processor() or platform.machine(),
        "instructions": [name for name in INSTRUCTIONS if name in cpu.get("flags", cpu.get("Features", "")).split()],
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _cpuinfo() -> dict[str, str]:
    """Return what Linux says about the first processor; nothing on other systems."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return the median and the extremes, to four significant digits."""
    return {"median": _short(statistics.median(values)), "low": _short(min(values)), "high": _short(max(values))}


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def show_round(number: int, speeds: Mapping[str, Sequence[float]], unit: str = "images") -> None:
    """Print what a round measured, the last value of each list, to show the progress of a long measurement."""
    print(f"round {number + 1}: " + ", ".join(f"{name} {values[-1]:.0f}" for name, values in speeds.items()) + f" {unit}/s", flush=True)


def finish(name: str, result: Result, text: str, given: argparse.Namespace) -> None:
    """Print a result's Markdown and write its JSON; with ``--quick``, write only if ``--output`` names a file."""
    print(f"\n{text}")
    path = given.output or (None if given.quick else RESULTS / f"{name}.json")
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"written to {path}; `python -m benchmarks.report` updates docs/benchmarks.md")


def read(path: Path) -> Result:
    """Read a result."""
    result: Result = json.loads(path.read_text(encoding="utf-8"))
    return result

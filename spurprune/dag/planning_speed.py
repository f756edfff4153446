"""Patches that make Snakemake plan thousands of jobs faster; measured in docs/benchmarks.md.

They affect other packages, so they are applied in the planning process only; neither changes a plan. With a version of Snakemake that
lacks what they patch, they do nothing.
"""

import atexit
import gc
import importlib
from functools import cache


def speed_up() -> None:
    """Apply both patches in this process; may be called repeatedly."""
    collect_rarely()
    parse_each_path_once()


def collect_rarely() -> None:
    """Collect garbage rarely, and not at exit: a plan lives until then, and traversing it takes a seventh of the planning time."""
    gc.set_threshold(100_000, 50, 1000)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def parse_each_path_once() -> bool:
    """Cache the results of ``smart_open.parse_uri``; return whether this function exists.

    Snakemake 9 parses the path of each job's script several times, each time defining a class: a sixth of the planning time.
    """
    try:
        smart_open = importlib.import_module("smart_open")
    except ImportError:
        return False
    parse = getattr(smart_open, "parse_uri", None)
    if not callable(parse):
        return False
    if not hasattr(parse, "cache_info"):
        smart_open.parse_uri = cache(parse)  # type: ignore[attr-defined]
    return True

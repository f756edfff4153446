"""What Snakemake's planning of ten thousand jobs is spared; measured in docs/benchmarks.md.

Both parts change what other packages do, so both hold only in the process that plans, and neither changes a plan. Where another version
of Snakemake has nothing to spare, nothing happens.
"""

import atexit
import gc
import importlib
from functools import cache


def speed_up() -> None:
    """Spare the planning in this process what it does in vain; may be called repeatedly."""
    collect_rarely()
    parse_each_path_once()


def collect_rarely() -> None:
    """Let Python search for garbage rarely, and not at its end: a plan lives until then, and searching it takes a seventh of the time."""
    gc.set_threshold(100_000, 50, 1000)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def parse_each_path_once() -> bool:
    """Remember what ``smart_open.parse_uri`` returns; return whether this package and this function exist.

    Snakemake 9 has the path of each job's script parsed several times, which defines a class each time: a sixth of the time.
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

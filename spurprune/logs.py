"""A stage's log: readable, appended, with progress; and errors as one sentence instead of a traceback."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from spurprune.errors import SpurpruneError

Item = TypeVar("Item")
log = logging.getLogger("spurprune")


@contextmanager
def stage_log(path: str, name: str) -> Iterator[None]:
    """Log a stage to ``path`` (appended); a SpurpruneError becomes one sentence there and on standard error, and exit status 1."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, mode="a", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    started = time.monotonic()
    log.info("%s started", name)
    try:
        yield
        log.info("%s finished in %.1f s", name, time.monotonic() - started)
    except SpurpruneError as error:
        log.error("%s", error)
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(1)
    except BaseException:
        log.exception("%s failed", name)
        raise
    finally:
        log.removeHandler(handler)
        handler.close()


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Pass items on, with a bar and the time left on a terminal and a line in the log at each tenth."""
    from tqdm import tqdm

    started = time.monotonic()
    next_tenth = 1
    bar = tqdm(items, total=total, desc=what, unit="", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)
    for done, item in enumerate(bar, start=1):
        yield item
        if done * 10 >= next_tenth * total:
            elapsed = time.monotonic() - started
            log.info("%s: %d of %d, %.0f s left", what, done, total, elapsed / done * (total - done))
            next_tenth = done * 10 // total + 1

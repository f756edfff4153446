"""A stage's log: readable, appended, with progress, and with errors as one sentence instead of a traceback."""

import atexit
import gc
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tqdm import tqdm

from spurprune.errors import SpurpruneError

log = logging.getLogger("spurprune")


class _LogFile(logging.FileHandler):
    """A log file that ends in one sentence on standard error once it cannot be written; the stage continues without it."""

    def __init__(self, path: str) -> None:
        super().__init__(path, mode="a", encoding="utf-8", errors="backslashreplace")
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        self.is_broken = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)  # a bug in the call
        elif not self.is_broken:
            self.is_broken = True
            tell(f"The log {self.baseFilename} cannot be written ({error.strerror}), so it lacks what follows; free some space.")

    def close(self) -> None:
        with suppress(OSError):  # what could not be written before cannot be written now
            super().close()


@contextmanager
def stage_log(path: str, name: str) -> Iterator[None]:
    """Log a stage to ``path`` (appended); a SpurpruneError becomes one sentence there and on standard error, and exit status 1.

    So does a log that cannot be opened. One that cannot be written later does not stop the stage.
    """
    atexit.register(gc.freeze)  # else Python searches torch for garbage at exit, a quarter of its import time
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path)
    except OSError as error:
        tell(f"{name}: the log {path} could not be opened ({error.strerror}); free some space or correct the folder's permissions.")
        sys.exit(1)
    before = log.level, log.propagate
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
        tell(f"{name}: {error}")
        sys.exit(1)
    except BaseException:
        log.exception("%s failed", name)
        raise
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]
        handler.close()


def tell(sentence: str) -> None:
    """Write a line to standard error, if there is one that takes it."""
    with suppress(OSError, ValueError):  # full, or closed
        if sys.stderr is not None:
            print(sentence, file=sys.stderr, flush=True)


def is_terminal() -> bool:
    """Return whether standard error is a terminal; it may be closed."""
    with suppress(ValueError):
        return sys.stderr is not None and sys.stderr.isatty()
    return False


class Progress:
    """Progress of long work: a bar with the time left on a terminal, and a log line at each tenth."""

    def __init__(self, total: int, what: str, unit: str) -> None:
        """Start ``total`` units of work."""
        self.total, self.what, self.unit = total, what, unit
        self.done = self.before = 0
        self.reached: dict[str, int] = {}
        self.started = time.monotonic()
        self.bar = tqdm(total=total, desc=what, unit=unit, file=sys.stderr, disable=not is_terminal(), leave=False)

    def reach(self, part: str, count: int) -> None:
        """Record that a part of the work, which reports after each unit, has completed ``count`` units.

        If its first report is beyond 1, an interrupted run did the units before.
        """
        if part not in self.reached:
            self.find(part, count - 1)
        self.step(count - self.reached[part])
        self.reached[part] = count

    def end(self, part: str, count: int) -> None:
        """Record that a part of ``count`` units is complete; if it never reported, an interrupted run did all of it."""
        if part not in self.reached:
            self.find(part, count)

    def find(self, part: str, count: int) -> None:
        """Record that an interrupted run did ``count`` units of a part, which do not count towards the speed of this run."""
        self.reached[part] = count
        self.done += count
        self.before += count
        if not self.bar.disable:
            self.bar.initial += count
            self.bar.update(count)
        self._close_at_the_end()

    def step(self, count: int = 1) -> None:
        """Record ``count`` units as done."""
        tenth = self.done * 10 // self.total
        self.done += count
        self.bar.update(count)
        if self.done * 10 // self.total > tenth:
            elapsed = time.monotonic() - self.started
            left = elapsed / (self.done - self.before) * (self.total - self.done)
            log.info("%s: %d of %d %ss, %.0f s elapsed, about %.0f s left", self.what, self.done, self.total, self.unit, elapsed, left)
        self._close_at_the_end()

    def _close_at_the_end(self) -> None:
        if self.done >= self.total:
            self.bar.close()

"""What came of one attempt to make the software wrong."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spurprune.errors import SpurpruneError

HANG_SECONDS = 5.0
GOOD = ("clear", "same")  # the outcomes that are right


@dataclass(frozen=True)
class Outcome:
    """One attempt: what was attacked and how, what came of it, and the message or the difference.

    ``outcome`` is "clear" (refused with one sentence), "same" (the result is the original's), "silent" (another result without an error),
    "traceback" (another exception) or "hang" (more than five seconds).
    """

    kind: str
    subject: str
    change: str
    outcome: str
    detail: str


def attempt(kind: str, subject: str, change: str, read: Callable[[], Any], same: Callable[[Any], bool]) -> Outcome:
    """Return what comes of ``read``, whose result ``same`` compares with the original's."""
    started = time.monotonic()
    try:
        found = read()
        result = ("same", "") if same(found) else ("silent", "another result was accepted")
    except SpurpruneError as error:
        result = ("clear", str(error))
    except Exception as error:
        result = ("traceback", f"{type(error).__name__}: {error}")
    if time.monotonic() - started > HANG_SECONDS:
        result = ("hang", f"{time.monotonic() - started:.0f} s")
    return Outcome(kind, subject, change, *result)

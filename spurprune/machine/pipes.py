"""Programs that print to a pipe, such as ``| head``, whose reader may leave before the end."""

import os
import signal
import sys
from collections.abc import Callable

LEFT = 128 + signal.SIGPIPE  # the exit status by which shells tell that a pipe's reader has left


def run(main: Callable[[], int]) -> int:
    """Return the exit status of ``main``, or quietly LEFT if nobody reads what it prints any more."""
    try:
        status = main()
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit fails likewise
        return LEFT

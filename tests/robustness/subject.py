"""A file under attack."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Ignored(Exception):  # noqa: N818 - not an error: what damage costs is time
    """A damaged file that is not used, after a warning."""


@dataclass(frozen=True)
class Subject:
    """A file that may be damaged.

    ``other`` is another run's file of the same kind; ``read`` returns what a stage takes from the file, as comparable values; ``restore``
    puts everything else back that reading changes.
    """

    kind: str
    path: Path
    other: Path
    read: Callable[[], Any]
    restore: Callable[[], object] = lambda: None

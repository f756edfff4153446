"""Names that exist, with a suggestion for one that does not, and values in messages."""

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from spurprune.errors import ConfigError

MOST_LISTED = 40


def require_known(value: str, allowed: Iterable[str], key: str, what: str) -> None:
    """Raise ConfigError unless ``value`` is among the allowed names; ``key`` starts the sentence, ``what`` says what it should name."""
    names = list(allowed)
    if value not in names:
        raise ConfigError(f"{key} is not a known {what}{guess(value, names)}; known are {listed(names)}.")


def guess(value: str, names: Iterable[str]) -> str:
    """Return a question in brackets whether the closest of the names is meant, empty if none is close."""
    close = difflib.get_close_matches(value, list(names), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def unknown_key(key: str, name: str, allowed: Iterable[str]) -> str:
    """Return the sentence that ``key``, which ends in ``name``, is none of a mapping's allowed keys."""
    names = sorted(allowed)
    return f"{key} is not a known key{guess(name, names)}; allowed are {', '.join(names) or 'none'}."


def shown(value: Any) -> str:
    """Return a value as YAML writes it on one line, with true, false and null; not longer than a line takes."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def listed(names: Sequence[str]) -> str:
    """Return the names as a list in words, of many only the first."""
    if len(names) <= MOST_LISTED:
        return ", ".join(names) or "none"
    return f"{', '.join(names[:MOST_LISTED])} and {len(names) - MOST_LISTED:,} more"

"""A check that a name exists, with a suggestion if it does not."""

import difflib
from collections.abc import Iterable

from spurprune.errors import ConfigError


def require_known(value: str, allowed: Iterable[str], key: str, what: str) -> None:
    """Raise ConfigError unless ``value`` is among the allowed names; ``key`` starts the sentence, ``what`` says what it should name."""
    names = list(allowed)
    if value not in names:
        close = difflib.get_close_matches(value, names, n=1)
        guess = f" (did you mean '{close[0]}'?)" if close else ""
        raise ConfigError(f"{key} is not a known {what}{guess}; known are {', '.join(names) or 'none'}.")

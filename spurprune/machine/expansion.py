"""``~`` and environment variables in paths, as a shell replaces them."""

import os
import re

VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


class ExpansionError(Exception):
    """Why a path cannot be expanded: a clause without a full stop; ``remedy`` is what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def expand(path: str) -> str:
    """Return a path with a leading ``~`` or ``~user`` and all ``$NAME`` and ``${NAME}`` replaced.

    Raises ExpansionError for a variable that is not set or empty, and for a user without a home folder.
    """

    def value_of(found: re.Match[str]) -> str:
        name = found[1] if found[1] is not None else found[2]
        if not os.environ.get(name):
            raise ExpansionError(f"the environment variable '{name}' is not set", "set it or write the path out")
        return os.environ[name]

    found = VARIABLE.sub(value_of, path)
    if not path.startswith("~"):
        return found
    home = os.path.expanduser(found)  # noqa: PTH111 - Path would normalise the rest
    if home.startswith("~"):
        raise ExpansionError(f"'{found.split('/')[0]}' has no home folder", "write the path out")
    return home

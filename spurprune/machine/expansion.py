"""``~`` and environment variables in paths, as a shell replaces them."""

import os
import re

NAME = "[A-Za-z_][A-Za-z0-9_]*"
VARIABLE = re.compile(rf"\$(?:\{{([^}}]*)(\}}?)|({NAME}))")  # the name in braces, the closing brace, the name without braces


class ExpansionError(Exception):
    """Why a path cannot be expanded: a clause without a full stop; ``remedy`` is what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def expand(path: str) -> str:
    """Return a path with a leading ``~`` or ``~user`` and all ``$NAME`` and ``${NAME}`` replaced.

    Raises ExpansionError for a variable that is not set or empty, for braces that are not closed or hold no variable's name, and for a user
    without a home folder.
    """

    def value_of(found: re.Match[str]) -> str:
        braced, closed, bare = found.groups()
        if braced is not None and not closed:
            raise ExpansionError("a '${' is not closed", "write '${NAME}' or the path out")
        if braced is not None and not re.fullmatch(NAME, braced):
            raise ExpansionError(f"'{found[0]}' names no environment variable", "write '${NAME}' or the path out")
        name = bare or braced
        if not os.environ.get(name):
            state = "empty" if name in os.environ else "not set"
            raise ExpansionError(f"the environment variable '{name}' is {state}", "set it or write the path out")
        return os.environ[name]

    found = VARIABLE.sub(value_of, path)
    if not path.startswith("~"):
        return found
    home = os.path.expanduser(found)  # noqa: PTH111 - Path would normalise the rest
    if home.startswith("~"):
        raise ExpansionError(f"'{found.split('/')[0]}' has no home folder", "write the path out")
    return home

"""Paths in the configuration: which keys hold them, and ``~`` and environment variables in them."""

from collections.abc import Collection, Mapping
from typing import Any

from spurprune.config.reading import join
from spurprune.errors import ConfigError
from spurprune.machine import expansion
from spurprune.machine.expansion import ExpansionError

# All keys that hold paths, below the top level but for ``data``, or below a setting; "*" stands for any name or place.
OF_CONFIG = ("setting_files.*", "datasets.*.path", "datasets.*.vectors", "datasets.*.tokenizer")
OF_SETTING = ("model.pretrained",)


def expanded(value: Any, keys: tuple[str, ...], where: str) -> Any:
    """Return a block with the paths at some of its keys expanded, everything else as it is.

    ``keys`` are dotted, such as OF_CONFIG; ``where`` names the block. Raises ConfigError as ``expand`` does.
    """
    for key in keys:
        value = _expanded_at(value, key.split("."), where)
    return value


def expanded_data(data: Mapping[str, str], used: Collection[str]) -> dict[str, str]:
    """Return the datasets' folders expanded; one of no dataset that is ``used`` stays as it is if it cannot be. Raises ConfigError."""
    found = {}
    for name, path in data.items():
        try:
            found[name] = expand(path, f"data.{name}")
        except ConfigError:
            if name in used:
                raise
            found[name] = path
    return found


def _expanded_at(value: Any, parts: list[str], where: str) -> Any:
    if not parts:
        return expand(value, where) if isinstance(value, str) else value
    first, *rest = parts
    if isinstance(value, list) and first == "*":
        return [_expanded_at(inner, rest, join(where, str(place))) for place, inner in enumerate(value)]
    if isinstance(value, Mapping):
        return {name: _expanded_at(inner, rest, join(where, name)) if first in ("*", name) else inner for name, inner in value.items()}
    return value


def expand(path: str, where: str) -> str:
    """Return a path with a leading ``~`` or ``~user`` and all ``$NAME`` and ``${NAME}`` replaced, as a shell does.

    Raises ConfigError that begins with ``where`` for a variable that is not set or empty, for braces that are not closed or hold no
    variable's name, and for a user without a home folder.
    """
    try:
        return expansion.expand(path)
    except ExpansionError as error:
        raise ConfigError(f"{where} is '{path}', but {error}; {error.remedy}.") from None

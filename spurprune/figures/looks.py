"""What figures of analyses share: which analysis they read of each setting, and its check."""

from __future__ import annotations

from collections.abc import Iterable

from spurprune.errors import ConfigError
from spurprune.figures.kind import Configuration, Item


def named(item: Item) -> list[str]:
    """Return the analysis that a figure reads of each of its settings."""
    return [item["analysis"]]


def require(key: str, item: Item, settings: Iterable[str], kind: str, config: Configuration) -> None:
    """Raise ConfigError for a setting without the analysis that the item names, or with one of another kind; unknown settings may pass."""
    for setting in settings:
        known = config.settings[setting]["analyses"] if setting in config.settings else {item["analysis"]: {"kind": kind}}
        if known.get(item["analysis"], {}).get("kind") != kind:
            fitting = [name for name, block in known.items() if block["kind"] == kind]
            raise ConfigError(
                f"{key}.analysis is '{item['analysis']}', which is no analysis of kind {kind} of '{setting}'; name one of "
                f"{', '.join(fitting) or 'them once the setting has some'}."
            )

"""The validated configuration as one record."""

from dataclasses import dataclass, field
from typing import Any

from spurprune.data.registry import DatasetEntry


@dataclass(frozen=True)
class Config:
    """The validated configuration.

    ``settings`` maps every setting's name, a family's members included, to its complete block; ``families`` maps a family's name to
    its members' coordinates on the family's grid, in grid order. ``methods`` are complete entries. ``datasets`` holds what is known about
    every dataset, ``own_datasets`` the blocks of the user's own; ``chosen`` is what settings of these left out and ``recipes`` chose.
    """

    select: list[str]
    threads: int
    repeats_at_once: int
    damaged_images: str
    data: dict[str, str]
    studies: dict[str, dict[str, Any]]
    settings: dict[str, dict[str, Any]]
    methods: dict[str, dict[str, Any]]
    datasets: dict[str, DatasetEntry]
    own_datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    families: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    chosen: dict[str, dict[str, Any]] = field(default_factory=dict)

    def family(self, name: str) -> list[str]:
        """Return the names of a family's members, in grid order."""
        return list(self.families[name])

    def coordinates(self, setting: str) -> dict[str, Any]:
        """Return a setting's coordinates on its family's grid, such as {"overlay.width": 2}; empty for a setting without a family."""
        for members in self.families.values():
            if setting in members:
                return members[setting]
        return {}

"""The configuration: read strictly, merged with defaults, expanded, checked. Every mistake is one sentence that names its key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spurprune.config import checks, schema, settings
from spurprune.storage.canonical import canonical, config_hash

__all__ = ["Config", "canonical", "config_hash", "load"]


@dataclass(frozen=True)
class Config:
    """The validated configuration.

    ``settings`` maps every setting's name, a family's members included, to its complete block; ``families`` maps a family's name to
    its members' coordinates on the family's grid, in grid order.
    """

    select: list[str]
    threads: int
    repeats_at_once: int
    damaged_images: str
    data: dict[str, str]
    studies: dict[str, dict[str, Any]]
    settings: dict[str, dict[str, Any]]
    families: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def family(self, name: str) -> list[str]:
        """Return the names of a family's members, in grid order."""
        return list(self.families[name])

    def coordinates(self, setting: str) -> dict[str, Any]:
        """Return a setting's coordinates on its family's grid, such as {"feature.width": 2}; empty for a setting of its own."""
        for members in self.families.values():
            if setting in members:
                return members[setting]
        return {}


def load(raw: Mapping[str, Any], root: Path) -> Config:
    """Validate a raw configuration, as Snakemake merged it, and return it complete; raises ConfigError.

    ``root`` is the project's folder: setting files are looked up in the working directory first, then below ``root``.
    """
    schema.validate(raw, "config", where="")
    declared = settings.read_files(raw["setting_files"], root)
    blocks, families = settings.resolve(declared, raw["setting_defaults"])
    for name, block in blocks.items():
        schema.validate(block, "setting", where=name)
    config = Config(
        select=list(raw["select"]),
        threads=raw["threads"],
        repeats_at_once=raw["repeats_at_once"],
        damaged_images=raw["damaged_images"],
        data=dict(raw["data"]),
        studies=dict(raw["studies"]),
        settings=blocks,
        families=families,
    )
    checks.check(config)
    return config

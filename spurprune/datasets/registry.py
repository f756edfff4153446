"""The table of known datasets: classes, counts, sources and terms (``registry.yaml`` beside this file)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True)
class DatasetEntry:
    """One dataset of the registry; counts are those that the release declares."""

    title: str
    classes: list[str]
    train_class_counts: list[int]
    attributes: list[str]
    image_size: int
    channels: int
    embedded: bool
    source: str
    licence: str
    place: str = ""


@cache
def registry() -> dict[str, DatasetEntry]:
    """Return all known datasets by name."""
    text = Path(__file__).with_name("registry.yaml").read_text(encoding="utf-8")
    return {name: DatasetEntry(**entry) for name, entry in yaml.safe_load(text).items()}

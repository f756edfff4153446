"""The table of known datasets: classes, counts, sources and terms (``registry.yaml`` beside this file)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Download:
    """One file that a dataset's publisher offers: ``md5`` or ``sha256`` is the publisher's, ``size`` is in bytes.

    ``urls`` are mirrors, in the order in which they are tried; an archive is unpacked where ``unpack`` says so.
    """

    urls: tuple[str, ...]
    file: str
    unpack: bool
    size: int | None
    md5: str | None = None
    sha256: str | None = None

    @property
    def checksum(self) -> tuple[str, str]:
        """The algorithm's name and the checksum in hexadecimal digits."""
        if self.sha256 is not None:
            return "sha256", self.sha256
        if self.md5 is None:
            raise ValueError(f"{self.file} has no checksum in registry.yaml")
        return "md5", self.md5


@dataclass(frozen=True)
class DatasetEntry:
    """One dataset of the registry; counts are those that the release declares.

    ``channels`` is 0 where samples are token sequences; then ``image_size`` is their length in tokens.
    ``rankings`` are orders of its samples that the release comes with; ``downloads`` are the files that the workflow can fetch by
    itself; where there are none, a person must place the data.
    """

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
    rankings: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether samples are token sequences, not images."""
        return self.channels == 0


@cache
def registry() -> dict[str, DatasetEntry]:
    """Return all known datasets by name."""
    text = Path(__file__).with_name("registry.yaml").read_text(encoding="utf-8")
    return {name: _entry(**fields) for name, fields in yaml.safe_load(text).items()}


def _entry(downloads: list[dict[str, Any]] | None = None, **fields: Any) -> DatasetEntry:
    found = tuple(Download(**{**one, "urls": tuple(one["urls"])}) for one in downloads or ())
    return DatasetEntry(**fields, downloads=found)

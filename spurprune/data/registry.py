"""The declared datasets: classes, counts, sources and licences (``registry.yaml`` beside this file)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from spurprune.data.grouping import Attribute

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the latter takes a tenth of the configuration's time


@dataclass(frozen=True)
class Download:
    """A file that a dataset's publisher offers; ``md5`` or ``sha256`` is the publisher's checksum, ``size`` is in bytes.

    ``urls`` are mirrors, tried in order; ``unpack`` says whether the file is an archive to unpack. Only an archive may have no checksum:
    the dataset's reader then decides by what is in it.
    """

    urls: tuple[str, ...]
    file: str
    unpack: bool
    size: int | None
    md5: str | None = None
    sha256: str | None = None

    @property
    def checksum(self) -> tuple[str, str] | None:
        """The algorithm's name and the checksum in hexadecimal digits, None if the publisher gives none."""
        if self.sha256 is not None:
            return "sha256", self.sha256
        return None if self.md5 is None else ("md5", self.md5)


@dataclass(frozen=True)
class DatasetEntry:
    """What is known about a dataset before it is read; counts are those that the release declares.

    ``kind`` is "images", "sentences" or "vectors"; ``channels`` is None unless samples are images. ``image_size`` is in pixels or tokens,
    None where a setting chooses it or samples keep their size. ``classes``, ``train_class_counts`` (in class order) and
    ``attributes`` are None if only the data can tell. ``rankings`` names orderings of the samples that come with the release;
    ``downloads`` are the files that the workflow can fetch; if there are none, the user must supply the data. ``validated`` and ``tested``
    are False if there certainly is no validation or test split.
    """

    title: str
    kind: str
    classes: list[str] | None
    train_class_counts: list[int] | None
    attributes: tuple[Attribute, ...] | None
    image_size: int | None
    embedded: bool
    source: str
    licence: str
    channels: int | None = None
    place: str = ""
    rankings: tuple[str, ...] = ()
    downloads: tuple[Download, ...] = ()
    validated: bool = True
    tested: bool = True


@cache
def registry() -> dict[str, DatasetEntry]:
    """Return all declared datasets by name."""
    text = Path(__file__).with_name("registry.yaml").read_text(encoding="utf-8")
    return {name: _entry(**fields) for name, fields in yaml.load(text, Loader=LOADER).items()}  # noqa: S506 - a safe loader


def _entry(attributes: Mapping[str, Any], downloads: list[dict[str, Any]] | None = None, **fields: Any) -> DatasetEntry:
    named = tuple(Attribute.of(name, one["values"], one.get("phrase")) for name, one in attributes.items())
    offered = tuple(Download(**{**one, "urls": tuple(one["urls"])}) for one in downloads or ())
    return DatasetEntry(**fields, attributes=named, downloads=offered)

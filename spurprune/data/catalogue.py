"""All datasets that a setting can name: those declared in the registry, and the user's own (blocks of ``datasets``)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spurprune.dag import plugins
from spurprune.data.registry import DatasetEntry, registry
from spurprune.errors import ConfigError

PLAIN, ENCODED = "plain", "encoded"  # how images are stored

# Options of every reader, beside its own.
COMMON_OPTIONS: Mapping[str, Any] = {
    "reader": True,
    "duplicates": {"enum": ["stop", "keep"]},
    "storage": {"enum": [PLAIN, ENCODED]},
}

Own = Mapping[str, Mapping[str, Any]]  # the configuration's ``datasets``: a block by name


def names(own: Own) -> list[str]:
    """Return the names of all datasets, the declared ones first."""
    return [*registry(), *own]


def check(own: Own) -> None:
    """Raise ConfigError for the first block of ``datasets`` that passes the schema but cannot be read."""
    for name, block in own.items():
        if name in registry():
            raise ConfigError(f"datasets.{name} has the name of a declared dataset; choose another name.")
        reader = plugins.load("readers", block["reader"])
        reader.check(block, f"datasets.{name}")
        if block.get("storage") == ENCODED and (kind := reader.kind(block)) != "images":
            raise ConfigError(f"datasets.{name}.storage is {ENCODED}, which is for images, but '{name}' holds {kind}; remove it.")


def dataset_entry(name: str, own: Own) -> DatasetEntry:
    """Return what is known about a dataset before it is read; ``name`` is one of ``names(own)``."""
    if name not in own:
        return registry()[name]
    block = own[name]
    kind = plugins.load("readers", block["reader"]).kind(block)
    return DatasetEntry(
        title=name,
        kind=kind,
        classes=None,
        train_class_counts=None,
        attributes=None,
        image_size=None,
        embedded=True,  # its block gives the path, so ``data`` has no entry
        source=block["path"],
        licence="the user's own data",
        channels=3 if kind == "images" else None,
        validated=plugins.load("readers", block["reader"]).validated(block),
        tested=plugins.load("readers", block["reader"]).tested(block),
    )


def plugin(name: str, own: Own) -> tuple[str, str]:
    """Return (kind, name) of the plugin that reads a dataset."""
    return ("readers", own[name]["reader"]) if name in own else ("datasets", name)


def files(name: str, own: Own) -> list[Path]:
    """Return the existing files of a user's own dataset whose edits make it stale; none for a declared dataset."""
    found: list[Path] = plugins.load("readers", own[name]["reader"]).files(own[name]) if name in own else []
    return found


def originals(name: str, own: Own) -> Path | None:
    """Return the folder below which a user's own samples' keys are paths of image files; else None."""
    found: Path | None = plugins.load("readers", own[name]["reader"]).originals(own[name]) if name in own else None
    return found


def own_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration's ``datasets``, built from the readers' schemas."""
    readers = plugins.names("readers")
    return {
        "type": "object",
        "propertyNames": {"pattern": "[a-z0-9_]{1,60}", "x-allowed": "lower-case letters, digits and '_', at most 60 characters"},
        "additionalProperties": {
            "type": "object",
            "required": ["reader"],
            "properties": {"reader": {"enum": readers}},
            "allOf": [
                {
                    "if": {"required": ["reader"], "properties": {"reader": {"const": reader}}},
                    "then": _with_reader(plugins.declared("readers", reader, "OPTIONS")),
                }
                for reader in readers
            ],
        },
    }


def _with_reader(options: Mapping[str, Any]) -> dict[str, Any]:
    return {**options, "properties": {**COMMON_OPTIONS, **options["properties"]}}

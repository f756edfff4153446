"""Loading a configuration: read strictly, merged with defaults, expanded, checked. Every mistake is one sentence that names its key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spurprune.config import check_methods, check_settings, check_studies, methods, schema, settings
from spurprune.config.config import Config
from spurprune.dag import plugins
from spurprune.data.registry import DatasetEntry, dataset_entry, registry
from spurprune.errors import ConfigError


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
        settings={name: _with_partition_defaults(block) for name, block in blocks.items()},
        methods={name: _with_option_defaults(methods.complete(entry)) for name, entry in raw["methods"].items()},
        datasets=_datasets(raw["datasets"]),
        own_datasets=dict(raw["datasets"]),
        families=families,
    )
    for name, setting in config.settings.items():
        check_settings.check(name, setting, config)
    for name, entry in config.methods.items():
        check_methods.check(name, entry, config)
    check_studies.check(config)
    return config


def _with_partition_defaults(setting: dict[str, Any]) -> dict[str, Any]:
    partitions = {name: {**schema.defaults_of("partitions", block["kind"]), **block} for name, block in setting["partitions"].items()}
    return setting | {"partitions": partitions}


def _with_option_defaults(entry: dict[str, Any]) -> dict[str, Any]:
    kind = "refinements" if entry["kind"] in plugins.names("refinements") else "methods"
    return entry | {"options": {**schema.defaults_of(kind, entry["kind"]), **entry["options"]}}


def _datasets(own: Mapping[str, Mapping[str, Any]]) -> dict[str, DatasetEntry]:
    """Return what is known of every dataset; raises ConfigError if a user's own has a declared one's name."""
    for name in own:
        if name in registry():
            raise ConfigError(f"datasets.{name} has the name of a declared dataset; choose another.")
    return dict(registry()) | {name: dataset_entry(name, block) for name, block in own.items()}

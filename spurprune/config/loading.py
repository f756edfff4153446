"""Loading a configuration: read strictly, merged with defaults, expanded, checked. Every mistake is one sentence that names its key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spurprune.config import (
    advising,
    check_advice,
    check_methods,
    check_requirements,
    check_runs_behind,
    check_settings,
    check_studies,
    methods,
    paths,
    recipes,
    schema,
    settings,
)
from spurprune.config.config import Config
from spurprune.config.known import require_known
from spurprune.config.reading import require_plain
from spurprune.dag import plugins
from spurprune.data import catalogue
from spurprune.data.registry import registry


def load(raw: Mapping[str, Any], root: Path) -> Config:
    """Validate a raw configuration, as merged by Snakemake, and return it complete; raises ConfigError at the first mistake.

    ``root`` is the project's folder: setting files are looked up in the working directory first, then below ``root``.
    """
    require_plain(raw, "")
    schema.validate(raw, "config", where="")
    schema.validate_partial(raw["setting_defaults"], "setting_defaults")
    for name, entry in raw["methods"].items():
        schema.validate_partial(entry.get("training", {}), f"methods.{name}.training", part="training")
    raw = paths.expanded(raw, paths.OF_CONFIG, "")
    catalogue.check(raw["datasets"])
    declared = settings.read_files(raw["setting_files"], root, raw.get("settings", {}))
    for name, block in declared.items():
        schema.require_setting_keys(block, name, settings.RESOLVED)
    blocks, families = settings.resolve(declared, raw["setting_defaults"])
    blocks, chosen = _with_recipes(blocks, raw["datasets"])
    for name, block in (*blocks.items(), *settings.other_variants(declared, raw["setting_defaults"])):
        schema.validate(_with_recipes({name: block}, raw["datasets"])[0][name], "setting", where=name)
    blocks = {name: paths.expanded(advising.completed(block), paths.OF_SETTING, name) for name, block in blocks.items()}
    config = Config(
        select=list(raw["select"]),
        threads=raw["threads"],
        repeats_at_once=raw["repeats_at_once"],
        damaged_images=raw["damaged_images"],
        data=paths.expanded_data(raw["data"], {block["dataset"] for block in blocks.values()}),
        studies=dict(raw["studies"]),
        settings={name: _with_plugin_defaults(block) for name, block in blocks.items()},
        methods={name: _with_option_defaults(entry) for name, entry in methods.expanded(raw["methods"]).items()},
        datasets={name: catalogue.dataset_entry(name, raw["datasets"]) for name in catalogue.names(raw["datasets"])},
        own_datasets=dict(raw["datasets"]),
        families=families,
        chosen=chosen,
    )
    for name in config.data:
        require_known(name, registry(), f"data.{name}", "dataset with a folder")
    check_advice.check_validated(config)
    for name, setting in config.settings.items():
        check_settings.check(name, setting, config)
    for name, entry in config.methods.items():
        check_methods.check(name, entry, config)
    for name, entry in config.methods.items():
        check_requirements.check(name, entry, config)
    check_advice.check(config)
    check_runs_behind.check(config)
    check_studies.check(config)
    check_advice.check_runs(config)
    return config


def _with_recipes(blocks: Mapping[str, Any], own: catalogue.Own) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return (the settings, those of users' own data with the recipe that they leave out; by their names, what that is)."""
    found = dict(blocks)
    chosen: dict[str, dict[str, Any]] = {}
    for name, block in blocks.items():
        dataset = block.get("dataset")
        if isinstance(dataset, str) and dataset in own:
            kind = catalogue.dataset_entry(dataset, own).kind
            found[name], added = recipes.completed(block, kind, own[dataset].get("tokenizer"))
            chosen |= {name: added} if added else {}
    return found, chosen


def _with_plugin_defaults(setting: dict[str, Any]) -> dict[str, Any]:
    return setting | {
        key: {name: {**plugins.defaults(key, block["kind"]), **block} for name, block in setting[key].items()}
        for key in ("partitions", "analyses")
    }


def _with_option_defaults(entry: dict[str, Any]) -> dict[str, Any]:
    kind = "refinements" if entry["kind"] in plugins.names("refinements") else "methods"
    return entry | {"options": {**plugins.defaults(kind, entry["kind"]), **entry["options"]}}

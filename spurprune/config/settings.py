"""Setting files: read strictly, then ``extends`` resolved and ``grid`` expanded into a family of settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from spurprune.config.grids import points
from spurprune.config.merging import merge, put
from spurprune.errors import ConfigError, first_sentence

try:
    from yaml import CSafeLoader as BaseLoader
except ImportError:  # PyYAML without libyaml
    from yaml import SafeLoader as BaseLoader  # type: ignore[assignment]


class StrictLoader(BaseLoader):
    """A YAML loader that rejects repeated keys instead of keeping the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; raises ConfigError for a repeated key."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                mark = key_node.start_mark
                raise ConfigError(f"{mark.name}, line {mark.line + 1}: '{key}' is declared twice; rename or remove one.")
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping; raises ConfigError if the file is missing, not readable, not valid YAML, not a mapping, or repeats a key."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.load(stream, Loader=StrictLoader)  # noqa: S506 - a subclass of the safe loader
    except FileNotFoundError:
        raise ConfigError(f"The file {path} does not exist; create it or correct 'setting_files'.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({first_sentence(error)}); give a readable file of UTF-8 text.") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {first_sentence(error)}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold a mapping from names to blocks.")
    return content


def read_files(paths: Sequence[str], root: Path) -> dict[str, dict[str, Any]]:
    """Return all settings declared in the files; raises ConfigError if two share a name."""
    declared: dict[str, dict[str, Any]] = {}
    origin: dict[str, str] = {}
    for name in paths:
        path = Path(name) if Path(name).exists() else root / name
        for setting, block in read_yaml(path).items():
            if setting in declared:
                raise ConfigError(f"The setting '{setting}' is declared in {origin[setting]} and again in {name}; rename one.")
            if not isinstance(block, dict):
                raise ConfigError(f"{name}: the setting '{setting}' must be a mapping.")
            declared[setting], origin[setting] = block, name
    return declared


def resolve(
    declared: Mapping[str, dict[str, Any]], defaults: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, dict[str, Any]]]]:
    """Return (settings, families): every setting complete, every ``grid`` expanded into members named after their coordinates."""
    settings: dict[str, dict[str, Any]] = {}
    families: dict[str, dict[str, dict[str, Any]]] = {}
    for name in declared:
        block = _as_variant(name, _inherit(name, declared, defaults, ()))
        grid = declared[name].get("grid")
        if grid is None:
            settings[name] = block
            continue
        if not isinstance(grid, dict) or not all(isinstance(v, list) and v for v in grid.values()):
            raise ConfigError(f"{name}.grid must map dotted keys to lists of values, such as 'carriers.count: [10, 20]'.")
        for key, values in grid.items():
            if any(value in values[:place] for place, value in enumerate(values)):
                raise ConfigError(f"{name}.grid.{key} is {values}, which names a value twice; remove one.")
        families[name] = {}
        for point, coordinates in points(grid).items():
            member = f"{name}.{point}" if point else name
            if member in settings or (member in declared and member != name):
                raise ConfigError(f"The setting '{member}' is also a member of the family '{name}'; rename one.")
            settings[member] = put(block, coordinates, name)
            families[name][member] = coordinates
    return settings, families


def _inherit(name: str, declared: Mapping[str, dict[str, Any]], defaults: Mapping[str, Any], chain: tuple[str, ...]) -> dict[str, Any]:
    if name in chain:
        raise ConfigError(f"{chain[0]}.extends leads back to itself ({' → '.join([*chain, name])}); remove one of these.")
    block = declared[name]
    base_name = block.get("extends")
    if base_name is not None and base_name not in declared:
        raise ConfigError(f"{name}.extends is '{base_name}', which is not a setting; known are {', '.join(declared)}.")
    base = defaults if base_name is None else _inherit(base_name, declared, defaults, (*chain, name))
    own = {key: value for key, value in block.items() if key not in ("extends", "grid")}
    return merge(base, own)


def _as_variant(name: str, block: dict[str, Any]) -> dict[str, Any]:
    """Return the block with its chosen variant merged in; ``variant`` is null in a setting without ``variants``."""
    variants = block.pop("variants", None)
    if variants is None:
        return block | {"variant": None}
    if block["variant"] not in variants:
        raise ConfigError(f"{name}.variant is '{block['variant']}', which is not declared; choose one of {', '.join(variants)}.")
    changed = merge(block, variants[block["variant"]])
    return changed | {"description": f"{changed['description']} ({block['variant']} variant)"}

"""Setting files: read strictly, then ``extends`` and ``original`` resolved and ``grid`` expanded into a family of settings."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spurprune.config import grids, originals
from spurprune.config.known import require_known, shown
from spurprune.config.merging import merge, put
from spurprune.config.reading import read_yaml
from spurprune.errors import ConfigError

Block = dict[str, Any]

NAME = r"[a-z0-9][A-Za-z0-9_.-]{0,149}"  # of a setting: it names folders and, with endings, files, which may have 255 bytes
NAME_IN_WORDS = "letters, digits, '.', '-' and '_', a lower-case letter or a digit first, at most 150 characters"
RESOLVED = ("extends", "original", "grid", "variants")  # the keys of a setting that are gone once it is complete
INLINE = "the key 'settings'"  # what messages call the place of settings that no file declares
MOST_SETTINGS = 5_000  # families' members included
LONGEST_CHAIN = 50  # of settings that extend each other


def read_files(paths: Sequence[str], root: Path, inline: Mapping[str, Any] = MappingProxyType({})) -> dict[str, dict[str, Any]]:
    """Return all settings, those in the files and those that stand ``inline`` in the configuration itself.

    Raises ConfigError if two share a name or one is malformed.
    """
    declared: dict[str, dict[str, Any]] = {}
    origin: dict[str, str] = {}
    for name, blocks in (*((name, _in_file(name, root)) for name in paths), (INLINE, inline)):
        for setting, block in blocks.items():
            if setting in declared:
                raise ConfigError(f"The setting '{setting}' is declared in {origin[setting]} and again in {name}; rename one.")
            if not isinstance(block, dict):
                raise ConfigError(f"{name}: the setting '{setting}' must be a mapping.")
            _check_declared(setting, block)
            declared[setting], origin[setting] = block, name
    return declared


def _in_file(name: str, root: Path) -> dict[str, Any]:
    path = Path(name) if os.path.exists(name) else root / name  # noqa: PTH110 - false, not an error, for a name no file can have
    return read_yaml(path)


def _check_declared(name: str, block: Block) -> None:
    """Check what is resolved before a setting meets the schema: its name, ``extends``, ``variants`` and ``grid``."""
    if not re.fullmatch(NAME, name):
        raise ConfigError(f"The setting '{name[:60]}' cannot be a folder name; use {NAME_IN_WORDS}.")
    extended = block.get("extends")
    if extended is not None and not isinstance(extended, str):
        raise ConfigError(f"{name}.extends is {shown(extended)}, but must be the name of one setting.")
    variants = block.get("variants")
    variants = {} if variants is None else variants  # null: without those of the setting that it extends
    if not isinstance(variants, dict):
        raise ConfigError(f"{name}.variants is {shown(variants)}, but must map names to keys that differ, such as 'paper: {{}}'.")
    for variant, keys in variants.items():
        if not isinstance(keys, dict):
            raise ConfigError(f"{name}.variants.{variant} is {shown(keys)}, but must be a mapping of keys that differ, such as {{}}.")
        for key in ("extends", "original", "grid", "variant", "variants"):
            if key in keys:
                raise ConfigError(f"{name}.variants.{variant}.{key} cannot differ between variants; move it to '{name}'.")
    if block.get("grid") is not None:
        _check_grid(name, block["grid"])


def _check_grid(name: str, grid: Any) -> None:
    if not isinstance(grid, dict) or not grid or not all(isinstance(values, (list, dict)) and values for values in grid.values()):
        raise ConfigError(
            f"{name}.grid must map dotted keys to lists of values, such as 'carriers.count: [10, 20]', or to named blocks, such as "
            "'overlay: {thin: {width: 1}, thick: {width: 3}}'."
        )
    for dotted, values in grid.items():
        for named, block in values.items() if isinstance(values, dict) else ():
            if not isinstance(block, dict):
                where = f"{name}.grid.{dotted}.{named} is {shown(block)}"
                raise ConfigError(f"{where}, but must be a mapping of keys that differ, such as {{}}.")
        if dotted.split(".")[0] in ("extends", "original", "grid", "variant", "variants", "description"):
            raise ConfigError(f"{name}.grid: '{dotted}' is not a key that a family can vary; declare a setting for each value.")
    grids.check(f"{name}.grid", _values(grid), "members")


def _values(grid: Block) -> dict[str, list[Any]]:
    """Return a grid's values by key, those of named blocks being the names."""
    return {dotted: list(values) for dotted, values in grid.items()}


def resolve(declared: Mapping[str, Block], defaults: Block) -> tuple[dict[str, Block], dict[str, dict[str, Block]]]:
    """Return (settings, families): every setting complete, every ``grid`` expanded into members named after their coordinates.

    Raises ConfigError for what cannot be resolved and for members whose names are taken or no folder's.
    """
    settings: dict[str, Block] = {}
    families: dict[str, dict[str, Block]] = {}
    for name in declared:
        block = _as_variant(name, _inherit(name, declared, defaults, ()))
        if block["variant"] is None and declared[name].get("variant") is not None:
            raise ConfigError(f"{name}.variant is '{declared[name]['variant']}', but the setting has no variants; remove it.")
        grid = declared[name].get("grid")
        if grid is None:
            settings[name] = block
            continue
        families[name] = {}
        for point, coordinates in grids.points(_values(grid)).items():
            member = f"{name}.{point}"
            if member in settings or member in declared:
                raise ConfigError(f"The setting '{member}' is also a member of the family '{name}'; rename one.")
            if not re.fullmatch(NAME, member):
                raise ConfigError(f"{name}.grid: the member '{member[:160]}' cannot be a folder name; use {NAME_IN_WORDS}.")
            settings[member] = _placed(block, coordinates, grid, name)
            families[name][member] = coordinates
        if len(settings) > MOST_SETTINGS:
            raise ConfigError(f"There are more than {MOST_SETTINGS:,} settings, the members of families included; declare fewer.")
    _check_folders(settings)
    return settings, families


def _placed(block: Block, coordinates: Mapping[str, Any], grid: Block, name: str) -> Block:
    """Return a family's member: the block with the values of its coordinates, named blocks being merged over what is there."""
    placed = put(block, {dotted: value for dotted, value in coordinates.items() if isinstance(grid[dotted], list)}, name)
    for dotted, value in coordinates.items():
        if isinstance(grid[dotted], dict):
            placed = merge(placed, reduce(lambda over, key: {key: over}, reversed(dotted.split(".")), grid[dotted][value]))
    return placed


def other_variants(declared: Mapping[str, Block], defaults: Block) -> Iterator[tuple[str, Block]]:
    """Yield (name for messages, complete block without its grid) of every variant that is declared but not chosen."""
    for name, block in declared.items():
        if block.get("variants"):
            whole = _inherit(name, declared, defaults, ())
            for variant in block["variants"]:
                if variant != whole.get("variant"):
                    yield f"{name}.variants.{variant}", _as_variant(name, whole | {"variant": variant})


def _check_folders(settings: Mapping[str, Block]) -> None:
    """Raise ConfigError for two settings whose folders are one where upper and lower case are the same."""
    seen: dict[str, str] = {}
    for name in settings:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ConfigError(f"The settings '{other}' and '{name}' differ in upper and lower case only; rename one.")


def _inherit(name: str, declared: Mapping[str, Block], defaults: Block, chain: tuple[str, ...]) -> Block:
    if name in chain:
        raise ConfigError(f"{chain[0]}.extends leads back to itself ({' → '.join([*chain, name])}); remove one of these.")
    if len(chain) > LONGEST_CHAIN:
        raise ConfigError(f"{chain[0]}.extends leads to '{name}' by more than {LONGEST_CHAIN} steps; extend a setting closer to it.")
    block = declared[name]
    base_name = block.get("extends")
    if base_name is not None:
        require_known(base_name, declared, f"{name}.extends: '{base_name}'", "setting")
    base = defaults if base_name is None else _inherit(base_name, declared, defaults, (*chain, name))
    if block.get("original") is not None:
        base = merge(base, originals.keys_of(name, block["original"]))
    own = {key: value for key, value in block.items() if key not in ("extends", "original", "grid")}
    return merge(base, own)


def _as_variant(name: str, block: Block) -> Block:
    """Return the block with its chosen variant merged in; ``variant`` is null in a setting without ``variants``."""
    block = dict(block)
    variants = block.pop("variants", None)
    variant = block.get("variant")
    if variant is not None and not isinstance(variant, str):
        raise ConfigError(f"{name}.variant is {shown(variant)}, but must be the name of one variant.")
    if not variants:
        return block | {"variant": None}
    if variant not in variants:
        raise ConfigError(f"{name}.variant is '{variant}', which is not declared; choose one of {', '.join(variants)}.")
    changed = merge(block, variants[variant])
    described = changed.get("description")
    return changed | ({"description": f"{described} ({variant} variant)"} if isinstance(described, str) else {})

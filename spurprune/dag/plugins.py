"""Modules chosen by name in the configuration: readers, overlays, networks, methods, scores, strategies, figures, tables and others.

They are loaded by name rather than imported, so that a change to one reader or score affects only its users: the workflow hashes a
stage's code together with the plugins that its configuration names (see ``spurprune.dag.codehash``).
"""

import ast
import importlib
import pkgutil
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import spurprune
from spurprune.errors import ConfigError

# The subpackage of each kind of plugin.
FOLDERS = {
    "datasets": "data.datasets",
    "readers": "data.readers",
    "overlays": "overlays",
    "models": "models.networks",
    "methods": "methods",
    "requirements": "config.requirements",
    "refinements": "refinements",
    "scores": "difficulty.scores",
    "strategies": "pruning.strategies",
    "partitions": "partitions",
    "analyses": "analyses",
    "figures": "figures.kinds",
    "tables": "tables.kinds",
}


@cache
def names(kind: str) -> list[str]:
    """Return the names of all plugins of one kind, sorted, without importing them."""
    return sorted(module.name for module in pkgutil.iter_modules([str(_folder(kind))]))


def module_name(kind: str, name: str) -> str:
    """Return the dotted module name of a plugin; raises ConfigError if there is none of that name."""
    if name not in names(kind):
        raise ConfigError(f"There is no '{name}' among the {kind}; known are {', '.join(names(kind))}.")
    return f"{spurprune.__name__}.{FOLDERS[kind]}.{name}"


def _folder(kind: str) -> Path:
    """Return where the plugins of one kind lie; their package is not imported, since its code would have to be hashed."""
    return Path(spurprune.__path__[0], *FOLDERS[kind].split("."))


def load(kind: str, name: str) -> ModuleType:
    """Import and return one plugin module; raises ConfigError if there is none of that name."""
    return importlib.import_module(module_name(kind, name))


def declared(kind: str, name: str, constant: str, default: Any = None) -> Any:
    """Return a literal assigned at a plugin's top level, such as OPTIONS, without importing the plugin; raises ConfigError as above.

    Networks and methods import torch, which checking the configuration must not.
    """
    return _literals(kind, name).get(constant, default)


@cache
def _literals(kind: str, name: str) -> dict[str, Any]:
    path = _folder(kind) / f"{module_name(kind, name).rpartition('.')[2]}.py"
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                with suppress(ValueError):  # not a literal
                    found[target.id] = ast.literal_eval(value)
    return found


def defaults(kind: str, name: str) -> dict[str, Any]:
    """Return the defaults that a plugin declares for its options; raises ConfigError as above."""
    return {option: schema["default"] for option, schema in declared(kind, name, "OPTIONS", {}).items() if "default" in schema}

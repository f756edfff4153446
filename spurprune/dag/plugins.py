"""Modules chosen by name in the configuration: readers, features, networks, methods, scores, figures, tables.

They are loaded by name and not imported by their neighbours, so that a change of one reader or score is a change for its own users
only: the workflow hashes a stage's code together with the plugins that its configuration names (see ``spurprune.dag.codehash``).
"""

import importlib
import pkgutil
from types import ModuleType

import spurprune
from spurprune.errors import ConfigError

# Where the plugins of each kind lie within the package.
FOLDERS = {
    "datasets": "data.datasets",
    "overlays": "overlays",
    "models": "models.networks",
    "methods": "methods",
    "refinements": "refinements",
    "scores": "difficulty.scores",
    "figures": "figures.kinds",
    "tables": "tables.kinds",
}


def names(kind: str) -> list[str]:
    """Return the names of all plugins of one kind, sorted, without importing them."""
    package = importlib.import_module(f"{spurprune.__name__}.{FOLDERS[kind]}")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def module_name(kind: str, name: str) -> str:
    """Return the dotted module name of a plugin; raises ConfigError if there is none of that name."""
    if name not in names(kind):
        raise ConfigError(f"There is no '{name}' among the {kind}; known are {', '.join(names(kind))}.")
    return f"{spurprune.__name__}.{FOLDERS[kind]}.{name}"


def load(kind: str, name: str) -> ModuleType:
    """Import and return one plugin module; raises ConfigError if there is none of that name."""
    return importlib.import_module(module_name(kind, name))

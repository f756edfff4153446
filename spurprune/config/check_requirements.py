"""Checks of what a method's kind requires, as its module in ``spurprune.config.requirements`` says."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from spurprune.config import methods, schema
from spurprune.config.config import Config
from spurprune.dag import plugins
from spurprune.errors import ConfigError
from spurprune.pruning import plan as plans

DOES = {plans.KEPT: "keeps or prunes samples", plans.COPIED: "repeats samples", plans.DRAWN: "draws its visits"}


def check(name: str, entry: Mapping[str, Any], config: Config) -> None:
    """Check an entry by itself, its plans and those of its candidates included, once all entries are checked; raises ConfigError.

    What it leaves to the settings is checked for each in which it runs.
    """
    if _required(entry["kind"]) is None:
        return
    key = f"methods.{name}"
    check_plan(f"{key}.plan", entry["plan"], entry["kind"], config)
    for plan in methods.plans_of(entry):
        check_plan(f"{key}.grid.plan", plan, entry["kind"], config)
    for candidate, coordinates in (methods.candidates(entry) or {"": {}}).items():
        where = f"{key}, candidate {candidate}: " if candidate else f"{key}."
        tuned = methods.at(entry, coordinates)
        schema.validate_partial(tuned["training"], f"{where}training", part="training")
        check_recipe(where, entry["kind"], tuned["options"], tuned["training"])


def check_recipe(where: str, kind: str, options: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    """Raise ConfigError that begins with ``where`` if a method's options do not fit the recipe, of which any key may be missing."""
    required = _required(kind)
    if required is not None:
        required.check(where, options, training)


def check_plan(key: str, name: str, kind: str, config: Config) -> None:
    """Raise ConfigError that begins with ``key`` unless a method takes a plan and, if a method chooses it, all those to choose among."""
    required, chosen_by = _required(kind), plans.parse(name).method
    if required is None:
        return
    for one in [name] if chosen_by is None else methods.plans_of(config.methods[chosen_by]):
        does = plans.weights_of(plans.parse(one))
        if does not in required.WEIGHTS:
            which = "" if chosen_by is None else f", among which '{chosen_by}' chooses,"
            raise ConfigError(f"{key}: '{one}'{which} {DOES[does]}, but '{kind}' takes only {required.PLANS}; choose another plan.")


def check_partition(key: str, partition: str, kind: str, setting: str, config: Config) -> None:
    """Raise ConfigError that begins with ``key`` unless a method takes a partition of a setting, which must be known."""
    required = _required(kind)
    if required is None or not required.PARTITIONS:
        return
    found = partition if partition == plans.CLASS else config.settings[setting]["partitions"][partition]["kind"]
    if found not in required.PARTITIONS:
        raise ConfigError(
            f"{key} is '{partition}', in '{setting}' a partition of kind {found}, but '{kind}' takes only those of kind "
            f"{' or '.join(required.PARTITIONS)}; name such a partition."
        )


def _required(kind: str) -> ModuleType | None:
    return plugins.load("requirements", kind) if kind in plugins.names("requirements") else None

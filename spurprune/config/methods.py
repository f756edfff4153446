"""Method entries: a kind with options, a plan, overrides of the training recipe, and a grid of candidates to choose among."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from spurprune.config import grids
from spurprune.config.merging import merge
from spurprune.errors import ConfigError
from spurprune.pruning import plan as plans
from spurprune.storage.words import RULES

PLAN = "plan"  # the grid's key whose values are plans
STEPS_OF = "steps_of"  # the option whose value is a plan
LAST, BEST = "last", "best_validation"  # which epoch's network a run ends with
DEFAULTS: Mapping[str, Any] = {
    "from": None,
    "from_plan": None,
    "plan": "none",
    "options": {},
    "training": {},
    "epoch": LAST,
    "by": RULES[0],
    "grid": {},
    "tuning": None,
}


def complete(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with its defaults filled in."""
    return merge(DEFAULTS, entry)


def expanded(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return complete entries, one for every rule that an entry's ``by`` lists: the first keeps its name, others end in "_by_RULE".

    Where an entry names another that has several rules, the expanded entry names that of its own rule if there is one, else the first.
    ``base`` is the name of the entry as given. ``candidates_of`` names the expanded entry whose tuning runs an entry compares: the first of
    the same base that tunes the same, unless the rule also chooses the epoch, which makes the runs differ. Raises ConfigError if a name is
    taken.
    """
    whole = {name: complete(given) for name, given in entries.items()}
    names = {name: _names(name, entry) for name, entry in whole.items()}
    found: dict[str, dict[str, Any]] = {}
    for name, entry in whole.items():
        for rule, own in names[name].items():
            if own in found or (own != name and own in entries):
                raise ConfigError(f"methods.{own} has the name of methods.{name} by its rule {rule}; rename one.")
            one = _referring(entry, partial(_by_rule, rule, names))
            alike = (other for other in names[name].values() if other in found and _named(found[other]) == _named(one))
            shared = next(alike, own) if entry["epoch"] == LAST else own
            found[own] = {**one, "by": rule, "base": name, "candidates_of": shared}
    return found


def _names(name: str, entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of an entry's expanded entries by their rules."""
    rules = entry["by"] if isinstance(entry["by"], list) else [entry["by"]]
    return {rule: name if rule == rules[0] else f"{name}_by_{rule}" for rule in rules}


def _by_rule(rule: str, names: Mapping[str, Mapping[str, str]], name: str) -> str:
    """Return the expanded entry of a rule that stands for an entry: the first, of the entry's own name, if it has no such rule."""
    return names.get(name, {}).get(rule, name)


def _referring(entry: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    """Return a complete entry in which the other entries that it names are renamed, by themselves and in plans."""

    def of_plan(name: Any) -> Any:
        return plans.renamed(name, rename) if isinstance(name, str) else name  # what is no text is refused later

    def of_point(point: Mapping[str, Any]) -> dict[str, Any]:
        return {key: _each(of_plan, value) if key == PLAN else value for key, value in point.items()}

    options = {key: of_plan(value) if key == STEPS_OF else value for key, value in entry["options"].items()}
    source = None if entry["from"] is None else rename(entry["from"])
    return {**entry, "from": source, "plan": of_plan(entry["plan"]), "options": options, "grid": _each(of_point, entry["grid"])}


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """Return a changed value or, of a list, each of its values changed."""
    return [change(one) for one in value] if isinstance(value, list) else change(value)


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an entry that may differ between its rules and decides its tuning runs."""
    return {key: entry[key] for key in ("from", "plan", "options", "grid")}


def names_the_same(entry: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two expanded entries of one base name the same entries, so that only their rules differ."""
    return _named(entry) == _named(other)


def deciding(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a complete entry that decides a run's result; ``epoch`` is "last", or the rule that chooses the epoch.

    The plan is not among it, since a run's path names it.
    """
    chosen_by = entry["by"] if entry["epoch"] == BEST else LAST
    return {key: entry[key] for key in ("kind", "from", "options", "training")} | {"epoch": chosen_by}


def budget(entry: Mapping[str, Any]) -> int:
    """Return among how many configurations a method chooses, 1 for one that chooses nothing."""
    values = entry["options"].get("C")  # of which a refinement chooses one itself
    return max(1, len(candidates(entry))) * (len(values) if isinstance(values, list) else 1)


def candidates(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the coordinates of every candidate by its name, in grid order; empty for a method without a grid."""
    grid = entry["grid"]
    if isinstance(grid, list):
        return grids.named(grid)
    return grids.points(grid) if grid else {}


def at(entry: Mapping[str, Any], coordinates: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with a candidate's values set at its dotted keys, which need not exist yet; its plan stays."""
    over: dict[str, Any] = {}
    for dotted, value in coordinates.items():
        if dotted == PLAN:
            continue
        *parents, last = dotted.split(".")
        inner = over
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[last] = value
    return merge(entry, over)


def plans_of(entry: Mapping[str, Any]) -> list[str]:
    """Return the plans among which a method's candidates choose; empty if its plan is given."""
    return list(dict.fromkeys(point[PLAN] for point in candidates(entry).values() if PLAN in point))


def plan_of(name: str, entry: Mapping[str, Any]) -> str:
    """Return the plan that a method runs on where nothing else is asked for: the one it chose, or its entry's."""
    return plans.tuned(name) if plans_of(entry) else str(entry["plan"])


def candidate_plan(entry: Mapping[str, Any], coordinates: Mapping[str, Any]) -> str:
    """Return the plan of a candidate's tuning runs."""
    return str(coordinates.get(PLAN, entry["plan"]))

"""On which splits a method needs group labels, derived from what its entry uses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spurprune.config import methods
from spurprune.dag import files, plugins
from spurprune.pruning import plan as plans
from spurprune.storage.words import RULES

WORST_GROUP = RULES[0]


@dataclass(frozen=True)
class GroupLabels:
    """Whether group labels of the training split and of the validation split are needed."""

    train: bool = False
    validation: bool = False

    def __or__(self, other: "GroupLabels") -> "GroupLabels":
        return GroupLabels(self.train or other.train, self.validation or other.validation)


def of_method(name: str, entries: Mapping[str, Mapping[str, Any]], setting: Mapping[str, Any]) -> GroupLabels:
    """Return the labels that a method needs in a setting: for its plans, its partition, its refinement and the choice among candidates."""
    return _of_run(name, methods.plan_of(name, entries[name]), entries, setting)


def _of_run(name: str, plan: str, entries: Mapping[str, Mapping[str, Any]], setting: Mapping[str, Any]) -> GroupLabels:
    """Return the labels that a method needs for a run on a plan: those for its own plan only if candidates are compared on it."""
    entry = entries[name]
    needed = _of_options(name, entry, entries, setting)
    for one in {plan, methods.plan_of(name, entry)} if entry["grid"] else {plan}:
        needed |= _of_plan(one, entries, setting)
        if entry["from"] is not None:
            needed |= _of_run(entry["from"], entry["from_plan"] or one, entries, setting)
    chooses = bool(entry["grid"]) or entry["epoch"] == methods.BEST
    return needed | GroupLabels(validation=chooses and entry["by"] == WORST_GROUP)


def _of_plan(name: str, entries: Mapping[str, Mapping[str, Any]], setting: Mapping[str, Any]) -> GroupLabels:
    plan = plans.parse(name)
    if plan.method is not None:
        chosen = entries[plan.method]
        needed = GroupLabels(validation=chosen["by"] == WORST_GROUP) | _of_options(plan.method, chosen, entries, setting)
        for one in methods.plans_of(chosen):
            needed |= _of_plan(one, entries, setting)
        return needed
    needed = GroupLabels(train=_is_grouped("strategies", plan.strategy)) | _of_partition(plan.partition, entries, setting)
    return needed if plan.predictor is None else needed | _of_run(plan.predictor, plans.NO_PRUNING, entries, setting)


def _of_options(name: str, entry: Mapping[str, Any], entries: Mapping[str, Any], setting: Mapping[str, Any]) -> GroupLabels:
    other = files.other_plan(name, entries)
    needed = GroupLabels() if other is None else _of_plan(other, entries, setting)
    for coordinates in methods.candidates(entry).values() or ({},):
        options = methods.at(entry, coordinates)["options"]
        needed |= _of_partition(options.get("partition"), entries, setting)
        if files.is_refinement(name, entries) and options.get("balance") == "groups":
            chooses = isinstance(options.get("C"), list)  # by the worst group of validation samples
            needed |= GroupLabels(train=options["fit_on"] == "train", validation=options["fit_on"] == "validation" or chooses)
    return needed


def _of_partition(partition: str | None, entries: Mapping[str, Mapping[str, Any]], setting: Mapping[str, Any]) -> GroupLabels:
    """Return the labels that a partition needs itself, or for the run from which it is made."""
    if partition in (None, plans.CLASS):
        return GroupLabels()
    block = setting["partitions"][partition]
    needed = GroupLabels(train=_is_grouped("partitions", block["kind"]))
    if "from" in block:
        needed |= _of_run(block["from"], block["plan"], entries, setting)
    return needed


def _is_grouped(kind: str, name: str) -> bool:
    """Return whether a plugin declares that it uses the training samples' groups."""
    found: bool = plugins.declared(kind, name, "USES_GROUPS", False)
    return found

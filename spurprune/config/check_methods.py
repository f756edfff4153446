"""Checks of method entries that go beyond the schema."""

import re
from collections.abc import Mapping
from typing import Any

from spurprune.config import grids, methods, schema
from spurprune.config.config import Config
from spurprune.config.known import require_known
from spurprune.dag import files, kinds, plugins
from spurprune.errors import ConfigError, PlanError
from spurprune.pruning import plan as plans

CANDIDATE = r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{0,149}"  # a candidate's name is a folder name
SECTIONS = ("options", "training")  # where a grid's keys may start, apart from the plan


def check(name: str, entry: Mapping[str, Any], config: Config) -> None:
    """Check one complete method entry; raises ConfigError at the first mistake."""
    key = f"methods.{name}"
    refines = entry["kind"] in plugins.names("refinements")
    _check_source(name, entry, config)
    if bool(entry["grid"]) != (entry["tuning"] is not None):
        missing = "tuning" if entry["grid"] else "grid"
        raise ConfigError(f"{key}.{missing} is missing; tuning a method takes both a grid and the repeats to tune it on.")
    if entry["tuning"] is not None and len(set(entry["tuning"]["blocks"])) < len(entry["tuning"]["blocks"]):
        raise ConfigError(f"{key}.tuning.blocks names a block twice; remove one.")
    is_alike = entry["base"] != name and methods.names_the_same(entry, config.methods[entry["base"]])
    if is_alike and not entry["grid"] and entry["epoch"] == methods.LAST:
        raise ConfigError(f"methods.{entry['base']}.by lists several metrics, but nothing is chosen by them; name one, or give a grid.")
    if entry["epoch"] == methods.BEST and refines:
        raise ConfigError(f"{key}.epoch does not go with '{entry['kind']}', which trains no network; set it for '{entry['from']}'.")
    if isinstance(entry["grid"], list):
        grids.check_points(f"{key}.grid", entry["grid"], "candidates")
    else:
        grids.check(f"{key}.grid", entry["grid"], "candidates")
    if entry["plan"] != methods.DEFAULTS["plan"] and methods.plans_of(entry):
        raise ConfigError(f"{key}.plan is '{entry['plan']}', but the grid chooses the plan; remove one.")
    if "steps_of" in entry["options"]:
        _check_plan(f"{key}.options.steps_of", entry["options"]["steps_of"], entry, config)
        _check_steps(f"{key}.options.steps_of", entry["options"]["steps_of"], config)
    for plan in (entry["plan"], *methods.plans_of(entry)):
        _check_plan(f"{key}.plan", plan, entry, config)
    plans_given = [methods.PLAN in point for point in methods.candidates(entry).values()]
    if any(plans_given) and not all(plans_given):
        raise ConfigError(f"{key}.grid names a plan for some candidates only; name one for each, which may be none.")
    points = entry["grid"] if isinstance(entry["grid"], list) else [entry["grid"]]
    for dotted in dict.fromkeys(dotted for point in points for dotted in point):
        if dotted == methods.PLAN:
            continue
        section = dotted.split(".")[0]
        if section not in SECTIONS or "." not in dotted:
            raise ConfigError(f"{key}.grid: '{dotted}' is not a key that can be tuned; write options.KEY, training.KEY or plan.")
        if refines and section == "training":
            raise ConfigError(f"{key}.grid: '{dotted}' does not go with '{entry['kind']}', which trains no network; tune its options.")
        if dotted in ("options.partition", "options.steps_of"):
            raise ConfigError(
                f"{key}.grid: '{dotted}' decides which files a run reads, so it cannot be tuned; write an entry for each value."
            )
    candidates = methods.candidates(entry)
    for candidate in candidates:
        if not re.fullmatch(CANDIDATE, candidate):
            raise ConfigError(f"{key}.grid: '{candidate}' cannot be a folder name; tune keys whose values are numbers or short words.")
    for coordinates in candidates.values() or ({},):
        tuned = methods.at(entry, coordinates)
        kind = "refinements" if refines else "methods"
        schema.validate_options(tuned["options"], kind, entry["kind"], where=f"{key}.options")
        if coordinates and tuned["options"].get("fit_on") == "validation":
            raise ConfigError(
                f"{key}.options.fit_on is validation, whose samples would then choose among candidates fitted to them; set it to train."
            )
    if entry["tuning"] is not None:
        kinds.require_few_runs(key, len(candidates) * len(entry["tuning"]["blocks"]))


def _check_source(name: str, entry: Mapping[str, Any], config: Config) -> None:
    key, refines = f"methods.{name}", files.is_refinement(name, config.methods)
    if entry["from"] is None:
        if refines or plugins.declared("methods", entry["kind"], "STARTS_FROM_NETWORK", False):
            raise ConfigError(f"{key}.from is missing; '{entry['kind']}' starts from the model of another method, such as erm.")
        if entry["from_plan"] is not None:
            raise ConfigError(
                f"{key}.from_plan is '{entry['from_plan']}', but 'from' names no method to start from; name one or remove it."
            )
        return
    require_known(entry["from"], config.methods, f"{key}.from: '{entry['from']}'", "method")
    if files.is_refinement(entry["from"], config.methods):
        raise ConfigError(f"{key}.from is '{entry['from']}', which trains no network; name a method that does.")
    chain = [name]
    while (source := config.methods[chain[-1]]["from"]) is not None:
        require_known(source, config.methods, f"methods.{chain[-1]}.from: '{source}'", "method")
        if source in chain:
            raise ConfigError(f"{key}.from is '{entry['from']}', which starts from '{source}' itself; name a method that does not.")
        chain.append(source)
    if entry["from_plan"] is not None:
        if refines and not files.refines_network(name, config.methods):
            raise ConfigError(f"{key}.from_plan does not go with '{entry['kind']}', which is fitted on the plan of its network; remove it.")
        _check_plan(f"{key}.from_plan", entry["from_plan"], entry, config)
    if files.refines_network(name, config.methods):
        _check_removal(key, entry, config)
    if refines and entry["training"]:
        raise ConfigError(f"{key}.training does not go with '{entry['kind']}', which trains no network; set it for '{entry['from']}'.")


def _check_removal(key: str, entry: Mapping[str, Any], config: Config) -> None:
    """Raise ConfigError unless a refinement of whole networks starts from those that ERM trained on all samples."""
    if entry["from_plan"] != plans.NO_PRUNING:
        raise ConfigError(
            f"{key}.from_plan is {entry['from_plan'] or 'missing'}, but '{entry['kind']}' removes from a network what its own plan prunes; "
            f"set from_plan to {plans.NO_PRUNING}."
        )
    source = config.methods[entry["from"]]
    if source["kind"] != "erm" or source["from"] is not None:
        raise ConfigError(
            f"{key}.from is '{entry['from']}', but '{entry['kind']}' goes by the mean cross-entropy of all samples; name an erm that "
            "starts from no other network."
        )


def _check_plan(key: str, name: Any, entry: Mapping[str, Any], config: Config) -> None:
    """Check a plan on which a method may run: its name and, if another method chooses it, that method."""
    try:
        plan = plans.parse(str(name))
    except PlanError as error:
        raise ConfigError(f"{key}: {error}") from None
    if plan.predictor is not None:
        check_predictor(key, plan.predictor, config)
    chosen_by = plan.method
    if chosen_by is None:
        return
    if name in methods.plans_of(entry):
        raise ConfigError(f"{key}: '{name}' is itself chosen by a method; name the plans to choose among.")
    check_chosen(key, chosen_by, config)


def check_predictor(key: str, method: str, config: Config) -> None:
    """Raise ConfigError that begins with ``key`` unless a method trains a network without pruning, by whose predictions a plan is made."""
    require_known(method, config.methods, f"{key}: '{method}'", "method")
    if config.methods[method]["kind"] in plugins.names("refinements"):
        raise ConfigError(f"{key} goes by the recall of '{method}', which is a refinement; name a method that trains a network.")
    if methods.plans_of(config.methods[method]):
        raise ConfigError(
            f"{key} goes by the recall of '{method}' without pruning, but this method chooses its plan; name one whose grid has no plans."
        )


def _check_steps(key: str, name: str, config: Config) -> None:
    """Raise ConfigError if the plan whose steps are taken over is chosen by a method that takes over steps itself."""
    chosen_by = plans.parse(name).method
    if chosen_by is not None and "steps_of" in config.methods[chosen_by]["options"]:
        raise ConfigError(f"{key} is '{name}', which is chosen by runs that take over steps themselves; name another plan.")


def check_chosen(key: str, method: str, config: Config) -> None:
    """Raise ConfigError that begins with ``key`` unless a method chooses a plan."""
    require_known(method, config.methods, f"{key}: '{method}'", "method")
    if not methods.plans_of(config.methods[method]):
        raise ConfigError(f"{key} is '{plans.tuned(method)}', but the grid of '{method}' has no plans to choose among; name another plan.")

"""Checks of partitions, analyses and plans that are made from a method's runs, or from each other."""

from collections.abc import Iterator, Mapping
from typing import Any

from spurprune.config import check_studies, methods
from spurprune.config.config import Config
from spurprune.config.known import require_known
from spurprune.dag import files, needs
from spurprune.dag.files import Analysis, Partition
from spurprune.errors import ConfigError
from spurprune.pruning import plan as plans

ANY_BLOCK = "000-000"  # what a partition or a plan is made from is the same for every block


def check(config: Config) -> None:
    """Check that nothing needs what is made from it, once methods are checked; raises ConfigError at the first mistake.

    Of partitions and analyses with an option ``from``, the run is checked first. Plans that only studies name are in no circle, as no run
    behind another has its plan from a study.
    """
    for made, block in _all(config):
        for option in ("plan", "shadow") if "from" in block else ():
            if option in block:
                _check_source(_key(made), made.setting, block, option, config)
    for made, block in _all(config):
        if needs.is_circular(made, config):
            what = "partition" if isinstance(made, Partition) else "analysis"
            if "from" in block:
                raise ConfigError(
                    f"{_key(made)}.from is '{block['from']}', whose run on '{block['plan']}' needs this {what} itself; name another "
                    "method or plan."
                )
            option = "analysis" if isinstance(made, Partition) else "partition"
            raise ConfigError(f"{_key(made)}.{option} is '{block[option]}', which needs this {what} itself; name another {option}.")
    everywhere = [one for one in _plans_of_methods(config) if plans.parse(one[1]).predictor is not None]
    of_made = [
        (made.setting, f"{_key(made)}.{key}", block[key]) for made, block in _all(config) for key in ("plan", "shadow") if key in block
    ]
    for setting in config.settings:
        mine = ((key, plan) for one, key, plan in of_made if one == setting)
        for key, plan in (*everywhere, *mine):
            if needs.is_circular_plan(setting, plan, ANY_BLOCK, config):
                raise ConfigError(
                    f"{key} is '{plan}', but in '{setting}' the run of '{plans.parse(plan).predictor}' on '{plans.NO_PRUNING}', by which "
                    "the plan is made, needs that plan itself; name another method or plan."
                )


def _all(config: Config) -> Iterator[tuple[Partition | Analysis, Mapping[str, Any]]]:
    """Yield all settings' partitions and analyses, each for some block, with what the configuration says of it."""
    for setting, whole in config.settings.items():
        yield from ((Partition(setting, name, ANY_BLOCK), block) for name, block in whole["partitions"].items())
        yield from ((Analysis(setting, name, ANY_BLOCK), block) for name, block in whole["analyses"].items())


def _key(made: Partition | Analysis) -> str:
    if isinstance(made, Partition):
        return f"{made.setting}.partitions.{made.partition}"
    return f"{made.setting}.analyses.{made.analysis}"


def _check_source(key: str, setting: str, block: Mapping[str, Any], option: str, config: Config) -> None:
    method, plan = block["from"], block[option]
    require_known(method, config.methods, f"{key}.from: '{method}'", "method")
    if files.is_refinement(method, config.methods):
        raise ConfigError(f"{key}.from is '{method}', which is a refinement; name a method that trains a network.")
    if methods.plans_of(config.methods[method]):
        raise ConfigError(f"{key}.from is '{method}', which chooses its plan; name a method whose grid has no plans.")
    check_studies.check_plan(f"{key}.{option}", plan, setting, config)
    if plans.parse(plan).method is not None:
        raise ConfigError(f"{key}.{option} is '{plan}', which a method chooses; name one of the plans that it chooses among.")


def _plans_of_methods(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the key and the name of every plan that a method's entry names."""
    for name, entry in config.methods.items():
        key = f"methods.{name}"
        yield f"{key}.plan", entry["plan"]
        yield from ((f"{key}.grid.plan", plan) for plan in methods.plans_of(entry))
        if "steps_of" in entry["options"]:
            yield f"{key}.options.steps_of", entry["options"]["steps_of"]

"""Checks of partitions and plans that are made from a method's runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from spurprune.config import check_studies, methods
from spurprune.config.config import Config
from spurprune.config.known import require_known
from spurprune.dag import files, needs
from spurprune.dag.files import Partition
from spurprune.errors import ConfigError
from spurprune.pruning import plan as plans

ANY_BLOCK = "000-000"  # what a partition or a plan is made from is the same for every block


def check(config: Config) -> None:
    """Check that no run needs the partition or the plan that is made from it, once methods are checked; raises ConfigError.

    Of partitions with an option ``from``, the run is checked first. Plans that only studies name are in no circle, as no run behind
    another has its plan from a study.
    """
    made = [(name, one, block) for name, setting in config.settings.items() for one, block in setting["partitions"].items()]
    made = [(name, one, block) for name, one, block in made if "from" in block]
    for setting, name, block in made:
        _check_source(f"{setting}.partitions.{name}", setting, block, config)
    for setting, name, block in made:
        if needs.is_circular(Partition(setting, name, ANY_BLOCK), config):
            raise ConfigError(
                f"{setting}.partitions.{name}.from is '{block['from']}', whose run on '{block['plan']}' needs this partition itself; name "
                "another method or plan."
            )
    everywhere = [one for one in _plans_of_methods(config) if plans.parse(one[1]).predictor is not None]
    for setting in config.settings:
        mine = ((f"{setting}.partitions.{name}.plan", block["plan"]) for one, name, block in made if one == setting)
        for key, plan in (*everywhere, *mine):
            if needs.is_circular_plan(setting, plan, ANY_BLOCK, config):
                raise ConfigError(
                    f"{key} is '{plan}', but in '{setting}' the run of '{plans.parse(plan).predictor}' on '{plans.NO_PRUNING}', by which "
                    "the plan is made, needs that plan itself; name another method or plan."
                )


def _check_source(key: str, setting: str, block: Mapping[str, Any], config: Config) -> None:
    method, plan = block["from"], block["plan"]
    require_known(method, config.methods, f"{key}.from: '{method}'", "method")
    if files.is_refinement(method, config.methods):
        raise ConfigError(f"{key}.from is '{method}', which is a refinement; name a method that trains a network.")
    if methods.plans_of(config.methods[method]):
        raise ConfigError(f"{key}.from is '{method}', which chooses its plan; name a method whose grid has no plans.")
    check_studies.check_plan(f"{key}.plan", plan, setting, config)
    if plans.parse(plan).method is not None:
        raise ConfigError(f"{key}.plan is '{plan}', which a method chooses; name one of the plans that it chooses among.")


def _plans_of_methods(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the key and the name of every plan that a method's entry names."""
    for name, entry in config.methods.items():
        key = f"methods.{name}"
        yield f"{key}.plan", entry["plan"]
        yield from ((f"{key}.grid.plan", plan) for plan in methods.plans_of(entry))
        if "steps_of" in entry["options"]:
            yield f"{key}.options.steps_of", entry["options"]["steps_of"]

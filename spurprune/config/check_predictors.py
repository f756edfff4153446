"""Checks of plans that are made by a method's predictions."""

from collections.abc import Iterator

from spurprune.config import methods
from spurprune.config.config import Config
from spurprune.dag import needs
from spurprune.errors import ConfigError
from spurprune.pruning import plan as plans

ANY_BLOCK = "000-000"  # what a plan is made by is the same for every block


def check(config: Config) -> None:
    """Check that no method needs a plan by its own predictions to make these, once methods and partitions are checked; raises ConfigError.

    Plans that only studies name are in no circle, as no run behind another has its plan from a study.
    """
    everywhere = [one for one in _of_methods(config) if plans.parse(one[1]).predictor is not None]
    for setting, block in config.settings.items():
        of_partitions = ((f"{setting}.partitions.{name}.plan", one["plan"]) for name, one in block["partitions"].items() if "plan" in one)
        for key, plan in (*everywhere, *of_partitions):
            if needs.is_circular_plan(setting, plan, ANY_BLOCK, config):
                method = plans.parse(plan).predictor
                raise ConfigError(
                    f"{key} is '{plan}', but in '{setting}' the run of '{method}' on '{plans.NO_PRUNING}', by which the plan is made, "
                    "needs that plan itself; name another method or plan."
                )


def _of_methods(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the key and the name of every plan that a method's entry names."""
    for name, entry in config.methods.items():
        key = f"methods.{name}"
        yield f"{key}.plan", entry["plan"]
        yield from ((f"{key}.grid.plan", plan) for plan in methods.plans_of(entry))
        if "steps_of" in entry["options"]:
            yield f"{key}.options.steps_of", entry["options"]["steps_of"]

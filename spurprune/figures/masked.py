"""Methods whose masks a figure or table shows: their runs and checks."""

from spurprune.config import methods
from spurprune.config.known import require_known
from spurprune.dag import files
from spurprune.errors import ConfigError
from spurprune.figures.kind import Configuration, Item, Runs, Study


def named(item: Item, study: Study) -> list[str]:
    """Return the methods whose masks are shown."""
    return list(item.get("methods", study["methods"]))


def runs_of(item: Item, study: Study, config: Configuration) -> Runs:
    """Return the runs of every method on its own plan."""
    own = {name: methods.plan_of(name, config.methods[name]) for name in named(item, study)}
    return [(setting, *run, block) for setting in item["settings"] for run in own.items() for block in study["blocks"]]


def check(key: str, item: Item, study: Study, config: Configuration) -> None:
    """Raise ConfigError unless every method makes masks."""
    for name in named(item, study):
        require_known(name, config.methods, f"{key}.methods: '{name}'", "method")
        if not files.makes_masks(name, config.methods):
            raise ConfigError(f"{key}.methods: '{name}' makes no masks; name methods of the kind weight_mask.")

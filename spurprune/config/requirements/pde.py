"""Progressive data expansion starts from a subset of the samples and must get to add to it."""

from collections.abc import Mapping
from typing import Any

from spurprune.errors import ConfigError

WEIGHTS = ("kept",)
PLANS = "plans that only keep or prune samples"
PARTITIONS = ()


def check(where: str, options: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    """Raise ConfigError if training ends before the first expansion."""
    warm_up, epochs = options["warm_up"], training.get("epochs")
    if epochs is not None and warm_up >= epochs:
        raise ConfigError(
            f"{where}options.warm_up is {warm_up}, but training.epochs is {epochs}, so the first expansion would never come; choose a "
            "warm_up below the epochs."
        )

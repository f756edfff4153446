"""Correct-n-Contrast composes its own batches, of samples that a reference tells apart."""

from collections.abc import Mapping
from typing import Any

from spurprune.errors import ConfigError

WEIGHTS = ("kept", "copied")
PLANS = "plans that do not draw their visits"
PARTITIONS = ("predicted",)


def check(where: str, options: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    """Raise ConfigError unless the recipe's batches have as many rows as the roles together."""
    rows, batch_size = options["anchors"] + options["positives"] + 2 * options["negatives"], training.get("batch_size")
    if batch_size is not None and batch_size != rows:
        raise ConfigError(
            f"{where}training.batch_size is {batch_size}, but a batch of cnc has anchors + positives + 2 · negatives = {rows} rows; set it "
            f"to {rows} in the method's training."
        )

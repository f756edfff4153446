"""The parts of a partition, as far as the configuration tells."""

from collections.abc import Mapping
from typing import Any

from spurprune.config.check_settings import attributes_of
from spurprune.dag import plugins
from spurprune.data.grouping import WITHOUT_WITH, Attribute, Grouping
from spurprune.data.registry import DatasetEntry
from spurprune.pruning import plan as plans


def names(partition: str, setting: Mapping[str, Any], entry: DatasetEntry) -> tuple[tuple[str, ...], bool]:
    """Return the names of the parts that a partition of a setting has, and whether these are exact.

    Of a user's own dataset, whose classes and values only the data tell, they are those of two each, the fewest that there can be.
    """
    grouping, is_exact = _grouping(setting, entry)
    if partition == plans.CLASS:
        return grouping.classes, is_exact
    block = setting["partitions"][partition]
    return tuple(plugins.load("partitions", block["kind"]).names(block, grouping)), is_exact


def _grouping(setting: Mapping[str, Any], entry: DatasetEntry) -> tuple[Grouping, bool]:
    known = attributes_of(setting, entry)
    if known is None or entry.classes is None:
        return Grouping(WITHOUT_WITH, tuple(Attribute.of(name, WITHOUT_WITH) for name in setting["groups"])), False
    return Grouping(tuple(entry.classes), tuple(known[name] for name in setting["groups"])), True

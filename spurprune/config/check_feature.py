"""Checks that a setting ties its spurious feature to its classes without contradiction: ``probe``, ``carriers`` and ``aligned``."""

from collections.abc import Mapping
from typing import Any

from spurprune.data.grouping import WITHOUT_WITH
from spurprune.errors import ConfigError


def check(name: str, setting: Mapping[str, Any]) -> None:
    """Raise ConfigError if ``aligned`` ties a class to a value that contradicts what carriers show, or that none of its samples has."""
    overlay, probe = setting["overlay"], setting["probe"] or {}
    shown: Mapping[str, str] = {overlay["attribute"]: WITHOUT_WITH[1]} if overlay else setting["carriers"].get("where", {})
    source = setting["carriers"].get("class", probe.get("source"))
    for label, tied in setting["aligned"].items():
        for attribute in (one for one in tied if one in shown):
            key, value = f"{name}.aligned.{label}.{attribute}", tied[attribute]
            if label == source and value != shown[attribute]:
                raise ConfigError(
                    f"{key} is '{value}', but '{label}' is the class that the feature goes with, and carriers have '{shown[attribute]}'; "
                    f"set it to '{shown[attribute]}' or correct the probe's source or the carriers."
                )
            if overlay and label != source and value == shown[attribute]:
                raise ConfigError(
                    f"{key} is '{value}', but the overlay is laid over samples of '{source}' alone, so no sample of '{label}' has it; "
                    f"remove it or set it to '{WITHOUT_WITH[0]}'."
                )
        if shown and label == probe.get("target") and shown.items() <= tied.items():
            raise ConfigError(
                f"{name}.aligned.{label} is what carriers show, but '{label}' is the probe's target, which is tested for being taken for "
                f"'{probe['source']}' because of it; name the values that go with '{label}' in training, or another target."
            )

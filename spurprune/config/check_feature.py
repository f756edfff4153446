"""Checks that a setting ties its spurious feature to its classes without contradiction: ``probe``, ``carriers`` and ``aligned``."""

from collections.abc import Mapping
from typing import Any

from spurprune.data.grouping import WITHOUT_WITH
from spurprune.data.probe import OTHERS
from spurprune.errors import ConfigError


def check(name: str, setting: Mapping[str, Any]) -> None:
    """Raise ConfigError if ``aligned`` ties a class to values that contradict what carriers show, or that none of its samples has.

    The source class's are those of carriers. Those of a tested class differ from them in an attribute, or have none in common.
    """
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
            if overlay and label not in (source, *setting["carriers"].get("also", ())) and value == shown[attribute]:
                raise ConfigError(
                    f"{key} is '{value}', but the overlay is laid over samples of '{source}' alone, so no sample of '{label}' has it; "
                    f"remove it or set it to '{WITHOUT_WITH[0]}'."
                )
        if shown and label == source and tied != shown:
            raise ConfigError(
                f"{name}.aligned.{label} is {_in_words(tied)}, but '{label}' is the class that the feature goes with, and carriers are "
                f"those with {_in_words(shown)}; set it to the same, remove it, or correct the probe's source or the carriers."
            )
        if probe and _is_tested(label, probe) and _agree(tied, shown):
            raise ConfigError(
                f"{name}.aligned.{label} is what carriers show, but '{label}' is {_target(probe)}, which is tested for being taken for "
                f"'{probe['source']}' because of it; name the values that go with '{label}' in training, or another target."
            )


def _is_tested(label: str, probe: Mapping[str, str]) -> bool:
    return label != probe["source"] if probe["target"] == OTHERS else label == probe["target"]


def _target(probe: Mapping[str, str]) -> str:
    return "one of the probe's targets" if probe["target"] == OTHERS else "the probe's target"


def _agree(tied: Mapping[str, str], shown: Mapping[str, str]) -> bool:
    """Return whether values share an attribute with those of carriers and differ in none, so that carriers may have them all."""
    shared = tied.keys() & shown.keys()
    return bool(shared) and all(tied[attribute] == shown[attribute] for attribute in shared)


def _in_words(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{attribute}: {value}" for attribute, value in values.items()) + "}"

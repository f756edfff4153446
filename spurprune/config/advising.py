"""What advice on a setting needs, as far as the setting leaves it out: partitions, reference runs and analyses with their defaults.

A setting is advised if it has a section ``advice``, which may be empty.
"""

from collections.abc import Mapping
from typing import Any

from spurprune.advice import choices as advised
from spurprune.advice.choices import SUSPECTS, Choice
from spurprune.pruning import plan as plans

Block = dict[str, Any]

# The repeats are as many as the intervals need; sparsities are the paper's (Fig. 6) and one more; those of suspects are measured to cure.
DEFAULTS: Mapping[str, Any] = {
    "blocks": ["000-004"],
    "method": "erm",
    "score": "el2n",
    "sparsities": ["0.05", "0.10", "0.20"],
    "suspected": ["0.25", "0.50"],
    "partitions": ["clusters", SUSPECTS],
}
SCOUTS, CUES = "scouts", "cues"  # the reference runs and the analysis by which suspects are found
SCOUT_SEEDS = 2  # a cue that one network relies on by chance is not what two do


def completed(setting: Mapping[str, Any]) -> Block:
    """Return a setting with its section of advice complete and with what that needs; one without the section stays as it is.

    ``setting`` is a valid block. What it declares itself under the names of the defaults is kept.
    """
    given = setting.get("advice")
    if given is None:
        return {**setting, "advice": None}
    advice = {**DEFAULTS, **given}
    found = {**setting, "advice": advice}
    partitions, analyses, reference = dict(setting["partitions"]), dict(setting["analyses"]), dict(setting["reference"])
    if "clusters" in advice["partitions"]:
        partitions.setdefault("clusters", {"kind": "clusters", "from": advice["method"], "of": "features"})
    if SUSPECTS in advice["partitions"] and SUSPECTS not in partitions:
        epochs = setting["training"]["epochs"]
        reference.setdefault(SCOUTS, {"epochs": epochs, "record_epochs": [epochs], "seeds": SCOUT_SEEDS, "view": "eval", "shared": False})
        analyses.setdefault(CUES, {"kind": "transplant", "reference": SCOUTS})
        partitions[SUSPECTS] = {"kind": SUSPECTS, "analysis": CUES}
    found |= {"partitions": partitions, "reference": reference}
    mapped = [plans.NO_PRUNING, *(one.plan for one in choices(found) if one.partition is not None)][:2]
    for name, (partition, plan) in reliances(found).items():
        of_map = {"regions": "all", "donors": MAP_DONORS} if plan in mapped else {"regions": "suspected"}
        block = {"kind": "reliance", "from": advice["method"], "plan": plan, "partition": partition, "split": "validation", **of_map}
        analyses.setdefault(name, block)
    return found | {"analyses": analyses}


MAP_DONORS = 20  # of each region of the map of reliance


def suspects(setting: Mapping[str, Any]) -> list[str]:
    """Return the partitions of suspects that a setting's advice goes by."""
    found = setting["partitions"]
    return [name for name in setting["advice"]["partitions"] if found.get(name, {}).get("kind") == SUSPECTS]


def inferred(setting: Mapping[str, Any]) -> list[str]:
    """Return the other partitions that a setting's advice goes by, whose parts are groups of samples."""
    return [name for name in setting["advice"]["partitions"] if name not in suspects(setting)]


def choices(setting: Mapping[str, Any]) -> list[Choice]:
    """Return what a setting's advice chooses among."""
    return advised.choices(setting["advice"], suspects(setting))


def reliances(setting: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the names of the analyses of reliance that a setting's advice reads, with their partition and plan."""
    every = advised.plans_of(choices(setting))
    return {f"reliance_{name}_{_as_name(plan)}": (name, plan) for name in suspects(setting) for plan in every}


def _as_name(plan: str) -> str:
    return plan.replace("-", "_").replace(".", "_").lower()

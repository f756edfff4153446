"""The part of a setting's block that decides a stage's result; its job receives nothing else, so nothing else can make it stale."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spurprune.config import references
from spurprune.config.merging import merge
from spurprune.storage.canonical import canonical

Setting = Mapping[str, Any]

HISTORY = ("evaluate_epochs", "evaluate_splits")  # the keys of a recipe that decide what its history records, and nothing else


def part(setting: Setting, *keys: str) -> dict[str, Any]:
    """Return some keys of a setting in canonical order, as one plain value in which Snakemake sees every change."""
    result: dict[str, Any] = canonical({key: setting[key] for key in keys})
    return result


def samples(setting: Setting) -> dict[str, Any]:
    """Return what decides a setting's samples: of the overlay only its attribute, of the probe only the class that the feature is of."""
    block = part(setting, "validation", "subset", "groups", "aligned", "carriers")
    overlay = setting["overlay"]
    if setting["probe"] is not None and "class" not in block["carriers"]:
        block["carriers"] = canonical({**block["carriers"], "class": setting["probe"]["source"]})
    return block | {"overlay_attribute": None if overlay is None else overlay["attribute"]}


def training(setting: Setting) -> dict[str, Any]:
    """Return what decides a run: the network, the recipe, how the overlay looks, how inputs are normalised, and what is tested."""
    return part(_shown(setting), "model", "training", "crop_size", "overlay", "normalisation", "evaluation", "probe")


def reference(setting: Setting, recipe: Setting) -> dict[str, Any]:
    """Return what decides a reference run: the block of a training run without what only its evaluation needs."""
    block = part(_shown(setting), "model", "crop_size", "overlay", "normalisation", "evaluation")
    training = merge(setting["training"], recipe.get("training", {}))
    return block | {"training": canonical({key: value for key, value in training.items() if key not in HISTORY})}


def _shown(setting: Setting) -> Setting:
    """Return a setting without the threshold by which only metrics tell predictions apart."""
    return {**setting, "evaluation": {key: value for key, value in setting["evaluation"].items() if key != "score_threshold"}}


def recorded(recipe: Setting) -> dict[str, Any]:
    """Return what a recipe's dynamics hold of every repeat: the number of reference seeds, and the epochs in ascending order."""
    epochs = recipe["record_epochs"]
    seeds = recipe["seeds"] * references.networks(recipe)
    return {"reference_seeds": seeds, "epochs": list(range(1, recipe["epochs"] + 1)) if epochs == "all" else sorted(epochs)}


def evaluation(setting: Setting) -> dict[str, Any]:
    """Return what decides the metrics of a run: the probe, of the featured view its attribute and whom it shows, a score's threshold."""
    overlay = setting["overlay"]
    featured = None if overlay is None else setting["evaluation"]["featured_classes"]
    attribute = None if overlay is None else overlay["attribute"]
    found = part(setting, "probe") | {"overlay_attribute": attribute, "featured_classes": featured}
    threshold = setting["evaluation"].get("score_threshold")
    return found if threshold is None else found | {"score_threshold": threshold}


def weights_file(setting: Setting) -> str | None:
    """Return the file of pretrained weights that the setting names, or None if it names none or the file does not exist.

    A missing file is not an input of the workflow, since planning needs no data; the job reports it.
    """
    pretrained = setting["model"].get("pretrained")
    found = [path for path in (Path(pretrained), Path(pretrained, "model.safetensors")) if path.is_file()] if pretrained else []
    return str(found[0]) if found else None

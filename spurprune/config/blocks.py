"""What decides a stage's result: the part of a setting's block that its job is given, so that nothing else can make it stale."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spurprune.config.merging import merge
from spurprune.storage.canonical import canonical

Setting = Mapping[str, Any]


def part(setting: Setting, *keys: str) -> dict[str, Any]:
    """Return some keys of a setting in canonical order: one plain value, so that Snakemake sees every change of it."""
    result: dict[str, Any] = canonical({key: setting[key] for key in keys})
    return result


def samples(setting: Setting) -> dict[str, Any]:
    """Return what decides a setting's samples: of an overlay only that it is there, of the probe only which class may get it."""
    block = part(setting, "validation", "subset", "groups", "aligned", "carriers")
    overlay = setting["overlay"]
    if overlay is not None and "class" not in block["carriers"]:
        block["carriers"] = canonical({**block["carriers"], "class": setting["probe"]["source"]})
    return block | {"overlay_attribute": None if overlay is None else overlay["attribute"]}


def training(setting: Setting) -> dict[str, Any]:
    """Return what decides a run: the network, the recipe, how the overlay looks, how inputs are normalised, what is tested."""
    return part(setting, "model", "training", "crop_size", "overlay", "normalisation", "evaluation", "probe")


def reference(setting: Setting, recipe: Setting) -> dict[str, Any]:
    """Return what decides a reference run: a training's block without what only its evaluation needs."""
    block = part(setting, "model", "crop_size", "overlay", "normalisation", "evaluation")
    training = merge(setting["training"], recipe.get("training", {}))
    return block | {"training": canonical({key: value for key, value in training.items() if key != "evaluate_epochs"})}


def evaluation(setting: Setting) -> dict[str, Any]:
    """Return what decides the metrics of a run: the probe, and which attribute the featured view changes."""
    overlay = setting["overlay"]
    return part(setting, "probe") | {"overlay_attribute": None if overlay is None else overlay["attribute"]}


def weights_file(setting: Setting) -> str | None:
    """Return the file of pretrained weights that the setting's network starts from, or None if it names none that is there.

    A file that is missing is no input of the workflow: the job says so, and planning needs no data.
    """
    pretrained = setting["model"].get("pretrained")
    found = [path for path in (Path(pretrained), Path(pretrained, "model.safetensors")) if path.is_file()] if pretrained else []
    return str(found[0]) if found else None

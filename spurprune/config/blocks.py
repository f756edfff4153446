"""What decides a stage's result: the part of a setting's block that its job is given, so that nothing else can make it stale."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spurprune.storage.canonical import canonical

Setting = Mapping[str, Any]


def part(setting: Setting, *keys: str) -> dict[str, Any]:
    """Return some keys of a setting in canonical order: one plain value, so that Snakemake sees every change of it."""
    result: dict[str, Any] = canonical({key: setting[key] for key in keys})
    return result


def samples(setting: Setting) -> dict[str, Any]:
    """Return what decides a setting's samples: how a feature looks does not, only whether its carriers are drawn."""
    keys = ("validation", "subset", "source_class", "attribute", "aligned", "carriers")
    return part(setting, *keys) | {"drawn": setting["feature"] is not None}


def training(setting: Setting) -> dict[str, Any]:
    """Return what decides a training: the network, the recipe, how the feature looks, how inputs are normalised, the classes tested."""
    keys = ("model", "training", "crop_size", "feature", "attribute", "normalisation", "evaluation", "source_class", "target_class")
    return part(setting, *keys)


def reference(setting: Setting) -> dict[str, Any]:
    """Return what decides a reference run: a training's block without what only its evaluation needs."""
    block = part(setting, "model", "training", "crop_size", "feature", "attribute", "normalisation", "evaluation")
    block["training"] = {key: value for key, value in block["training"].items() if key != "evaluate_epochs"}
    return block


def weights_file(setting: Setting) -> str | None:
    """Return the file of pretrained weights that the setting's network starts from, or None if it names none that is there.

    A file that is missing is no input of the workflow: the job says so, and planning needs no data.
    """
    pretrained = setting["model"].get("pretrained")
    found = [path for path in (Path(pretrained), Path(pretrained, "model.safetensors")) if path.is_file()] if pretrained else []
    return str(found[0]) if found else None

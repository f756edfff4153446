"""The recipe of a setting of a user's own data, as far as the setting leaves it out: by what samples are and how large, nothing else.

So a recipe is known without the data, and more rows change none of it. Numbers are ours unless a source is named.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from spurprune.config.merging import merge

Block = dict[str, Any]

SMALL = 64  # the largest images, in pixels per side, for which a small fresh network is chosen
SAMPLES = 10_000  # for which epochs are estimated
# Training by network; "pretrained" are torchvision's with weights, "fresh" those without.
TRAINING: Mapping[str, Block] = {
    "mlp": {
        "epochs": 50,
        "batch_size": 64,
        "optimizer": {"name": "adam", "lr": 1.0e-3, "weight_decay": 0.0},  # Adam, since vectors have any scale
        "schedule": {"name": "constant"},
    },
    "small_cnn": {  # that of the digits (docs/digits.md)
        "epochs": 16,
        "batch_size": 64,
        "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 1.0e-4},
        "schedule": {"name": "step", "milestones": [8, 12], "factor": 0.1},
    },
    "fresh": {  # He et al. 2016 for CIFAR-10, in a quarter of its epochs
        "epochs": 40,
        "batch_size": 128,
        "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 1.0e-4},
        "schedule": {"name": "step", "milestones": [20, 30], "factor": 0.1},
    },
    "pretrained": {  # the paper's rate and decay for Waterbirds, in fewer epochs (config/settings/scenes.yaml)
        "epochs": 10,
        "batch_size": 32,
        "optimizer": {"name": "sgd", "lr": 1.0e-3, "momentum": 0.9, "weight_decay": 1.0e-3},
        "schedule": {"name": "constant"},
    },
    "bert": {  # Devlin et al. 2019, App. A.3: 2 to 4 epochs of 16 or 32, rates from 2e-5 to 5e-5; the paper's rate for MultiNLI
        "epochs": 4,
        "batch_size": 32,
        "optimizer": {"name": "adamw", "lr": 2.0e-5, "weight_decay": 0.0},
        "schedule": {"name": "linear"},
    },
}
# (epochs, seeds) of the reference run: early, as in the paper; after one epoch for pretrained networks, as for its Waterbirds; averaged
# over seeds where that is cheap.
REFERENCE = {"mlp": (5, 3), "small_cnn": (5, 3), "fresh": (10, 3), "pretrained": (1, 1), "bert": (1, 1)}
# Seconds of an epoch of SAMPLES, where, and the image_size at which; they grow with the pixels, or the tokens. From the digits' small
# network, widened; from operations at 50 per nanosecond; from MultiNLI's 900 seconds. Guesses: nobody has measured the user's machine.
SECONDS = {
    "mlp": (0.5, "CPU core", None),
    "small_cnn": (30.0, "CPU core", 32),
    "fresh": (150.0, "CPU core", 32),
    "pretrained": (1100.0, "CPU core", 224),
    "bert": (45.0, "GPU", 128),
}


def completed(setting: Mapping[str, Any], kind: str, tokenizer: str | None) -> tuple[Block, Block]:
    """Return (the setting with what it leaves out of its recipe, what that is).

    ``setting`` is a block that need not be valid; ``kind`` is what its samples are: images, sentences, whose encoder is beside the
    ``tokenizer``, or vectors. Model, training (key by key), reference runs with difficulty, and the estimate are chosen where they
    are missing. A network that has no recipe here gets that of the network for these samples.
    """
    size = setting.get("image_size")
    model = setting.get("model", _model(kind, size, tokenizer))
    given = setting.get("training", {})
    recipe = _recipe(model) or _recipe(_model(kind, size, tokenizer))
    assert recipe is not None
    training = merge(TRAINING[recipe], given) if isinstance(given, Mapping) else TRAINING[recipe]
    chosen: Block = {} if "model" in setting else {"model": model}
    added = {key: training[key] for key in TRAINING[recipe] if isinstance(given, Mapping) and key not in given}
    chosen |= {"training": added} if added else {}
    if "reference" not in setting and "difficulty" not in setting:
        epochs, seeds = REFERENCE[recipe]
        if isinstance(training["epochs"], int):
            epochs = max(1, min(epochs, training["epochs"]))
        early = {"epochs": epochs, "record_epochs": [epochs], "seeds": seeds, "view": "eval", "shared": False}
        scores = {"el2n": {"reference": "early", "epochs": [epochs]}, "random": {"reference": None, "epochs": "all"}}
        chosen |= {"reference": {"early": early}, "difficulty": scores}
    if "estimate" not in setting:
        chosen["estimate"] = _estimate(recipe, size)
    return {**setting, **chosen, "training": training if isinstance(given, Mapping) else given}, chosen


def described(chosen: Mapping[str, Block]) -> list[str]:
    """Return, for every setting with a recipe chosen by default, lines that say what was chosen, as YAML; ``chosen`` is by setting."""
    by_recipe: dict[str, list[str]] = {}
    for name, block in chosen.items():
        by_recipe.setdefault("\n".join(f"  {key}: {_flow(value)}" for key, value in block.items()), []).append(name)
    return [f"Chosen by default for {', '.join(names)}:\n{text}" for text, names in by_recipe.items()]


def _model(kind: str, size: Any, tokenizer: str | None) -> Block:
    """Return the network for samples of a kind and size; images without a size are refused later."""
    if kind == "vectors":
        return {"name": "mlp", "hidden": []}  # the linear classifier, as on frozen features
    if kind == "sentences":
        return {"name": "bert", "pretrained": tokenizer}
    if isinstance(size, int) and size <= SMALL:
        return {"name": "small_cnn", "channels": [32, 64, 128]}
    return {"name": "torchvision_cnn", "architecture": "resnet18", "pretrained": "imagenet"}


def _recipe(model: Any) -> str | None:
    """Return the name of a network's recipe, None if it has none."""
    name = model.get("name") if isinstance(model, Mapping) else None
    if name == "resnet_cifar":
        return "fresh"
    if name == "torchvision_cnn":
        return "fresh" if model.get("pretrained") is None else "pretrained"
    return name if name in TRAINING and name not in ("fresh", "pretrained") else None


def _estimate(recipe: str, size: Any) -> Block:
    seconds, device, at = SECONDS[recipe]
    if at is not None and isinstance(size, int) and size > 0:
        seconds *= size / at if recipe == "bert" else (size / at) ** 2
    return {"epoch_seconds": float(f"{seconds:.2g}"), "device": f"{device} (a guess, for {SAMPLES:,} samples)"}


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.strip()

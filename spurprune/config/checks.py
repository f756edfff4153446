"""Checks that a schema cannot make: names that must exist, numbers that must fit each other. Each raises one ConfigError."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from spurprune.dag import plugins
from spurprune.data.registry import DatasetEntry, registry
from spurprune.errors import ConfigError, PlanError
from spurprune.evaluation.published import BENCHMARKS, COMPARISONS
from spurprune.pruning import plan as plans

if TYPE_CHECKING:
    from spurprune.config.config import Config

# What each kind of figure or table must be told, besides its kind; anything else that the schema knows is optional.
NEEDS = {
    "carrier_count": ("family",),
    "carrier_difficulty": ("family",),
    "difficulty_range": ("family",),
    "carrier_pruning": ("settings", "sparsities"),
    "difficulty_quartiles": ("settings",),
    "general_pruning": ("settings", "sparsities"),
    "group_pruning": ("settings", "sparsities", "strategy"),
    "group_learning": ("settings",),
    "montage": ("setting", "repeat", "columns"),
    "summary": (),
    "stability": ("settings", "scores"),
    "benchmark": ("benchmarks",),
}
OPTIONAL = {
    "carrier_count": ("learned",),
    "carrier_difficulty": ("baseline", "published"),
    "carrier_pruning": ("orders", "score"),
    "general_pruning": ("orders", "score"),
    "group_pruning": ("orders", "score", "published"),
    "difficulty_quartiles": ("score",),
    "montage": ("score",),
}
SETTING_NAME = r"[a-z0-9][A-Za-z0-9_.-]*"
# The last words of the coordinates that a figure of this kind may sweep over, of which the family's grid must hold one.
SWEEPS = {"carrier_count": ("count",), "carrier_difficulty": ("carriers.start", "carriers.choose"), "difficulty_range": ("carriers.start",)}
# The options of each way to choose carriers.
CARRIER_OPTIONS = {
    "all": (),
    "random": ("count", "draw"),
    "easiest": ("count", "base", "score"),
    "hardest": ("count", "base", "score"),
    "window": ("count", "base", "score", "start"),
}


def check(config: Config) -> None:
    """Check the whole configuration; raises ConfigError at the first mistake."""
    for name, setting in config.settings.items():
        _check_setting(name, setting, config)
    for name in config.select:
        _known(name, config.studies, f"select: '{name}'", "study")
    _check_blocks(config)
    for name in config.select:
        _check_study(name, config.studies[name], config)


def _known(value: str, allowed: Iterable[str], key: str, what: str) -> None:
    names = list(allowed)
    if value not in names:
        close = difflib.get_close_matches(value, names, n=1)
        guess = f" (did you mean '{close[0]}'?)" if close else ""
        raise ConfigError(f"{key} is no known {what}{guess}; known are {', '.join(names)}.")


def _check_setting(name: str, setting: Mapping[str, Any], config: Config) -> None:
    if not re.fullmatch(SETTING_NAME, name):
        raise ConfigError(f"The setting '{name}' cannot be a folder's name; use letters, digits, '.', '-' and '_', lower-case first.")
    _known(setting["dataset"], registry(), f"{name}.dataset: '{setting['dataset']}'", "dataset")
    entry = registry()[setting["dataset"]]
    if not entry.embedded and setting["dataset"] not in config.data:
        raise ConfigError(f"data.{setting['dataset']} is missing, though '{name}' uses this dataset; give the folder that holds it.")
    for key in ("source_class", "target_class"):
        _known(setting[key], entry.classes, f"{name}.{key}: '{setting[key]}'", f"class of '{setting['dataset']}'")
    if setting["source_class"] == setting["target_class"]:
        raise ConfigError(f"{name}.target_class is '{setting['target_class']}', the source class itself; choose another class.")
    for label in setting["aligned"]:
        _known(label, entry.classes, f"{name}.aligned: '{label}'", f"class of '{setting['dataset']}'")
    (_check_tokens if entry.is_text else _check_pixels)(name, setting, entry)
    if setting["feature"] is None and setting["attribute"] not in entry.attributes:
        known = ", ".join(entry.attributes) or "none"
        raise ConfigError(
            f"{name}.attribute is '{setting['attribute']}', which '{setting['dataset']}' does not have (it has {known}); "
            "name one of these or give a 'feature'."
        )
    _check_model(name, setting, entry)
    _check_subset(name, setting, entry)
    _check_carriers(name, setting, config, entry.train_class_counts[entry.classes.index(setting["source_class"])])
    _check_training(name, setting)


def _check_pixels(name: str, setting: Mapping[str, Any], entry: DatasetEntry) -> None:
    for key in ("mean", "std"):
        values = setting["normalisation"][key]
        if values is not None and len(values) != entry.channels:
            raise ConfigError(
                f"{name}.normalisation.{key} is {values}, but '{setting['dataset']}' has {entry.channels} channels; give one number each."
            )
    if setting["crop_size"] is not None and setting["crop_size"] > setting["image_size"]:
        raise ConfigError(
            f"{name}.crop_size is {setting['crop_size']}, but image_size keeps only {setting['image_size']} pixels; choose at most that."
        )
    feature = setting["feature"] or {}
    if feature.get("name") == "phrase":
        raise ConfigError(
            f"{name}.feature.name is 'phrase', which is for sentences, but '{setting['dataset']}' holds images; choose another."
        )
    if feature.get("channel", 0) >= entry.channels:
        raise ConfigError(
            f"{name}.feature.channel is {feature['channel']}, but '{setting['dataset']}' has only the channels 0 to {entry.channels - 1}."
        )
    if feature.get("width", 0) > setting["image_size"]:
        raise ConfigError(
            f"{name}.feature.width is {feature['width']}, but the images are only {setting['image_size']} pixels wide; choose at most that."
        )


def _check_tokens(name: str, setting: Mapping[str, Any], entry: DatasetEntry) -> None:
    """Refuse what is for images in a setting of token sequences."""
    feature = setting["feature"] or {"name": "phrase"}
    if feature["name"] != "phrase":
        raise ConfigError(
            f"{name}.feature.name is '{feature['name']}', which is for images; with '{setting['dataset']}' use 'phrase' or null."
        )
    unused = {"crop_size": setting["crop_size"], **{f"normalisation.{key}": setting["normalisation"][key] for key in ("mean", "std")}}
    for key, value in unused.items():
        if value is not None:
            raise ConfigError(f"{name}.{key} is {value}, which is for images; with '{setting['dataset']}' leave it null.")
    augmentation = setting["training"]["augmentation"]["name"]
    if augmentation != "none":
        raise ConfigError(
            f"{name}.training.augmentation is '{augmentation}', which is for images; with '{setting['dataset']}' use {{name: none}}."
        )
    if setting["training"]["compile"]:
        raise ConfigError(
            f"{name}.training.compile is true, but batches of '{setting['dataset']}' differ in length and would each be compiled anew; set "
            "it to false."
        )


def _check_model(name: str, setting: Mapping[str, Any], entry: DatasetEntry) -> None:
    takes_text = setting["model"]["name"] == "bert"
    if takes_text != entry.is_text:
        kind = "sentences, so that its network must be 'bert'" if entry.is_text else "images; choose another network"
        raise ConfigError(f"{name}.model.name is '{setting['model']['name']}', but '{setting['dataset']}' holds {kind}.")
    if setting["model"]["name"] == "torchvision_cnn" and entry.channels != 3:
        raise ConfigError(
            f"{name}.model.name is 'torchvision_cnn', whose networks take images of 3 channels, but '{setting['dataset']}' has "
            f"{entry.channels}; choose another network."
        )


def _check_subset(name: str, setting: Mapping[str, Any], entry: DatasetEntry) -> None:
    for part_name, part in setting["subset"]["parts"].items():
        key = f"{name}.subset.parts.{part_name}"
        _known(part["class"], entry.classes, f"{key}.class: '{part['class']}'", f"class of '{setting['dataset']}'")
        for attribute in part.get("where", {}):
            _known(attribute, entry.attributes, f"{key}.where: '{attribute}'", f"attribute of '{setting['dataset']}'")
        choose = part.get("choose", "random")
        _known(choose, ("random", "first", *entry.rankings), f"{key}.choose: '{choose}'", "way to choose samples")
        if ("count" in part) == ("fill_to" in part):
            raise ConfigError(f"{key} must have either a count or a fill_to; give one of the two.")


def _check_carriers(name: str, setting: Mapping[str, Any], config: Config, class_size: int) -> None:
    carriers = setting["carriers"]
    choose = carriers["choose"]
    needed = CARRIER_OPTIONS[choose]
    for key in carriers:
        if key != "choose" and key not in needed:
            raise ConfigError(f"{name}.carriers.{key} does not go with 'choose: {choose}', which takes {', '.join(needed) or 'nothing'}.")
    for key in needed:
        if key not in carriers:
            raise ConfigError(f"{name}.carriers.{key} is missing; 'choose: {choose}' takes {', '.join(needed)}.")
    if (choose == "all") != (setting["feature"] is None):
        wrong = "needs a choice of carriers, such as 'choose: random'" if choose == "all" else "has no 'feature' to lay over them"
        raise ConfigError(f"{name}.carriers.choose is '{choose}', but the setting {wrong}.")
    if "count" in carriers:
        last = carriers["count"] + carriers.get("start", 0)
        if last > class_size:
            what = "carriers.start + carriers.count" if "start" in carriers else "carriers.count"
            raise ConfigError(
                f"{name}.{what} is {last}, but class '{setting['source_class']}' of '{setting['dataset']}' has only {class_size} "
                f"training samples; choose at most {class_size}."
            )
    if "base" in carriers:
        _known(carriers["base"], config.settings, f"{name}.carriers.base: '{carriers['base']}'", "setting")
        base = config.settings[carriers["base"]]
        if "base" in base["carriers"]:
            raise ConfigError(f"{name}.carriers.base is '{carriers['base']}', which is itself derived; name the setting it comes from.")
        _known(carriers["score"], base["difficulty"], f"{name}.carriers.score: '{carriers['score']}'", f"score of '{carriers['base']}'")
        if (base["dataset"], base["image_size"]) != (setting["dataset"], setting["image_size"]):
            raise ConfigError(f"{name}.carriers.base is '{carriers['base']}', which is a setting of other images; name one of the same.")


def _check_training(name: str, setting: Mapping[str, Any]) -> None:
    training = setting["training"]
    _within(f"{name}.training.evaluate_epochs", training["evaluate_epochs"], training["epochs"])
    _check_augmentation(name, setting)
    for recipe_name, recipe in setting["reference"].items():
        key = f"{name}.reference.{recipe_name}"
        if recipe["epochs"] > training["epochs"]:
            raise ConfigError(
                f"{key}.epochs is {recipe['epochs']}, but training has only {training['epochs']} epochs; choose at most that."
            )
        _within(f"{key}.record_epochs", recipe["record_epochs"], recipe["epochs"])
        if recipe["shared"] and setting["carriers"].get("draw") != "fixed":
            raise ConfigError(
                f"{key}.shared is true, but every repeat draws its own carriers; set carriers.draw to fixed or shared to false."
            )
        if recipe["shared"] and setting["subset"]["draw"] != "fixed" and _draws(setting["subset"]["parts"]):
            raise ConfigError(f"{key}.shared is true, but every repeat draws its own subset; set subset.draw to fixed or shared to false.")
    for score, source in setting["difficulty"].items():
        key = f"{name}.difficulty.{score}"
        _known(score, plugins.names("scores"), key, "score")
        if (source["reference"] is None) != (score == "random"):
            raise ConfigError(f"{key}.reference must be null for 'random' and name a reference recipe for every other score.")
        if source["reference"] is not None:
            _known(source["reference"], setting["reference"], f"{key}.reference: '{source['reference']}'", "reference recipe")
            recorded = setting["reference"][source["reference"]]["record_epochs"]
            if recorded != "all" and source["epochs"] != "all" and not set(source["epochs"]) <= set(recorded):
                raise ConfigError(f"{key}.epochs is {source['epochs']}, but the reference records only {recorded}; choose among these.")
            _within(f"{key}.epochs", source["epochs"], setting["reference"][source["reference"]]["epochs"])


def _draws(parts: Mapping[str, Any]) -> bool:
    """Return whether any part of a subset is drawn at random: one that takes nothing, or by a ranking, is not."""
    return any(part.get("choose", "random") == "random" and part.get("count") != 0 for part in parts.values())


def _check_augmentation(name: str, setting: Mapping[str, Any]) -> None:
    augmentation = setting["training"]["augmentation"]
    for key in ("scale", "ratio"):
        low, high = augmentation.get(key, (0, 0))
        if low > high:
            raise ConfigError(f"{name}.training.augmentation.{key} is [{low}, {high}]; write the lower one first.")


def _within(key: str, epochs: str | list[int], last: int) -> None:
    if not isinstance(epochs, str) and any(epoch > last for epoch in epochs):
        raise ConfigError(f"{key} names epoch {max(epochs)}, but training ends after {last}; choose epochs from 1 to {last}.")


def _check_study(name: str, study: Mapping[str, Any], config: Config) -> None:
    _known(study["method"], plugins.names("methods"), f"studies.{name}.method: '{study['method']}'", "method")
    for section in ("figures", "tables"):
        for item_name, item in study[section].items():
            key = f"studies.{name}.{section}.{item_name}"
            _check_figure(key, item, study, config)


def _check_figure(key: str, figure: Mapping[str, Any], study: Mapping[str, Any], config: Config) -> None:
    kind = figure["kind"]
    for option in NEEDS[kind]:
        if option not in figure:
            raise ConfigError(f"{key}.{option} is missing; a {kind} needs {', '.join(NEEDS[kind])}.")
    for option in figure:
        if option != "kind" and option not in NEEDS[kind] and option not in OPTIONAL.get(kind, ()):
            allowed = ", ".join((*NEEDS[kind], *OPTIONAL.get(kind, ())))
            raise ConfigError(f"{key}.{option} does not go with a {kind}, which takes {allowed}.")
    if "family" in figure:
        _known(figure["family"], config.families, f"{key}.family: '{figure['family']}'", "family of settings (a setting with a grid)")
        sweep = SWEEPS[kind]
        for coordinates in config.families[figure["family"]].values():
            if sum(f".{dotted}".endswith(f".{words}") for dotted in coordinates for words in sweep) != 1:
                raise ConfigError(
                    f"{key}.family is '{figure['family']}', whose grid does not vary one key that ends in "
                    f"{' or '.join(repr(words) for words in sweep)}; name a family that does."
                )
    if kind == "montage" and figure["setting"] in config.settings and registry()[config.settings[figure["setting"]]["dataset"]].is_text:
        raise ConfigError(
            f"{key}.setting is '{figure['setting']}', whose samples are sentences; a montage shows images, so name a setting of these."
        )
    if plans.RANDOM in figure.get("orders", []) and kind == "general_pruning":
        raise ConfigError(f"{key}.orders names 'random', which a general_pruning always shows; leave it out.")
    sweeps = "orders" in OPTIONAL.get(kind, ())
    if sweeps and figure.get("score", study["score"]) == plans.RANDOM and len(figure.get("orders", plans.ORDERS)) > 1:
        raise ConfigError(f"{key} prunes by the score 'random', which has no ends; name one order, or another score.")
    named = [*figure.get("settings", []), *figure.get("learned", []), *([figure["setting"]] if "setting" in figure else [])]
    for setting in named:
        _known(setting, config.settings, f"{key}: '{setting}'", "setting")
        by_random = [plans.RANDOM] if plans.RANDOM in figure.get("orders", []) else []
        scores = [*figure.get("scores", [figure.get("score", study["score"])]), *by_random]
        for score in scores:
            _known(score, config.settings[setting]["difficulty"], f"{key}: score '{score}'", f"score of '{setting}'")
    _check_comparisons(key, figure, config)
    if "repeat" in figure and not any(int(b[:3]) <= figure["repeat"] <= int(b[4:]) for b in study["blocks"]):
        raise ConfigError(f"{key}.repeat is {figure['repeat']}, which is in none of the study's blocks {', '.join(study['blocks'])}.")


def _check_comparisons(key: str, item: Mapping[str, Any], config: Config) -> None:
    """Check what a figure or table is compared with: a baseline of the same samples, published values of the same dataset."""
    if "baseline" in item:
        _known(item["baseline"], config.settings, f"{key}.baseline: '{item['baseline']}'", "setting")
        blocks = [config.settings[name] for name in (item["baseline"], *config.family(item["family"]))]
        if len({(block["dataset"], block["image_size"]) for block in blocks}) > 1:
            raise ConfigError(f"{key}.baseline is '{item['baseline']}', a setting of other samples than the family; name one of the same.")
    if "published" in item:
        _check_published(key, item, config)
    for dataset, asked in item.get("benchmarks", {}).items():
        _check_benchmark(f"{key}.benchmarks.{dataset}", dataset, asked, config)


def _check_published(key: str, figure: Mapping[str, Any], config: Config) -> None:
    """Check that published values are of the figure's kind and of its settings' dataset."""
    name, kind = figure["published"], figure["kind"]
    datasets = COMPARISONS if kind == "carrier_difficulty" else {dataset: dataset for dataset in BENCHMARKS}
    _known(name, datasets, f"{key}.published: '{name}'", f"set of published values for a {kind}")
    if kind == "carrier_difficulty" and "baseline" not in figure:
        raise ConfigError(f"{key}.published is '{name}', which is compared with a setting without carriers; name one as baseline.")
    named = config.family(figure["family"]) if "family" in figure else figure["settings"]
    for setting in named:
        _check_dataset(f"{key}.{'family' if 'family' in figure else 'settings'}", setting, datasets[name], config)


def _check_benchmark(key: str, dataset: str, asked: Mapping[str, Any], config: Config) -> None:
    _known(asked["setting"], config.settings, f"{key}.setting: '{asked['setting']}'", "setting")
    _check_dataset(f"{key}.setting", asked["setting"], dataset, config)
    block = config.settings[asked["setting"]]
    for name in asked["plans"]:
        try:
            plan = plans.parse(name)
        except PlanError as error:
            raise ConfigError(f"{key}.plans: {error}") from None
        if plan.strategy == "none":
            raise ConfigError(f"{key}.plans names 'none', which is measured in any case; name plans that prune.")
        if plan.score is not None:
            _known(plan.score, block["difficulty"], f"{key}.plans: score '{plan.score}'", f"score of '{asked['setting']}'")
    if len(asked["plans"]) > 1 and block["validation"] == "none":
        raise ConfigError(
            f"{key}.plans names {len(asked['plans'])} plans, but '{asked['setting']}' has no validation samples to choose by; name one."
        )


def _check_dataset(key: str, setting: str, dataset: str, config: Config) -> None:
    found = config.settings[setting]["dataset"]
    if found != dataset:
        raise ConfigError(f"{key}: '{setting}' is a setting of '{found}', but the published values are of '{dataset}'; name one of that.")


def _check_blocks(config: Config) -> None:
    ranges: dict[str, tuple[int, int]] = {}
    for name in config.select:
        for block in config.studies[name]["blocks"]:
            first, last = int(block[:3]), int(block[4:])
            if first > last:
                raise ConfigError(f"studies.{name}.blocks: '{block}' ends before it begins; write the lower repeat first.")
            for other, (low, high) in ranges.items():
                if other != block and first <= high and low <= last:
                    raise ConfigError(
                        f"studies.{name}.blocks: '{block}' overlaps '{other}'; blocks are never regrouped, so add repeats as one more."
                    )
            if config.studies[name]["blocks"].count(block) > 1:
                raise ConfigError(f"studies.{name}.blocks names '{block}' twice; remove one.")
            ranges[block] = (first, last)

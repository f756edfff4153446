"""Checks of settings that go beyond the schema: names that must exist, numbers that must fit each other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from spurprune.config import check_feature, check_overlay, references, schema
from spurprune.config.config import Config
from spurprune.config.known import require_known
from spurprune.config.merging import merge
from spurprune.dag import plugins
from spurprune.data import overlaying
from spurprune.data.grouping import WITHOUT_WITH, Attribute, Grouping
from spurprune.data.probe import OTHERS
from spurprune.data.registry import DatasetEntry
from spurprune.errors import ConfigError, DataError
from spurprune.models import demands

Setting = Mapping[str, Any]

# The options of each way to choose carriers; "class" defaults to the probe's source.
CARRIER_OPTIONS = {
    "none": (),
    "natural": ("where",),
    "random": ("count", "draw"),
    "random_state": ("count",),
    "easiest": ("count", "base", "score"),
    "hardest": ("count", "base", "score"),
    "window": ("count", "base", "score", "start"),
}
OPTIONAL = {"random_state": ("seed", "also")}  # further options, after "class", that have defaults
GROUPS = "groups"  # the kind and the name of the partition that every setting has
SAMPLES = ("dataset", "image_size", "validation", "subset")  # what decides which samples a setting has
OF_DATA = ("none", "natural")  # the choices for settings without an overlay


def check(name: str, setting: Setting, config: Config) -> None:
    """Check one setting; raises ConfigError at the first mistake.

    The classes and attributes of a user's own dataset are checked when its samples are prepared.
    """
    require_known(setting["dataset"], config.datasets, f"{name}.dataset: '{setting['dataset']}'", "dataset")
    entry = config.datasets[setting["dataset"]]
    if not entry.embedded and setting["dataset"] not in (*config.data, *config.own_datasets):
        raise ConfigError(f"data.{setting['dataset']} is missing, but '{name}' uses this dataset; give its folder.")
    _check_classes(name, setting, entry)
    _check_attributes(name, setting, entry, config.own_datasets.get(setting["dataset"]))
    _check_inputs(name, setting, entry)
    _check_plugins(name, setting, entry)
    _check_subset(name, setting, entry)
    _check_together(name, setting, config.own_datasets.get(setting["dataset"]))
    _check_carriers(name, setting, config, entry)
    check_feature.check(name, setting)
    _check_training(name, setting, config)
    _check_partitions(name, setting)
    _check_analyses(name, setting, config)


def _check_classes(name: str, setting: Setting, entry: DatasetEntry) -> None:
    probe = setting["probe"]
    named = {f"probe.{key}": value for key, value in (probe or {}).items() if value != OTHERS}
    named |= {f"aligned: '{label}'": label for label in setting["aligned"]}
    if "class" in setting["carriers"]:
        named["carriers.class"] = setting["carriers"]["class"]
    named |= {f"carriers.also: '{label}'": label for label in setting["carriers"].get("also", ())}
    if entry.classes is not None:
        for key, label in named.items():
            where = f"{name}.{key}" if key.startswith(("aligned", "carriers.also")) else f"{name}.{key}: '{label}'"
            require_known(label, entry.classes, where, f"class of '{setting['dataset']}'")
    if probe and probe["source"] == probe["target"]:
        raise ConfigError(f"{name}.probe.target is '{probe['target']}', the source itself; choose another class.")
    if probe and probe["source"] == OTHERS:
        raise ConfigError(f"{name}.probe.source is '{OTHERS}', which only a target can be; name the class that the feature goes with.")


def attributes_of(setting: Setting, entry: DatasetEntry) -> dict[str, Attribute] | None:
    """Return a setting's attributes by name, the overlay's included; None if the dataset's are unknown until it is read."""
    if entry.attributes is None:
        return None
    found = {attribute.name: attribute for attribute in entry.attributes}
    if setting["overlay"] is not None:
        found[setting["overlay"]["attribute"]] = Attribute.of(setting["overlay"]["attribute"], WITHOUT_WITH)
    return found


def _check_attributes(name: str, setting: Setting, entry: DatasetEntry, own: Mapping[str, Any] | None) -> None:
    """Check the attributes that a setting names, and their values if the dataset is declared; ``own`` is the block of a user's own."""
    dataset, overlay = setting["dataset"], setting["overlay"]
    of_data = [one.name for one in entry.attributes or ()] if own is None else list(own.get("attributes", ()))
    if overlay is not None and overlay["attribute"] in of_data:
        raise ConfigError(f"{name}.overlay.attribute is '{overlay['attribute']}', already an attribute of '{dataset}'; choose another.")
    known = attributes_of(setting, entry)
    if known is None:
        _check_own_attributes(name, setting, of_data)
        return
    for attribute in setting["groups"]:
        require_known(attribute, known, f"{name}.groups: '{attribute}'", f"attribute of '{dataset}' or an overlay")
    try:
        Grouping(tuple(entry.classes or ()), tuple(known[attribute] for attribute in setting["groups"]))
    except DataError as error:
        raise ConfigError(f"{name}.groups: {error}") from None
    for label, tied in setting["aligned"].items():
        _check_values(f"{name}.aligned.{label}", tied, known)
    _check_values(f"{name}.carriers.where", setting["carriers"].get("where", {}), known)
    of_dataset = {one.name: one for one in entry.attributes or ()}
    for part_name, part in setting["subset"]["parts"].items():
        _check_values(f"{name}.subset.parts.{part_name}.where", part.get("where", {}), of_dataset)


def _check_own_attributes(name: str, setting: Setting, of_data: Sequence[str]) -> None:
    """Check that the attributes which a setting of a user's own dataset names are among the dataset's, or the overlay's."""
    of_overlay = [] if setting["overlay"] is None else [setting["overlay"]["attribute"]]
    named = {f"{name}.groups": setting["groups"], f"{name}.carriers.where": setting["carriers"].get("where", {})}
    named |= {f"{name}.aligned.{label}": tied for label, tied in setting["aligned"].items()}
    of_parts = {f"{name}.subset.parts.{part}.where": block.get("where", {}) for part, block in setting["subset"]["parts"].items()}
    for where, attributes, known in (
        *((where, attributes, [*of_data, *of_overlay]) for where, attributes in named.items()),
        *((where, attributes, of_data) for where, attributes in of_parts.items()),
    ):
        for attribute in attributes:
            require_known(attribute, known, f"{where}: '{attribute}'", f"attribute of '{setting['dataset']}' or an overlay")


def _check_values(key: str, values: Mapping[str, str], known: Mapping[str, Attribute]) -> None:
    for attribute, value in values.items():
        require_known(attribute, known, f"{key}: '{attribute}'", "attribute")
        require_known(value, known[attribute].values, f"{key}.{attribute}: '{value}'", f"value of '{attribute}'")


def _check_inputs(name: str, setting: Setting, entry: DatasetEntry) -> None:
    """Check the keys that are for one kind of inputs only."""
    dataset = setting["dataset"]
    if entry.kind != "images":
        _check_no_pixels(name, setting, entry)
        return
    if setting["image_size"] is None:
        raise ConfigError(f"{name}.image_size is null, but '{dataset}' holds images; give their size in pixels per side.")
    for key in ("mean", "std"):
        values = setting["normalisation"][key]
        if values is not None and len(values) != entry.channels:
            raise ConfigError(
                f"{name}.normalisation.{key} is {values}, but '{dataset}' has {entry.channels} channels; give one number per channel."
            )
    if setting["crop_size"] is not None and setting["crop_size"] > setting["image_size"]:
        raise ConfigError(
            f"{name}.crop_size is {setting['crop_size']}, but image_size is only {setting['image_size']}; choose at most that."
        )
    check_overlay.check(name, setting, entry)


def _check_no_pixels(name: str, setting: Setting, entry: DatasetEntry) -> None:
    """Raise ConfigError for a key that is for images in a setting of other samples."""
    dataset = setting["dataset"]
    unused = {"crop_size": setting["crop_size"], **{f"normalisation.{key}": setting["normalisation"][key] for key in ("mean", "std")}}
    for key, value in unused.items():
        if value is not None:
            raise ConfigError(f"{name}.{key} is {value}, which is for images; with '{dataset}' leave it null.")
    augmentation = setting["training"]["augmentation"]["name"]
    if augmentation != "none":
        raise ConfigError(f"{name}.training.augmentation is '{augmentation}', which is for images; with '{dataset}' use {{name: none}}.")
    if setting["training"].get("input_noise"):
        raise ConfigError(f"{name}.training.input_noise is for images; with '{dataset}' leave it 0.")
    if entry.kind == "sentences" and setting["training"]["compile"]:
        raise ConfigError(
            f"{name}.training.compile is true, but batches of '{dataset}' differ in length, so each would be recompiled; set it to false."
        )
    if entry.kind == "sentences" and setting["image_size"] is None:
        raise ConfigError(f"{name}.image_size is null, but '{dataset}' holds sentences; give the number of tokens to keep of each.")
    if entry.kind == "vectors" and setting["image_size"] is not None:
        raise ConfigError(f"{name}.image_size is {setting['image_size']}, but '{dataset}' holds vectors; leave it null.")


def _check_plugins(name: str, setting: Setting, entry: DatasetEntry) -> None:
    """Check that the network and the overlay take the dataset's kind of inputs."""
    for key, kind, what in (("model", "models", "network"), ("overlay", "overlays", "overlay")):
        block = setting[key]
        if block is None:
            continue
        takes = plugins.declared(kind, block["name"], "TAKES")
        if entry.kind not in takes:
            fitting = [one for one in plugins.names(kind) if entry.kind in plugins.declared(kind, one, "TAKES")]
            choice = f"choose {' or '.join(fitting)}" if fitting else f"no {what} takes these yet"
            raise ConfigError(
                f"{name}.{key}.name is '{block['name']}', which takes {' or '.join(takes)}, but '{setting['dataset']}' holds {entry.kind}; "
                f"{choice}."
            )
    smallest, seen = demands.smallest(setting["model"]), setting["crop_size"] or setting["image_size"] or 0
    if entry.kind == "images" and seen < smallest:
        raise ConfigError(
            f"{name}.model.name is '{setting['model']['name']}', which takes images of at least {smallest} pixels per side, but it sees "
            f"{seen}; choose another network."
        )
    channels = plugins.declared("models", setting["model"]["name"], "CHANNELS")
    if channels is not None and entry.channels != channels:
        raise ConfigError(
            f"{name}.model.name is '{setting['model']['name']}', whose networks take images of {channels} channels, but "
            f"'{setting['dataset']}' has {entry.channels}; choose another network."
        )


def _check_subset(name: str, setting: Setting, entry: DatasetEntry) -> None:
    for part_name, part in setting["subset"]["parts"].items():
        key = f"{name}.subset.parts.{part_name}"
        if entry.classes is not None:
            require_known(part["class"], entry.classes, f"{key}.class: '{part['class']}'", f"class of '{setting['dataset']}'")
        choose = part.get("choose", "random")
        require_known(choose, ("random", "first", *entry.rankings), f"{key}.choose: '{choose}'", "way to choose samples")
        if ("count" in part) == ("fill_to" in part):
            raise ConfigError(f"{key} must have either count or fill_to; give one of them.")
        if part.get("coin_seed") is not None and part.get("rest", "leave_out") != "hold_out":
            raise ConfigError(f"{key}.coin_seed is {part['coin_seed']}, but no sample of the part is held out; set rest to hold_out.")


def _check_together(name: str, setting: Setting, own: Mapping[str, Any] | None) -> None:
    """Raise ConfigError if a setting would divide samples that its dataset, the block of a user's own, keeps together."""
    if own is None or "keep_together" not in own:
        return
    parts = setting["subset"]["parts"]
    held_out = next((part for part, block in parts.items() if block.get("rest") == "hold_out"), None)
    if not isinstance(setting["validation"], str):
        key, way_out = f"{name}.validation is {setting['validation']}", "set it to official and give the dataset's split a validation share"
    elif held_out is not None:
        key, way_out = f"{name}.subset.parts.{held_out}.rest is hold_out", "set it to leave_out"
    else:
        return
    raise ConfigError(
        f"{key}, which would divide the samples that datasets.{setting['dataset']}.keep_together keeps in one split; {way_out}."
    )


def _check_carriers(name: str, setting: Setting, config: Config, entry: DatasetEntry) -> None:
    carriers = setting["carriers"]
    choose = carriers["choose"]
    needed = CARRIER_OPTIONS[choose]
    optional = () if choose in OF_DATA else ("class", *OPTIONAL.get(choose, ()))
    for key in carriers:
        if key not in ("choose", *needed, *optional):
            takes = ", ".join((*needed, *optional)) or "no options"
            raise ConfigError(f"{name}.carriers.{key} does not go with 'choose: {choose}', which takes {takes}.")
    for key in needed:
        if key not in carriers:
            raise ConfigError(f"{name}.carriers.{key} is missing; 'choose: {choose}' takes {', '.join(needed)}.")
    if (choose in OF_DATA) != (setting["overlay"] is None):
        why = "has an overlay; choose its carriers, such as by 'choose: random'" if choose in OF_DATA else "has no overlay; give it one"
        raise ConfigError(f"{name}.carriers.choose is '{choose}', but the setting {why}.")
    if choose not in OF_DATA:
        _check_drawn(name, setting, config, entry)


def _check_drawn(name: str, setting: Setting, config: Config, entry: DatasetEntry) -> None:
    """Check an overlay's carriers: their class must have enough samples, and the base setting must provide the ranks."""
    carriers = setting["carriers"]
    if setting["probe"] is not None and carriers.get("class", setting["probe"]["source"]) != setting["probe"]["source"]:
        raise ConfigError(
            f"{name}.carriers.class is '{carriers['class']}', but the probe's source is '{setting['probe']['source']}'; "
            "the overlay goes with one class, so remove carriers.class."
        )
    if "class" not in carriers and setting["probe"] is None:
        raise ConfigError(f"{name}.carriers.class is missing, and there is no probe to take it from; name a class.")
    label = carriers.get("class") or setting["probe"]["source"]
    if label in carriers.get("also", ()):
        raise ConfigError(f"{name}.carriers.also names '{label}', the class that the overlay goes with anyway; remove it.")
    for one in (label, *carriers.get("also", ())):
        _check_size(name, setting, one, entry)
    if "base" in carriers:
        require_known(carriers["base"], config.settings, f"{name}.carriers.base: '{carriers['base']}'", "setting")
        base = config.settings[carriers["base"]]
        if "base" in base["carriers"]:
            raise ConfigError(
                f"{name}.carriers.base is '{carriers['base']}', which has a base itself; name the setting it is derived from."
            )
        score = carriers["score"]
        require_known(score, base["difficulty"], f"{name}.carriers.score: '{score}'", f"score of '{carriers['base']}'")
        if any(base[key] != setting[key] for key in SAMPLES):
            raise ConfigError(
                f"{name}.carriers.base is '{carriers['base']}', which has other samples; name a setting of the same {', '.join(SAMPLES)}."
            )


def _check_size(name: str, setting: Setting, label: str, entry: DatasetEntry) -> None:
    """Check that a class of a declared dataset has as many training samples as an overlay's carriers need."""
    if entry.classes is None or entry.train_class_counts is None:
        return
    carriers = setting["carriers"]
    size = entry.train_class_counts[entry.classes.index(label)]
    last = carriers["count"] + carriers.get("start", 0)
    if last > size:
        what = "carriers.start + carriers.count" if "start" in carriers else "carriers.count"
        raise ConfigError(
            f"{name}.{what} is {last}, but class '{label}' of '{setting['dataset']}' has only {size} training samples; "
            f"choose at most {size}."
        )


def check_recipe(key: str, training: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Check a complete training recipe that passes the schema, for a setting's network; ``key`` names it in messages."""
    if training["batch_size"] < (least := demands.least_batch(model)):
        raise ConfigError(
            f"{key}.batch_size is {training['batch_size']}, but '{model['name']}' has batch normalisation, which takes at least {least} "
            "samples; raise it."
        )
    _within(f"{key}.evaluate_epochs", training["evaluate_epochs"], training["epochs"])
    for option in ("scale", "ratio"):
        low, high = training["augmentation"].get(option, (0, 0))
        if low > high:
            raise ConfigError(f"{key}.augmentation.{option} is [{low}, {high}]; write the lower one first.")
    if training.get("input_noise") and training["compile"]:
        raise ConfigError(
            f"{key}.input_noise is {training['input_noise']}, whose draws cannot be compiled; set compile to false or the noise to 0."
        )


def is_validated(setting: Setting, config: Config) -> bool:
    """Return whether a setting may have validation samples; only False is certain before the data are read."""
    if setting["validation"] != "official":
        return bool(setting["validation"] != "none")
    held_out = any(part.get("rest") == "hold_out" for part in setting["subset"]["parts"].values())
    return held_out or config.datasets[setting["dataset"]].validated


def _check_training(name: str, setting: Setting, config: Config) -> None:
    check_recipe(f"{name}.training", setting["training"], setting["model"])
    if setting["training"]["evaluate_splits"] == ["validation"] and not is_validated(setting, config):
        raise ConfigError(
            f"{name}.training.evaluate_splits is [validation], but '{name}' has no validation samples; name other splits, or set its "
            "validation to a share of the training split."
        )
    for recipe_name, recipe in setting["reference"].items():
        key = f"{name}.reference.{recipe_name}"
        training = merge(setting["training"], recipe.get("training", {}))
        schema.validate(training, "setting", where=f"{key}.training", part="training")
        check_recipe(f"{key}.training", training, setting["model"])
        longest = training["epochs"]
        if recipe["epochs"] > longest:
            raise ConfigError(f"{key}.epochs is {recipe['epochs']}, but training has only {longest} epochs; choose at most that.")
        _within(f"{key}.record_epochs", recipe["record_epochs"], recipe["epochs"])
        if references.kind_of(recipe) == references.CROSS_RISK:
            _check_twins(key, recipe)
        if recipe["shared"] and _draws_carriers(setting):
            raise ConfigError(
                f"{key}.shared is true, but every repeat draws its own carriers; set carriers.draw to fixed or shared to false."
            )
        if recipe["shared"] and overlaying.is_drawn(setting["overlay"]):
            raise ConfigError(f"{key}.shared is true, but every repeat draws its own overlay; give overlay.seed or set shared to false.")
        if recipe["shared"] and setting["subset"]["draw"] != "fixed" and _draws(setting["subset"]["parts"]):
            raise ConfigError(f"{key}.shared is true, but every repeat draws its own subset; set subset.draw to fixed or shared to false.")
    for score, source in setting["difficulty"].items():
        _check_score(name, score, source, setting)


def _check_twins(key: str, recipe: Mapping[str, Any]) -> None:
    """Check a reference recipe whose twins are compared after its last epoch."""
    if recipe["view"] == "training":
        raise ConfigError(f"{key}.view is training, but twins are compared after an epoch; choose eval or eval_augmented.")
    recorded, last = recipe["record_epochs"], recipe["epochs"]
    if recorded != "all" and last not in recorded:
        raise ConfigError(
            f"{key}.record_epochs is {recorded}, but the share of flipped labels, by which such recipes are compared, is that after epoch "
            f"{last}; add it, or set epochs to {max(recorded)}."
        )


def _check_score(name: str, score: str, source: Mapping[str, Any], setting: Setting) -> None:
    key = f"{name}.difficulty.{score}"
    require_known(score, plugins.names("scores"), key, "score")
    if (source["reference"] is None) != (score == "random"):
        raise ConfigError(f"{key}.reference must be null for 'random' and name a reference recipe for every other score.")
    if source["reference"] is None:
        return
    require_known(source["reference"], setting["reference"], f"{key}.reference: '{source['reference']}'", "reference recipe")
    recipe = setting["reference"][source["reference"]]
    if references.kind_of(recipe) != references.ERM:
        raise ConfigError(
            f"{key}.reference is '{source['reference']}', a recipe of kind {references.kind_of(recipe)}, whose twins change the labels "
            f"that they learn from, so it gives no difficulty; name a recipe of kind {references.ERM}."
        )
    recorded = recipe["record_epochs"]
    if recorded != "all" and source["epochs"] != "all" and not set(source["epochs"]) <= set(recorded):
        raise ConfigError(f"{key}.epochs is {source['epochs']}, but the reference records only {recorded}; choose among these.")
    _within(f"{key}.epochs", source["epochs"], recipe["epochs"])


def _check_partitions(name: str, setting: Setting) -> None:
    for partition, block in setting["partitions"].items():
        key = f"{name}.partitions.{partition}"
        if partition == GROUPS and block["kind"] != GROUPS:
            raise ConfigError(f"{key}.kind is '{block['kind']}', but every setting has its groups under this name; choose another name.")
        _check_made_of(key, "analysis", block, setting)
        if "reference" not in block:
            continue
        recipe = _recipe(key, "partition", plugins.declared("partitions", block["kind"], "REFERENCE", references.ERM), block, setting)
        epoch, recorded = block.get("epoch"), recipe["record_epochs"]
        if epoch is not None and (epoch > recipe["epochs"] if recorded == "all" else epoch not in recorded):
            raise ConfigError(f"{key}.epoch is {epoch}, but the reference records {recorded} (of {recipe['epochs']}); choose among these.")
        if block.get("seed", 0) >= recipe["seeds"]:
            raise ConfigError(f"{key}.seed is {block['seed']}, but the reference has only the seeds 0 to {recipe['seeds'] - 1}.")


def _check_analyses(name: str, setting: Setting, config: Config) -> None:
    for analysis, block in setting["analyses"].items():
        key = f"{name}.analyses.{analysis}"
        if plugins.declared("analyses", block["kind"], "NEEDS_VALIDATION", False) and not is_validated(setting, config):
            raise ConfigError(
                f"{key} of kind {block['kind']} reads validation samples, but '{name}' has none; set its validation to a share of the "
                "training split."
            )
        _check_looked_at(key, block, setting, config)
        _check_made_of(key, "partition", block, setting)
        if "reference" in block:
            _recipe(key, "analysis", references.ERM, block, setting)


def _check_looked_at(key: str, block: Setting, setting: Setting, config: Config) -> None:
    """Raise ConfigError unless an analysis can look at the setting's inputs and network."""
    held, network = config.datasets[setting["dataset"]].kind, setting["model"]["name"]
    takes = plugins.declared("analyses", block["kind"], "TAKES", (held,))
    if held not in takes:
        raise ConfigError(f"{key} of kind {block['kind']} takes {' or '.join(takes)}, but '{setting['dataset']}' holds {held}; remove it.")
    networks = plugins.declared("analyses", block["kind"], "NETWORKS", (network,))
    if network not in networks:
        raise ConfigError(
            f"{key} of kind {block['kind']} looks at networks named {' or '.join(networks)}, but model.name is '{network}'; remove it."
        )


def _recipe(key: str, what: str, needed: str, block: Setting, setting: Setting) -> Mapping[str, Any]:
    """Return the reference recipe that a partition or an analysis names, which must be of the kind ``needed``."""
    require_known(block["reference"], setting["reference"], f"{key}.reference: '{block['reference']}'", "reference recipe")
    recipe: Mapping[str, Any] = setting["reference"][block["reference"]]
    found = references.kind_of(recipe)
    if found != needed:
        article = "an" if what == "analysis" else "a"
        raise ConfigError(
            f"{key}.reference is '{block['reference']}', a recipe of kind {found}, but {article} {what} of kind {block['kind']} reads one "
            f"of kind {needed}; name such a recipe."
        )
    return recipe


def _check_made_of(key: str, option: str, block: Setting, setting: Setting) -> None:
    """Check the analysis that a partition is made from, or the partition that an analysis reads: it exists and is of the kind needed."""
    if option not in block:
        return
    section, of = {"analysis": ("analyses", "partitions"), "partition": ("partitions", "analyses")}[option]
    require_known(block[option], setting[section], f"{key}.{option}: '{block[option]}'", option)
    needed = plugins.declared(of, block["kind"], option.upper())
    found = setting[section][block[option]]["kind"]
    if found != needed:
        raise ConfigError(f"{key}.{option} is '{block[option]}', which is of kind {found}; name one of kind {needed}.")


def _draws_carriers(setting: Setting) -> bool:
    carriers = setting["carriers"]
    return setting["overlay"] is not None and carriers.get("draw") != "fixed" and carriers.get("seed") is None


def _draws(parts: Mapping[str, Any]) -> bool:
    """Return whether any part of a subset is drawn at random; one that takes nothing, or goes by a ranking, is not."""
    return any(part.get("choose", "random") == "random" and part.get("count") != 0 for part in parts.values())


def _within(key: str, epochs: str | Iterable[int], last: int) -> None:
    if not isinstance(epochs, str) and any(epoch > last for epoch in epochs):
        raise ConfigError(f"{key} names epoch {max(epochs)}, but training ends after {last}; choose epochs from 1 to {last}.")

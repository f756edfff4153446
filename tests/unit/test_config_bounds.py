"""Hostile and contradictory configurations: numbers, words, sizes, names and types that no key means."""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurprune.config import grids, loading, schema
from spurprune.config.config import Config
from spurprune.dag import kinds, plugins, targets
from spurprune.data import probe
from spurprune.data.readers import table
from spurprune.errors import ConfigError, DataError

Load = Callable[..., Config]


@pytest.fixture
def load(root: Path, tmp_path: Path) -> Load:
    """Load the example configuration after a change of its main part and of its settings."""

    def loader(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Config:
        main, settings = (yaml.safe_load((root / "tests/unit/example" / f"{name}.yaml").read_text()) for name in ("config", "settings"))
        change(main, settings)
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
        return loading.load({**main, "setting_files": [str(tmp_path / "settings.yaml")]}, root)

    return loader


def _numbers(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a number, with where it is."""
    if isinstance(node, dict):
        if {"integer", "number"} & set(
            [node["type"]] if isinstance(node.get("type"), str) else node.get("type", ())
        ) and "enum" not in node:
            yield place, node
        for key, inner in node.items():
            yield from _numbers(inner, f"{place}.{key}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _numbers(inner, f"{place}.{number}")


def test_every_number_has_bounds() -> None:
    refinements = {name: plugins.declared("refinements", name, "OPTIONS", {}) for name in plugins.names("refinements")}
    found = [*_numbers(schema.load("config")), *_numbers(schema.load("setting")), *_numbers(refinements)]
    assert len(found) > 40
    for place, number in found:
        assert {"minimum", "exclusiveMinimum"} & set(number), place
        assert {"maximum", "exclusiveMaximum"} & set(number), place


def test_every_pattern_is_written_for_whole_texts() -> None:
    """It is applied to them anyway; ^ and $ would say that it is not."""

    def patterns(node: Any) -> Iterator[str]:
        if isinstance(node, dict) and isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from patterns(inner)

    found = [*patterns(schema.load("config")), *patterns(schema.load("setting"))]
    assert len(found) > 10
    assert not [one for one in found if "^" in one.replace("[^", "") or "$" in one]


@pytest.mark.parametrize(
    ("kind", "value", "is_valid"),
    [
        ("integer", 2, True),
        ("integer", 2.0, False),
        ("integer", True, False),
        ("integer", "2", False),
        ("number", 2, True),
        ("number", 2.5, True),
        ("number", float("nan"), False),
        ("number", float("inf"), False),
        ("number", False, False),
    ],
)
def test_whole_numbers_and_finite_numbers(kind: str, value: Any, is_valid: bool) -> None:
    assert schema.Validator({"type": kind}).is_valid(value) == is_valid


@pytest.mark.parametrize(("text", "is_valid"), [("000-004", True), ("000-004\n", False), ("x000-004", False), ("000-0045", False)])
def test_patterns_match_whole_texts(text: str, is_valid: bool) -> None:
    assert schema.Validator({"pattern": "[0-9]{3}-[0-9]{3}"}).is_valid(text) == is_valid


FIG4 = {"kind": "carrier_pruning", "settings": ["digits-carriers"]}
FIG1 = {"kind": "carrier_count", "family": "digits-count"}


def _figure(**options: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda main, settings: main["studies"]["digits"]["figures"].update(mine=options)


def _digits(**keys: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda main, settings: settings["digits"].update(keys)


def _training(**keys: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda main, settings: settings["digits"]["training"].update(keys)


def _setting(name: Any, **keys: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda main, settings: settings.update({name: keys})


def _method(**keys: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda main, settings: main["methods"].update(mine={"kind": "erm", **keys})


def _main(**keys: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda main, settings: main.update(keys)


def _own(**keys: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    birds = {"reader": "table", "path": "birds.csv", "label": "species", **keys}
    return lambda main, settings: main.update(datasets={"birds": birds})


def _study(**keys: Any) -> Callable[[dict[str, Any], dict[str, Any]], object]:
    return lambda main, settings: main["studies"]["digits"].update(keys)


MINE = "studies.digits.figures.mine"
ONE_E_MINUS_3 = '{} is "1e-3", but must be a number (YAML reads 1e-3 as text, so write 1.0e-3).'
TUNING = {"blocks": ["900-900"]}
HUNDRED = list(range(1, 101))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        # whole numbers, finite and bounded ones
        (_training(epochs=2.0), "digits.training.epochs is 2.0, but must be a whole number."),
        (_training(epochs=10**6), "digits.training.epochs is 1000000, but must be at most 100000."),
        (_training(batch_size=16.0), "digits.training.batch_size is 16.0, but must be a whole number."),
        (
            _training(optimizer={"name": "sgd", "lr": float("inf"), "momentum": 0.9, "weight_decay": 0.0}),
            "digits.training.optimizer.lr is inf, which is not a finite number; write one.",
        ),
        (
            _training(optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": float("nan")}),
            "digits.training.optimizer.weight_decay is nan, which is not a finite number; write one.",
        ),
        (
            _training(schedule={"name": "step", "milestones": [8], "factor": 1e6}),
            "digits.training.schedule.factor is 1000000.0, but must be at most 10.",
        ),
        (
            _training(schedule={"name": "step", "milestones": [8, 8], "factor": 0.1}),
            "digits.training.schedule.milestones is [8, 8], but must be a list of different epochs, counted from 1.",
        ),
        (
            _training(evaluate_epochs=[1, 1]),
            "digits.training.evaluate_epochs is [1, 1], but must be all or a list of different epochs, counted from 1.",
        ),
        (_main(threads=10**6), "threads is 1000000, but must be at most 1024."),
        (
            _figure(kind="montage", setting="digits-carriers", repeat=0, columns=10**6),
            "studies.digits.figures.mine.columns is 1000000, but must be at most 100.",
        ),
        # words with a line's end, and numbers in two ways
        (_figure(**FIG4, sparsities=["0.50\n"]), "studies.digits.figures.mine.sparsities.0 is '0.50\\n', which has line ends or"),
        (
            _figure(**FIG4, sparsities=["0.10", "0.100"]),
            'studies.digits.figures.mine.sparsities.1 is "0.100", but must be a quoted number in [0, 1) with two to',
        ),
        (
            _figure(**FIG4, sparsities=[0.1, "0.10"]),
            "studies.digits.figures.mine.sparsities.0 is 0.1, but must be a quoted number in [0, 1)",
        ),
        (
            _study(settings=["digits"], plans=["random-0.10", "random-0.100"]),
            "studies.digits.plans: 'random-0.100' is not a plan; plans of this strategy are written",
        ),
        (
            _study(settings=["digits"], plans=["upweight-class-5.0"]),
            "studies.digits.plans: 'upweight-class-5.0' is not a plan; plans of this strategy",
        ),
        (_study(settings=["digits"], plans=["upweight-class-" + "9" * 400]), "studies.digits.plans: 'upweight-class-999999999"),
        (
            _study(settings=["digits"], plans=["per_clas-el2n-hardest-0.10"]),
            "studies.digits.plans: 'per_clas-el2n-hardest-0.10' is not a plan (did you mean 'per_class'?); plans",
        ),
        # sizes
        (
            _setting("many", extends="digits", grid={f"training.k{n}": list(range(10)) for n in range(6)}),
            "many.grid has 1,000,000 members; name at most 1,000.",
        ),
        (
            _setting("many", extends="digits", grid={"training.epochs": list(range(10**4))}),
            "many.grid.training.epochs has 10,000 entries; give at most 1,000.",
        ),
        (
            _method(grid={f"training.k{n}": HUNDRED for n in range(3)}, tuning=TUNING),
            "methods.mine.grid has 1,000,000 candidates; name at most 1,000.",
        ),
        (
            _method(grid={"training.epochs": list(range(1, 301))}, tuning={**TUNING, "blocks": [f"{n:03d}-{n:03d}" for n in range(900)]}),
            "methods.mine asks for 270,000 files of settings, methods, plans and blocks; name fewer",
        ),
        (
            _study(
                settings=["digits"] * 1 + ["digits-carriers"],
                plans=[f"random-0.{n:03d}" for n in range(1, 1000) if n % 10],
                blocks=[f"{n:03d}-{n:03d}" for n in range(900)],
            ),
            "studies.digits asks for 1,620,000 files of settings, methods, plans and blocks; name fewer, at most 100,000.",
        ),
        (_study(title="a" * 201), 'studies.digits.title is "aaaaaaaaa'),
        (_main(select=["digits"] * 1001), "select has 1,001 entries; give at most 1,000."),
        # names
        (_setting("a" * 151, extends="digits"), "The setting 'aaaaaaaaa"),
        (_setting("Digits", extends="digits"), "The setting 'Digits' cannot be a folder name; use letters, digits,"),
        (
            _setting("digits-Carriers", extends="digits"),
            "The settings 'digits-carriers' and 'digits-Carriers' differ in upper and lower case only; rename one.",
        ),
        (
            _setting("long", extends="digits", grid={"overlay.attribute": ["a" * 60, "b" * 160]}),
            "long.grid: the member 'long.attribute-bbbbbbbb",
        ),
        (lambda main, settings: main["methods"].update({"m" * 61: {"kind": "erm"}}), "methods.mmmmmmm"),
        (
            _digits(partitions={"groups": {"kind": "errors", "reference": "early", "epoch": 1}}),
            "digits.partitions.groups.kind is 'errors', but every setting has its groups under this name; choose another name.",
        ),
        (_digits(partitions={"class": {"kind": "groups"}}), "digits.partitions.class is not a valid name; use lower-case letters"),
        (
            lambda main, settings: main["data"].update(digitz="resources"),
            "data.digitz is not a known dataset with a folder (did you mean 'digits'?); known are",
        ),
        (_study(score="el3n"), "studies.digits.score: 'el3n' is not a known score (did you mean 'el2n'?); known are"),
        # members and candidates that would share a name
        (
            _setting("twins", extends="digits", grid={"carriers.count": [1, "1"]}),
            "twins.grid.carriers.count is [1, \"1\"], of which two are written '1' in a folder's name; remove one.",
        ),
        (
            _method(grid={"training.epochs": [1, "1"]}, tuning=TUNING),
            "methods.mine.grid.training.epochs is [1, \"1\"], of which two are written '1'",
        ),
        (
            _setting("above", extends="digits", grid={"carriers": [{}], "carriers.count": [1]}),
            "above.grid: 'carriers.count' is part of 'carriers', which varies, too; remove one.",
        ),
        (
            _setting("empty", extends="digits", grid={"carriers..count": [1]}),
            "empty.grid: 'carriers..count' is not a dotted key, such as training.optimizer.lr; correct it.",
        ),
        # a second dimension that one line cannot show, and ends of difficulty that are none
        (
            lambda main, settings: settings["digits-count"].update(grid={"carriers.count": [0, 7], "overlay.width": [1, 2]}),
            "studies.digits.figures.fig1.family is 'digits-count', whose grid also varies 'overlay.width', which a carrier_count",
        ),
        # what is resolved before the schema
        (_setting("mine", extends=["digits"]), 'mine.extends is ["digits"], but must be the name of one setting.'),
        (_setting("mine", extends={"digits": 1}), 'mine.extends is {"digits": 1}, but must be the name of one setting.'),
        (_setting("mine", extends="digitz"), "mine.extends: 'digitz' is not a known setting (did you mean 'digits'?); known are digits,"),
        (
            _setting("mine", extends="digits", variants=["paper"]),
            "mine.variants is [\"paper\"], but must map names to keys that differ, such as 'paper: {}'.",
        ),
        (
            _setting("mine", extends="digits", variants={"paper": None}),
            "mine.variants.paper is null, but must be a mapping of keys that differ, such as {}.",
        ),
        (
            _setting("mine", extends="digits", variants={"paper": {}, "code": {"extends": "digits"}}),
            "mine.variants.code.extends cannot differ between variants; move it to 'mine'.",
        ),
        (
            _setting("mine", extends="digits", variants={"paper": {}, "code": {"model": {"chanels": 3}}}),
            "mine.variants.code.model.chanels is not a known key (did you mean 'channels'?); allowed are",
        ),
        (
            _setting("mine", extends="digits", variants={"paper": {}}, variant=["paper"]),
            'mine.variant is ["paper"], but must be the name of one variant.',
        ),
        (_setting("mine", extends="digits", variant="code"), "mine.variant is 'code', but the setting has no variants; remove it."),
        (_setting("mine", extends="digits", grid=[1]), "mine.grid must map dotted keys to lists of values"),
        (_setting("mine", extends="digits", grid={"carriers.count": 3}), "mine.grid must map dotted keys to lists of values"),
        (_setting("mine", extends="digits", grid={}), "mine.grid must map dotted keys to lists of values"),
        (
            _setting("mine", extends="digits", grid={"variant": ["paper", "code"]}),
            "mine.grid: 'variant' is not a key that a family can vary; declare a setting for each value.",
        ),
        (_main(data={5: "x"}), 'data.5 is a key that YAML does not read as text; quote it: "5".'),
        (_main(data={True: "x"}), 'data.true is a key that YAML does not read as text; quote it: "true".'),
        (_main(data={None: "x"}), 'data.null is a key that YAML does not read as text; quote it: "null".'),
        (_setting("mine"), "mine.description is missing; it is required."),
        # partial blocks, whether or not something uses them
        (_main(setting_defaults={"trainin": {}}), "setting_defaults.trainin is not a known key (did you mean 'training'?); allowed are"),
        (_method(training={"optimizer": {"lr": "1e-3"}}), ONE_E_MINUS_3.format("methods.mine.training.optimizer.lr")),
        (
            _main(setting_defaults={"training": {"optimizer": {"lr": "1e-3"}}}),
            ONE_E_MINUS_3.format("setting_defaults.training.optimizer.lr"),
        ),
        (
            _method(training={"optimizer": {"lr": "1e-3", "momentum": 0.9}}),
            ONE_E_MINUS_3.format("methods.mine.training.optimizer.lr"),
        ),
        (
            _method(training={"optimizer": {"lrr": 1}}),
            "methods.mine.training.optimizer.lrr is not a known key (did you mean 'lr'?); allowed are eps, lr, momentum, name, weight",
        ),
        (
            _main(setting_defaults={"model": {"chanels": [4, 4, 4]}}),
            "setting_defaults.model.chanels is not a known key (did you mean 'channels'?); allowed are",
        ),
        (
            _method(training={"optimizer": {"momentum": 0.9, "eps": 1.0e-8}}),  # of two optimizers
            'methods.mine.training.optimizer is {"momentum": 0.9, "eps": 1e-08}, but must be {name: sgd, lr',
        ),
        (_training(gradient_clip={"norm": "1e-3"}), ONE_E_MINUS_3.format("digits.training.gradient_clip.norm")),
        # empty and repeated values
        (
            _figure(kind="general_pruning", settings=["digits"], sparsities=["0.10"], orders=["hardest", "hardest"]),
            'studies.digits.figures.mine.orders is ["hardest", "hardest"], but must be a list of different orders (hardest, easiest, ',
        ),
        (_own(label=""), 'datasets.birds.label is "", but must be the name of a column, quoted if it is a number.'),
        (_own(attributes=[""]), 'datasets.birds.attributes.0 is "", but must be the name of a column, quoted if it is a number.'),
        (_own(image=""), 'datasets.birds.image is "", but must be the name of a column, quoted if it is a number.'),
        (_own(path="birds.xlsx"), 'datasets.birds.path is "birds.xlsx", but must be a file whose name ends in .csv, .tsv, .parquet or'),
        (_study(title=""), 'studies.digits.title is "", but must be text of at most 200 characters, not blank.'),
        (_study(title=" \n "), 'studies.digits.title is " \\n ", but must be text of at most 200 characters, not blank.'),
        (_digits(description="\u3000"), 'digits.description is "\u3000", but must be text of at most 200 characters, not blank.'),
        (_main(methods={}), "methods is {}, but must be a mapping from names to methods, at least one."),
        (_main(studies={}), "studies is {}, but must be a mapping from names to studies, at least one."),
        (_main(data={"cifar10": None}), "data.cifar10 is null, but must be a folder."),
        (_training(evaluate_epochs=[0]), "digits.training.evaluate_epochs is [0], but must be all or a list of different epochs, counted"),
        (
            _digits(carriers={"choose": "natural", "where": {"place": True}}),
            "digits.carriers.where.place is true, but must be a value's name, quoted if it is a number, yes, no, on or off.",
        ),
        (
            _figure(kind="general_pruning", setting="digits", sparsities=["0.10"]),
            f"{MINE}.setting does not go with a general_pruning, which needs settings, sparsities (did you mean 'settings'",
        ),
        (
            _figure(kind="general_pruning", settings=["digits"], setting="digits", sparsities=["0.10"]),
            f"{MINE}.setting does not go with a general_pruning, which takes settings, sparsities, orders, score, methods"
            " (did you mean 'settings'?).",
        ),
        # keys that are gone once a setting is complete
        (
            _setting("mine", extend="digits"),
            "mine.extend is not a known key (did you mean 'extends'?); allowed are advice, aligned, analyses, carriers, crop_s",
        ),
        (_setting("mine", extends="digits", grids={}), "mine.grids is not a known key (did you mean 'grid'?); allowed are advice,"),
        (_setting("mine", extends="digits", varients={}), "mine.varients is not a known key (did you mean 'variants'?); allowed are"),
        (
            _setting("mine", extends="digits", varients={"code": {}}, variant="code"),
            "mine.varients is not a known key (did you mean 'variants'?); allowed are",
        ),
        (_setting("mine", colour=1), "mine.colour is not a known key; allowed are advice, aligned, analyses, carriers, crop_size, dataset"),
        # true, false and null as YAML writes them
        (_setting("mine", extends=True), "mine.extends is true, but must be the name of one setting."),
        (_setting("mine", extends="digits", variants=False), "mine.variants is false, but must map names to keys that differ, such as"),
        (
            _setting("mine", extends="digits", grid={"overlay": [None, None]}),
            "mine.grid.overlay is [null, null], which names a value twice;",
        ),
        (_main(setting_defaults={"image_size": "large"}), 'setting_defaults.image_size is "large", but must be a whole number of pixels'),
        (
            _method(training={"optimizer": {"name": "sgd", "lr": "fast"}}),
            'methods.mine.training.optimizer.lr is "fast", but must be a number',
        ),
    ],
)
def test_what_is_refused(
    load: Load, change: Callable[[dict[str, Any], dict[str, Any]], object], sentence: str, assert_one_sentence: Callable[[str], None]
) -> None:
    started = time.process_time()
    with pytest.raises(ConfigError) as error:
        load(change)
    assert time.process_time() - started < 4
    assert str(error.value).startswith(sentence), str(error.value)
    assert_one_sentence(str(error.value))


def test_a_chain_of_settings_is_bounded(load: Load, assert_one_sentence: Callable[[str], None]) -> None:
    def lengthen(main: dict[str, Any], settings: dict[str, Any]) -> None:
        settings.update({f"s{number}": {"extends": f"s{number - 1}" if number else "digits"} for number in range(60)})

    with pytest.raises(
        ConfigError, match=r"^s50\.extends leads to 'digits' by more than 50 steps; extend a setting closer to it\.$"
    ) as error:
        load(lengthen)
    assert_one_sentence(str(error.value))


def test_a_grid_is_counted_before_it_is_built() -> None:
    with pytest.raises(ConfigError, match=r"^g has 1,000,000,000,000,000,000,000,000 members; name at most 1,000\.$"):
        grids.check("g", {f"k{number}": range(100) for number in range(12)}, "members")
    with pytest.raises(ConfigError, match=r"^g has members of the same name, since keys end in the same word; vary other keys\.$"):
        grids.check("g", {"a.x": ["1.x-2", 1], "b.x": [3, "2.x-3"]}, "members")


def test_variants_of_the_base_can_be_left_out(load: Load) -> None:
    def leave_out(main: dict[str, Any], settings: dict[str, Any]) -> None:
        settings["based"] = {"extends": "digits", "variants": {"paper": {}, "code": {}}}
        settings["plain"] = {"extends": "based", "variants": None}

    found = load(leave_out).settings
    assert (found["based"]["variant"], found["plain"]["variant"]) == ("paper", None)


def test_paths_are_expanded(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert load(lambda main, settings: main["data"].update(mnist="~/mnist")).data["mnist"] == "/home/ada/mnist"


def test_an_unset_variable_stops_only_runs_on_its_dataset(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    config = load(lambda main, settings: main["data"].update(mnist="$NOWHERE/mnist"))
    targets.check("results/datasets/digits-8/inputs.npy", (), config)
    for path in ("results/downloads/mnist.json", "results/datasets/mnist-28/inputs.npy"):
        with pytest.raises(ConfigError, match=r"^data\.mnist is '\$NOWHERE/mnist', but the environment variable 'NOWHERE' is not set;"):
            targets.check(path, (), config)


def _unworded(node: Any, place: str = "") -> Iterator[str]:
    """Every rule whose violation has no words of its own and no ``x-allowed``."""
    if isinstance(node, dict):
        rules = {"minItems", "maxItems", "uniqueItems", "minLength", "maxLength", "pattern", "minProperties"} & node.keys()
        rules = set() if place.endswith(".properties") else rules  # names of keys
        if rules and "x-allowed" not in node and "oneOf" not in place.split(".")[-2:]:
            yield f"{place} ({', '.join(sorted(rules))})"
        for key, inner in node.items():
            yield from _unworded(inner, f"{place}.{key}")
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _unworded(inner, f"{place}.{number}")


def test_every_rule_has_words() -> None:
    """Without them a message is JSON schema's own."""
    assert [*_unworded(schema.load("config")), *_unworded(schema.load("setting"))] == []


def test_endings_of_own_files_are_in_any_case(load: Load) -> None:
    assert load(_own(path="BIRDS.CSV", vectors="birds.Npy")).own_datasets["birds"]["path"] == "BIRDS.CSV"


def test_the_ends_of_difficulty_are_two() -> None:
    class Family:
        settings: dict[str, Any] = {}  # noqa: RUF012 - read only

        def family(self, name: str) -> list[str]:
            return ["a", "b"]

        def coordinates(self, setting: str) -> dict[str, Any]:
            return {"carriers.choose": {"a": "easiest", "b": "random"}[setting]}

    record = kinds.figure_kinds()["carrier_difficulty"]
    with pytest.raises(
        ConfigError, match=r"^f\.family is 'w', which varies carriers\.choose over easiest, random; name one that varies it"
    ):
        record.check("f", {"kind": "carrier_difficulty", "family": "w"}, {}, Family())  # type: ignore[arg-type]


def test_a_column_has_one_meaning(assert_one_sentence: Callable[[str], None]) -> None:
    block = {"path": "a.csv", "label": "species", "vectors": "a.npy", "attributes": ["place"]}
    table.check(block, "datasets.birds")
    for twice in ({"attributes": ["species"]}, {"split": "species"}, {"split": "place"}):
        with pytest.raises(ConfigError, match=r"^datasets\.birds takes the column '(species|place)' for two things; name another") as error:
            table.check({**deepcopy(block), **twice}, "datasets.birds")
        assert_one_sentence(str(error.value))


def test_a_class_cannot_be_named_as_the_probe_names_all_others(assert_one_sentence: Callable[[str], None]) -> None:
    class Classes:
        classes = ("fives", "others")

        def class_index(self, name: str) -> int:
            return self.classes.index(name)

    found = probe.Probe.of({"source": "fives", "target": "others"}, type("Two", (Classes,), {"classes": ("fives", "sixes")})())  # type: ignore[arg-type]
    assert found == probe.Probe(0, None)
    with pytest.raises(DataError, match=r"^The probe names 'others', all classes but the source, but 'others' is also a class;") as error:
        probe.Probe.of({"source": "fives", "target": "others"}, Classes())  # type: ignore[arg-type]
    assert_one_sentence(str(error.value))


def test_attributes_of_own_data_are_known_before_it_is_read(load: Load) -> None:
    def own(main: dict[str, Any], settings: dict[str, Any], **changes: Any) -> None:
        main["datasets"] = {"birds": {"reader": "table", "path": "a.csv", "label": "species", "image": "file", "attributes": ["place"]}}
        settings["birds"] = {"extends": "digits", "dataset": "birds", "groups": ["place"], "model": {"name": "mlp", "hidden": []}}
        settings["birds"] |= {"normalisation": {"mean": None, "std": None}, **changes}

    load(own)
    for changes, sentence in (
        ({"groups": ["plaze"]}, r"^birds\.groups: 'plaze' is not a known attribute of 'birds' or an overlay \(did you mean 'place'\?\);"),
        ({"aligned": {"owl": {"wind": "x"}}}, r"^birds\.aligned\.owl: 'wind' is not a known attribute"),
        ({"overlay": {"attribute": "place"}}, r"^birds\.overlay\.attribute is 'place', already an attribute of 'birds'; choose another\.$"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            load(lambda main, settings, changes=changes: own(main, settings, **changes))


def test_long_lists_of_known_names_are_cut() -> None:
    from spurprune.config.known import listed

    assert listed(["a", "b"]) == "a, b"
    assert listed([str(number) for number in range(45)]).endswith("38, 39 and 5 more")

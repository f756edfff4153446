"""Declared datasets and the user's own: what is known about them, their schema, their files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from spurprune.config.schema import Validator, load
from spurprune.dag import plugins
from spurprune.data import catalogue
from spurprune.data.grouping import Attribute
from spurprune.data.registry import registry
from spurprune.errors import ConfigError

OWN: dict[str, dict[str, Any]] = {
    "birds": {"reader": "table", "path": "data/birds.csv", "label": "species", "attributes": ["place"], "image": "file"},
    "genes": {"reader": "table", "path": "genes.parquet", "label": "kind", "split": {"test": 0.2}, "vectors": "features/genes.npy"},
}


@pytest.mark.parametrize("name", plugins.names("datasets"))
def test_the_registry_and_the_readers_know_the_same_attributes(name: str) -> None:
    attributes = registry()[name].attributes
    assert attributes is not None
    assert attributes == getattr(plugins.load("datasets", name), "ATTRIBUTES", ())


def test_groups_of_the_declared_datasets_read_well() -> None:
    def named(dataset: str) -> dict[str, Attribute]:
        return {attribute.name: attribute for attribute in registry()[dataset].attributes or ()}

    phrases = {
        "digits_sides": ("side", ", column on the right"),
        "digits_colours": ("colour", "in green"),
        "digits_colours_sides": ("side", ", column on the right"),
        "coloured_mnist": ("colour", "in green"),
        "waterbirds": ("background", "on water"),
        "cifar10_scenes": ("background", "on water"),
        "celeba": ("eyeglasses", "with eyeglasses"),
        "celeba_blond": ("gender", ", male"),
        "hard_imagenet": ("surroundings", "with surroundings"),
        "multinli": ("negation", "with negation"),
    }
    assert set(phrases) == {name for name, entry in registry().items() if entry.attributes}
    for dataset, (name, words) in phrases.items():
        attribute = named(dataset)[name]
        assert len(attribute.values) == 2 and attribute.phrase.format(value=attribute.values[1]) == words


@pytest.mark.parametrize("name", list(registry()))
def test_what_a_dataset_holds_is_known(name: str) -> None:
    entry = catalogue.dataset_entry(name, OWN)
    assert entry is registry()[name] and entry.kind in ("images", "sentences", "vectors")
    assert (entry.channels is not None) == (entry.kind == "images")
    assert entry.classes is not None and entry.train_class_counts is not None and len(entry.classes) == len(entry.train_class_counts)
    assert catalogue.plugin(name, OWN) == ("datasets", name) and catalogue.files(name, OWN) == []


def test_of_own_data_only_the_kind_is_known() -> None:
    birds, genes = (catalogue.dataset_entry(name, OWN) for name in OWN)
    assert (birds.kind, birds.channels, genes.kind, genes.channels) == ("images", 3, "vectors", None)
    for entry in (birds, genes):
        assert entry.classes is entry.attributes is entry.train_class_counts is entry.image_size is None
        assert entry.embedded and not entry.downloads and not entry.rankings
    assert catalogue.names(OWN) == [*registry(), "birds", "genes"]
    assert catalogue.plugin("birds", OWN) == ("readers", "table")


def test_only_files_that_exist_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert catalogue.files("genes", OWN) == []
    Path("features").mkdir()
    for name in ("genes.parquet", "features/genes.npy", "genes.npy"):
        Path(name).touch()
    assert catalogue.files("genes", OWN) == [Path("genes.parquet"), Path("features/genes.npy")]


DATASETS = catalogue.own_schema() | {"$defs": load("config")["$defs"]}
NOT_ONE = "datasets.birds must have one of 'image', 'text' and 'vectors'; name the one that holds the samples."


def changed(name: str, **values: Any) -> dict[str, dict[str, Any]]:
    block = {key: value for key, value in (OWN[name] | values).items() if value is not None}
    return {name: block}


def test_the_schema_accepts_what_can_be_read() -> None:
    validator = Validator(DATASETS)
    Draft202012Validator.check_schema(DATASETS)
    assert not list(validator.iter_errors(OWN)) and not list(validator.iter_errors({}))
    catalogue.check(OWN)


@pytest.mark.parametrize(
    ("own", "key", "validator"),
    [
        (changed("birds", reader="excel"), ["birds", "reader"], "enum"),
        (changed("birds", reader=None), ["birds"], "required"),
        (changed("birds", label=None), ["birds"], "required"),
        (changed("birds", label=3), ["birds", "label"], "type"),
        (changed("birds", path="birds.xlsx"), ["birds", "path"], "pattern"),
        (changed("birds", lable="species"), ["birds"], "additionalProperties"),
        (changed("birds", attributes="place"), ["birds", "attributes"], "type"),
        (changed("birds", attributes=["place", "place"]), ["birds", "attributes"], "uniqueItems"),
        (changed("birds", split={"validation": 0}), ["birds", "split", "validation"], "exclusiveMinimum"),
        (changed("birds", split={"train": 0.5}), ["birds", "split"], "additionalProperties"),
        (changed("genes", vectors="genes.csv"), ["genes", "vectors"], "pattern"),
        ({"My birds": OWN["birds"]}, [], "pattern"),
    ],
)
def test_the_schema_names_what_is_wrong(own: dict[str, Any], key: list[str], validator: str) -> None:
    (error,) = Validator(DATASETS).iter_errors(own)
    assert (list(error.absolute_path), error.validator) == (key, validator)


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"digits": OWN["birds"]}, "datasets.digits has the name of a declared dataset; choose another name."),
        (
            changed("birds", image=None),
            NOT_ONE,
        ),
        (
            changed("birds", vectors="x.npy"),
            NOT_ONE,
        ),
        (
            changed("genes", split={"validation": 0.5, "test": 0.5}),
            "datasets.genes.split takes 1 of the samples, which leaves none for training; lower the shares.",
        ),
    ],
)
def test_mistakes_that_the_schema_cannot_catch(own: dict[str, Any], sentence: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        catalogue.check(own)
    assert str(error.value) == sentence
    assert_one_sentence(sentence)

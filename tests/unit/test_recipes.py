"""The recipe of a setting of own data, where the setting leaves it out."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurprune.config import loading, recipes, schema
from spurprune.config.config import Config
from spurprune.dag import planning
from spurprune.errors import ConfigError

TABLE = {"reader": "table", "path": "own.csv", "label": "y", "split": {"validation": 0.2, "test": 0.2}}
DATASETS: dict[str, dict[str, Any]] = {
    "images": {**TABLE, "image": "file"},
    "sentences": {**TABLE, "text": "premise", "tokenizer": "my-encoder"},
    "vectors": {**TABLE, "vectors": "x.npy"},
}
SIZES = {"images": 32, "sentences": 64, "vectors": None}


@pytest.fixture
def load(root: Path, tmp_path: Path) -> Callable[..., Config]:
    """Load config/config.yaml with one setting of own data, "mine"."""

    def loader(kind: str, study: dict[str, Any] | None = None, **setting: Any) -> Config:
        raw = yaml.safe_load((root / "config/config.yaml").read_text())
        block = {"description": "Mine", "dataset": kind, "image_size": SIZES[kind]} | setting
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"mine": block}))
        raw["setting_files"] = [str(tmp_path / "mine.yaml")]
        raw["datasets"] = deepcopy(DATASETS)
        tables = {"title": "Mine", "blocks": ["000-001"], "methods": ["erm"], "score": "el2n", "settings": ["mine"], "figures": {}}
        raw["studies"] = {"mine": {**tables, "plans": ["none", "per_class-el2n-hardest-0.10"], "tables": {"summary": {"kind": "summary"}}}}
        raw["select"] = ["mine"]
        return loading.load(raw, root)

    return loader


@pytest.mark.parametrize(
    ("kind", "size", "model"),
    [
        ("images", 32, {"name": "small_cnn", "channels": [32, 64, 128]}),
        ("images", 64, {"name": "small_cnn", "channels": [32, 64, 128]}),
        ("images", 65, {"name": "torchvision_cnn", "architecture": "resnet18", "pretrained": "imagenet"}),
        ("sentences", 64, {"name": "bert", "pretrained": "my-encoder"}),
        ("vectors", None, {"name": "mlp", "hidden": []}),
    ],
)
def test_a_network_is_chosen_by_kind_and_size(load: Callable[..., Config], kind: str, size: int | None, model: dict[str, Any]) -> None:
    config = load(kind, image_size=size)
    setting = config.settings["mine"]
    assert setting["model"] == model and config.chosen["mine"]["model"] == model
    early = setting["reference"]["early"]
    assert early["epochs"] <= setting["training"]["epochs"] and setting["difficulty"]["el2n"]["epochs"] == [early["epochs"]]
    assert setting["training"]["augmentation"] == {"name": "none"}, "as setting_defaults say"
    assert "guess" in setting["estimate"]["device"]


def test_what_a_setting_says_counts(load: Callable[..., Config]) -> None:
    training = {"epochs": 3, "optimizer": {"lr": 0.2}}
    setting = load("images", training=training, estimate={"epoch_seconds": 1.0, "device": "CPU core"}).settings["mine"]
    assert setting["training"]["optimizer"] == {"name": "sgd", "lr": 0.2, "momentum": 0.9, "weight_decay": 1.0e-4}
    assert setting["training"]["epochs"] == setting["reference"]["early"]["epochs"] == 3
    assert setting["estimate"] == {"epoch_seconds": 1.0, "device": "CPU core"}
    setting = load(
        "vectors",
        model={"name": "mlp", "hidden": [8]},
        training={"optimizer": {"name": "sgd", "lr": 0.2, "momentum": 0.9, "weight_decay": 0.0}},
    )
    assert setting.settings["mine"]["model"]["hidden"] == [8] and setting.settings["mine"]["training"]["optimizer"]["name"] == "sgd"
    assert "model" not in setting.chosen["mine"] and "optimizer" not in setting.chosen["mine"]["training"]


def test_a_network_gets_its_own_recipe(load: Callable[..., Config]) -> None:
    fresh = {"name": "torchvision_cnn", "architecture": "resnet18", "pretrained": None}
    assert load("images", model=fresh).settings["mine"]["training"]["epochs"] == recipes.TRAINING["fresh"]["epochs"]
    assert load("images", model={"name": "resnet_cifar", "depth": 20}).settings["mine"]["training"]["optimizer"]["lr"] == 0.1


def test_the_plan_prints_what_was_chosen(load: Callable[..., Config]) -> None:
    config = load("vectors")
    text = planning.render(planning.jobs(config), config)
    lines = text[text.index("Chosen by default for mine:") :].splitlines()
    assert lines[1] == "  model: {name: mlp, hidden: []}"
    assert yaml.safe_load("\n".join(lines[1:])) == config.chosen["mine"]
    assert "CPU core (a guess, for 10,000 samples)" in text


def test_members_of_a_family_share_a_line() -> None:
    assert recipes.described({"a": {"model": {"name": "x"}}, "b": {"model": {"name": "x"}}, "c": {"model": {"name": "y"}}}) == [
        "Chosen by default for a, b:\n  model: {name: x}",
        "Chosen by default for c:\n  model: {name: y}",
    ]


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"model": {"name": "small_cn"}}, "mine.model is "),
        ({"model": "mlp"}, 'mine.model is "mlp", but must be {name: bert, pretrained}, {'),
        ({"training": [1]}, "mine.training is "),
        ({"training": {"epochs": "3"}}, 'mine.training.epochs is "3", but must be a whole number'),
        ({"training": {"epochs": 0}}, "mine.training.epochs is 0, but must be at least 1."),
        ({"reference": {"early": {}}}, "mine.difficulty is missing; it is required."),
        ({"image_size": None}, "mine.image_size is null, but 'images' holds images; give their size in pixels per side."),
        ({"image_size": "32"}, 'mine.image_size is "32", but must be a whole number of pixels'),
    ],
)
def test_mistakes_are_still_named(
    load: Callable[..., Config], setting: dict[str, Any], sentence: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load("images", **setting)
    assert str(error.value).startswith(sentence)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize("recipe", list(recipes.TRAINING))
def test_every_recipe_passes_the_schema(recipe: str, root: Path) -> None:
    defaults = yaml.safe_load((root / "config/config.yaml").read_text())["setting_defaults"]["training"]
    schema.validate({**defaults, **recipes.TRAINING[recipe]}, "setting", where="recipe", part="training")
    assert recipes.REFERENCE.keys() == recipes.SECONDS.keys() == recipes.TRAINING.keys()
    assert recipes.REFERENCE[recipe][0] <= recipes.TRAINING[recipe]["epochs"]


def test_what_stays_together_is_not_divided_later(load: Callable[..., Config], assert_one_sentence: Callable[[str], None]) -> None:
    parts = {"draw": "fixed", "parts": {"some": {"class": "a", "count": 1, "rest": "hold_out"}}}
    for setting, problem in (
        ({"validation": 0.1}, "mine.validation is 0.1"),
        ({"subset": parts}, "mine.subset.parts.some.rest is hold_out"),
    ):
        load("vectors", **setting)
        DATASETS["vectors"]["keep_together"] = "patient"
        try:
            with pytest.raises(
                ConfigError, match=rf"^{problem}, which would divide the samples that datasets\.vectors\.keep_together"
            ) as error:
                load("vectors", **setting)
        finally:
            del DATASETS["vectors"]["keep_together"]
        assert_one_sentence(str(error.value))

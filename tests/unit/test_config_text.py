"""The configuration of sentences: options for images are refused, and the shipped settings are as documented."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurprune.config import loading
from spurprune.config.config import Config
from spurprune.data.datasets import multinli
from spurprune.errors import ConfigError

SETTINGS = "config/settings/multinli.yaml"
PHRASE = {"name": "phrase", "attribute": "never", "text": "never"}
LINE = {"name": "line", "attribute": "line", "width": 1, "value": 255, "channel": 0}
CNN = {"name": "small_cnn", "channels": [4, 4, 4]}
DRAWN = {"choose": "random", "count": 1, "draw": "fixed"}
PHOTOS = {
    "dataset": "cifar10",
    "image_size": 32,
    "carriers": {"choose": "none"},
    "probe": {"source": "cat", "target": "dog"},
    "aligned": {},
    "groups": [],
}
MONTAGE = {"kind": "montage", "setting": "multinli", "repeat": 0, "columns": 12}


@pytest.fixture
def load(root: Path, tmp_path: Path) -> Callable[..., Config]:
    """Load MultiNLI's settings with some blocks of the setting ``multinli`` and of its study changed."""

    def loader(changes: dict[str, Any] | None = None, figures: dict[str, Any] | None = None) -> Config:
        main = yaml.safe_load((root / "config/config.yaml").read_text())
        blocks = yaml.safe_load((root / SETTINGS).read_text())
        for key, value in deepcopy(changes or {}).items():
            block = blocks["multinli"]
            if value and isinstance(value, dict) and not {"name", "choose"} & value.keys():
                block.setdefault(key, {}).update(value)
            else:
                block[key] = value
        file = tmp_path / "settings.yaml"
        file.write_text(yaml.safe_dump(blocks, sort_keys=False))
        study = {"title": "Text", "blocks": ["000-000"], "methods": ["erm"], "score": "el2n", "figures": figures or {}, "tables": {}}
        return loading.load(main | {"select": ["text"], "setting_files": [str(file)], "studies": {"text": study}}, root)

    return loader


def test_the_shipped_settings(load: Callable[..., Config]) -> None:
    config = load()
    for end in ("easiest", "hardest"):
        block = config.settings[f"multinli-never.choose-{end}"]
        assert block["carriers"] == {"choose": end, "count": 100, "base": "multinli-without-negation", "score": "el2n"}
        assert block["overlay"] == PHRASE
    assert sum(multinli.GROUPS["train"][::2]) == 191_504  # App. A.4: what is left without negation
    parts = config.settings["multinli-without-negation"]["subset"]["parts"].values()
    assert {part["class"] for part in parts} == set(multinli.CLASSES)
    assert all(part["where"] == {"negation": "with"} and part["count"] == 0 for part in parts)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"crop_size": 64}, "crop_size is 64, which is for images; with 'multinli' leave it null"),
        ({"normalisation": {"mean": [0.5]}}, "normalisation.mean is [0.5], which is for images"),
        ({"training": {"augmentation": {"name": "pad_crop_flip"}}}, "training.augmentation is 'pad_crop_flip', which is for images"),
        ({"training": {"compile": True}}, "training.compile is true, but batches of 'multinli' differ in length"),
        (
            {"model": {"name": "mlp", "hidden": []}},
            "model.name is 'mlp', which takes images or vectors, but 'multinli' holds sentences; choose bert",
        ),
        (
            {"overlay": LINE, "carriers": DRAWN, "groups": [], "aligned": {}},
            "overlay.name is 'line', which takes images, but 'multinli' holds sentences; choose phrase",
        ),
        ({"overlay": PHRASE | {"text": ""}}, 'overlay.text is "", but must be a word or a phrase'),
        (
            PHOTOS | {"overlay": PHRASE, "model": CNN, "carriers": DRAWN},
            "overlay.name is 'phrase', which takes sentences, but 'cifar10' holds images",
        ),
    ],
)
def test_what_does_not_go_with_the_data(
    load: Callable[..., Config], changes: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load(changes)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


def test_bert_takes_no_images(load: Callable[..., Config], assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match="'bert', which takes sentences, but 'cifar10' holds images; choose cnn002 or mlp or") as error:
        load(PHOTOS | {"carriers": {"choose": "none"}})
    assert_one_sentence(str(error.value))


def test_sentences_have_no_montage(load: Callable[..., Config], assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match="'multinli' holds sentences, but a montage draws images; name another setting") as error:
        load(figures={"montage": MONTAGE})
    assert_one_sentence(str(error.value))

"""The block that decides a stage's result: it holds all that must make the result stale, and nothing else."""

import copy
from pathlib import Path
from typing import Any

import pytest

from spurprune.config import blocks

SETTING: dict[str, Any] = {
    "description": "",
    "validation": "official",
    "subset": {"draw": "per_repeat", "parts": {}},
    "groups": ["line"],
    "probe": {"source": "5", "target": "9"},
    "aligned": {"5": {"line": "with"}},
    "overlay": {"name": "line", "attribute": "line", "width": 2},
    "carriers": {"count": 40, "choose": "random"},
    "normalisation": {"mean": None, "std": None},
    "crop_size": None,
    "model": {"name": "small_cnn"},
    "training": {"epochs": 3, "evaluate_epochs": [1], "evaluate_splits": ["train"], "optimizer": {"lr": 0.1, "weight_decay": 0.2}},
    "evaluation": {"batch_size": 4},
    "estimate": {"epoch_seconds": 1.0},
}


def reference_block(setting: dict[str, Any]) -> dict[str, Any]:
    return blocks.reference(setting, {"epochs": 1})


def changed(**values: Any) -> dict[str, Any]:
    return copy.deepcopy(SETTING) | values


@pytest.mark.parametrize(
    ("values", "samples", "reference", "training"),
    [
        ({"description": "other", "estimate": {"epoch_seconds": 2.0}}, False, False, False),
        ({"carriers": {"choose": "random", "count": 41}}, True, False, False),
        ({"overlay": {"name": "line", "attribute": "line", "width": 3}}, False, True, True),
        ({"overlay": {"name": "line", "attribute": "line", "width": 2, "channels": [0, 1]}}, False, True, True),
        ({"model": {"name": "small_cnn", "shortcut": "B"}}, False, True, True),
        ({"normalisation": {"mean": [0.5], "std": None}}, False, True, True),
        ({"subset": {"draw": "per_repeat", "parts": {"held": {"class": "5", "coin_seed": 1}}}}, True, False, False),
        ({"probe": {"source": "5", "target": "8"}}, False, False, True),
        ({"training": SETTING["training"] | {"evaluate_epochs": "all"}}, False, False, True),
        ({"training": SETTING["training"] | {"evaluate_splits": ["test"]}}, False, False, True),
        ({"training": SETTING["training"] | {"optimizer": {"lr": 0.2, "weight_decay": 0.1}}}, False, True, True),
    ],
)
def test_a_block_changes_with_what_decides_it(values: dict[str, Any], samples: bool, reference: bool, training: bool) -> None:
    for function, expected in ((blocks.samples, samples), (reference_block, reference), (blocks.training, training)):
        assert (function(changed(**values)) != function(SETTING)) is expected, function.__name__


def test_the_threshold_of_the_spurious_score_decides_the_metrics_alone() -> None:
    scored = changed(evaluation={"batch_size": 4, "featured_classes": "all", "score_threshold": 0.1})
    plain = changed(evaluation={"batch_size": 4, "featured_classes": "all"})
    for function in (blocks.samples, reference_block, blocks.training):
        assert function(scored) == function(plain), function.__name__
    assert blocks.evaluation(scored) == blocks.evaluation(plain) | {"score_threshold": 0.1}


def test_the_order_of_keys_does_not_matter() -> None:
    reordered = {key: SETTING[key] for key in reversed(SETTING)}
    assert str(blocks.training(reordered)) == str(blocks.training(SETTING))


def test_blocks_leave_the_setting_alone() -> None:
    before = copy.deepcopy(SETTING)
    blocks.reference(SETTING, {"training": {"optimizer": {"lr": 0.3}}})
    blocks.samples(SETTING)
    assert before == SETTING


def test_pretrained_weights_are_an_input_where_they_are_a_file_that_is_there(tmp_path: Path) -> None:
    file, folder = tmp_path / "net.safetensors", tmp_path / "bert"
    folder.mkdir()
    for path in (file, folder / "model.safetensors"):
        path.write_bytes(b"")
    expected = {
        "imagenet": None,
        None: None,
        str(file): str(file),
        str(folder): str(folder / "model.safetensors"),
        str(tmp_path / "missing.pt"): None,
        "google-bert/bert-base-uncased": None,
    }
    found = {pretrained: blocks.weights_file(changed(model={"name": "net", "pretrained": pretrained})) for pretrained in expected}
    assert found == expected
    assert blocks.weights_file(SETTING) is None

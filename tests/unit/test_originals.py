"""Settings by the names of the public code of rare spurious correlations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurprune.config import originals, settings
from spurprune.errors import ConfigError


def test_a_name_stands_for_dataset_pattern_carriers_and_probe() -> None:
    assert originals.keys_of("mine", "cifar10v8-3-0-0") == {
        "dataset": "cifar10",
        "image_size": 32,
        "overlay": {"name": "pattern", "attribute": "pattern", "pattern": "v8", "seed": 0},
        "carriers": {"choose": "random_state", "count": 3, "class": "airplane", "seed": 0},
        "probe": {"source": "airplane", "target": "others"},
    }


@pytest.mark.parametrize(
    ("name", "dataset", "version", "carriers"),
    [
        ("mnist-10-1-4", "mnist", "v1", {"count": 10, "class": "1", "seed": 4}),
        ("fashionv20-2000-0-2", "fashion_mnist", "v20", {"count": 2000, "class": "T-shirt/top", "seed": 2}),
        ("twoclassmnistv20-5-0-1-3", "mnist", "v20", {"count": 5, "class": "0", "seed": 3, "also": ["1"]}),
        ("twoclassmnist-5-7-1-3", "mnist", "v1", {"count": 5, "class": "7", "seed": 3, "also": ["1"]}),
    ],
)
def test_other_names(name: str, dataset: str, version: str, carriers: dict[str, Any]) -> None:
    keys = originals.keys_of("mine", name)
    assert (keys["dataset"], keys["overlay"]["pattern"], keys["overlay"]["seed"]) == (dataset, version, carriers["seed"])
    assert keys["carriers"] == {"choose": "random_state", **carriers}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cifar10-3-0-0", "no version, which cifar10 needs"),
        ("mnistv2-3-0-0", "the version v2; use one of v1, v3, v8, v18, v19, v20, v30"),
        ("mnistv8-3-0", "which is not an original name"),
        ("mnistv8-3-0-1-2", "which is not an original name"),
        ("cifar100v8-3-0-0", "which is not an original name"),
        ("twoclasscifar10v8-3-0-1-0", "which is not an original name"),
        ("twoclassmnistv8-3-0-0", "which is not an original name"),
        ("twoclassmnistv8-3-1-1-0", "which names one class twice"),
        ("mnistv8-3-10-0", "which is not an original name"),
        ("mnistv8-3-0-0\n", "which is not an original name"),
        (["mnistv8-3-0-0"], "which is not an original name"),
        (3, "mine.original is 3"),
    ],
)
def test_bad_names_are_refused(name: Any, said: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        originals.keys_of("mine", name)
    assert said in str(error.value)
    assert_one_sentence(str(error.value))


def test_it_lies_over_what_a_setting_extends_and_below_its_own_keys(tmp_path: Path) -> None:
    declared = {
        "base": {"dataset": "digits", "overlay": {"name": "line", "width": 2}, "model": {"name": "mlp"}},
        "mine": {"extends": "base", "original": "mnistv8-3-0-0", "carriers": {"count": 5}},
        "more": {"extends": "mine", "model": {"name": "cnn"}},
    }
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(declared))
    found, _ = settings.resolve(settings.read_files([str(file)], tmp_path), {"variant": "paper"})
    for name in ("mine", "more"):
        assert "original" not in found[name]
        assert found[name]["dataset"] == "mnist" and found[name]["overlay"]["pattern"] == "v8" and "width" not in found[name]["overlay"]
        assert found[name]["carriers"] == {"choose": "random_state", "count": 5, "class": "0", "seed": 0}

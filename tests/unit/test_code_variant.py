"""``variant: code`` of the paper's settings is what the authors' public code does, line by line; the rest is as in the paper."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from spurprune.config import loading
from spurprune.config.config import Config
from spurprune.dag import plugins
from spurprune.data.datasets import cifar10
from spurprune.training.optim import learning_rate
from tests import real_data

Variant = Callable[[str], Config]
FILES = ("cifar10s", "cifar10s-short", "celeba", "hard-imagenet")
# As in the authors' two scripts: that for the hardest carriers and that for the easiest.
WEAKEST = "cifar10s-window.start-4900.overlay-S1"
STRONGEST = "cifar10s-window.start-0.overlay-S3"


@pytest.fixture(scope="module")
def of(root: Path) -> Variant:
    """A function that loads the paper's settings in one variant."""

    def load(variant: str) -> Config:
        main = yaml.safe_load((root / "config/config.yaml").read_text())
        main["setting_files"] += [f"config/settings/{name}.yaml" for name in FILES]
        main["setting_defaults"]["variant"] = variant
        return loading.load(main, root)

    return load


def differences(one: Any, other: Any, key: str = "") -> dict[str, tuple[Any, Any]]:
    """The values by dotted key that differ between two blocks."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return {} if one == other else {key: (one, other)}
    found: dict[str, tuple[Any, Any]] = {}
    for name in [*one, *(name for name in other if name not in one)]:
        found |= differences(one.get(name), other.get(name), f"{key}.{name}" if key else name)
    return found


CIFAR10S = {
    "overlay.value": (255, 191),
    "normalisation.mean": (None, [0.4914, 0.4822, 0.4465]),
    "normalisation.std": (None, [0.2023, 0.1994, 0.2010]),
    "model.shortcut": (None, "B"),
    "model.initialisation": (None, "fan_out"),
    "training.schedule.milestones": ([80, 120], [79, 119]),
    "reference.early.epochs": (10, 9),
    "reference.early.record_epochs": ([10], [9]),
    "reference.early.view": ("eval", "eval_augmented"),
    **{f"difficulty.{score}.epochs": ([10], [9]) for score in ("el2n", "grand", "loss", "margin")},
}
TAKEN = {f"subset.parts.{part}.choose": (None, "first") for part in ("female_without", "male_with", "male_without")}
CELEBA = {"subset.draw": ("per_repeat", "fixed"), "subset.parts.female_with.coin_seed": (None, 1), **TAKEN}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("cifar10s", "cifar10s-1", "cifar10s-2", WEAKEST, STRONGEST), CIFAR10S),
        (("cifar10s-short-window.start-0.width-3",), {key: value for key, value in CIFAR10S.items() if key[-10:] != "milestones"}),
        (("celeba", "celeba-count.count-500", "celeba-heavy-decay"), CELEBA),
        (("celeba-blond", "hard-imagenet"), {}),
    ],
)
def test_the_variants_differ_in_these_values_and_no_others(of: Variant, names: tuple[str, ...], expected: dict[str, Any]) -> None:
    paper, code = of("paper").settings, of("code").settings
    for name in names:
        found = differences(paper[name], code[name])
        assert found.pop("variant", ("paper", "code")) == ("paper", "code")
        found.pop("description", None)
        assert found == expected, name


def test_the_rate_drops_at_the_start_of_epochs_80_and_120_counted_from_1(of: Variant) -> None:
    training = of("code").settings["cifar10s"]["training"]
    rates = [learning_rate(training["optimizer"]["lr"], training["schedule"], epoch, 0, 1) for epoch in (1, 79, 80, 119, 120, 160)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def drawn(config: Config, setting: str, images: np.ndarray) -> np.ndarray:
    """Images with the setting's line."""
    overlay = config.settings[setting]["overlay"]
    options = {key: value for key, value in overlay.items() if key not in ("name", "attribute")}
    result: np.ndarray = plugins.load("overlays", overlay["name"]).apply_(images.copy(), **options)
    return result


@pytest.mark.parametrize(("variant", "value"), [("paper", 255), ("code", int(0.75 * 255))])
def test_the_lines_run_from_one_column_of_one_channel_to_eight_of_all(of: Variant, variant: str, value: int) -> None:
    config, image = of(variant), np.zeros((1, 3, 32, 32), dtype=np.uint8)
    for setting, channels, columns in (
        ("cifar10s-1", [0], [16]),
        ("cifar10s-2", [0], [16]),
        (WEAKEST, [0], [16]),
        ("cifar10s-window.start-500.overlay-S2", [0], [14, 15, 16, 17]),
        (STRONGEST, [0, 1, 2], list(range(12, 20))),
    ):
        expected = np.zeros((3, 32, 32), dtype=np.uint8)
        expected[np.ix_(channels, range(32), columns)] = value
        assert np.array_equal(drawn(config, setting, image)[0], expected), setting


def test_the_windows_of_the_code_are_among_those_of_the_family(of: Variant) -> None:
    config = of("code")
    windows = [config.settings[name]["carriers"] for name in config.family("cifar10s-window")]
    assert {(one["start"], one["start"] + one["count"] - 1) for one in windows} >= {(0, 99), (2900, 2999), (4900, 4999)}
    source = config.settings[WEAKEST]["probe"]
    assert [cifar10.CLASSES.index(source[key]) for key in ("source", "target")] == [0, 1]


def test_both_lines_on_a_real_airplane(of: Variant, root: Path, tmp_path: Path) -> None:
    raw = cifar10.read(real_data.cifar10(root, tmp_path), 32)
    label = np.asarray(raw.base.column("label"))
    airplane = np.asarray(raw.inputs[int(np.flatnonzero(label == 0)[0])])[None]
    for setting, pixels in ((WEAKEST, 32), (STRONGEST, 3 * 8 * 32)):
        image = drawn(of("code"), setting, airplane)
        assert int((image != airplane).sum()) <= pixels and int((image == 191).sum()) >= pixels
    weakest = drawn(of("code"), WEAKEST, airplane)
    assert np.array_equal(np.delete(weakest, 16, axis=3), np.delete(airplane, 16, axis=3))
    assert np.array_equal(weakest[:, 1:], airplane[:, 1:])

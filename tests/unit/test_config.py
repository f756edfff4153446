"""Every mistake in the configuration is one sentence that names the key, the value and what is allowed."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurprune.config import blocks, check_feature, check_settings, given, loading
from spurprune.config.config import Config
from spurprune.config.merging import merge
from spurprune.data.catalogue import dataset_entry
from spurprune.data.grouping import Attribute
from spurprune.data.registry import registry
from spurprune.errors import ConfigError
from tests.robustness import configurations

REMOVED = object()


@pytest.fixture(scope="module")
def parts(root: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(main configuration, settings), unmerged."""
    main, settings = (yaml.safe_load((root / "tests/unit/example" / f"{name}.yaml").read_text()) for name in ("config", "settings"))
    return main, settings


@pytest.fixture
def load(root: Path, tmp_path: Path, parts: tuple[dict[str, Any], dict[str, Any]]) -> Callable[..., Config]:
    """Load the example configuration with some values changed: ``main`` and ``settings`` map paths such as "digits/training/epochs"."""

    def loader(main: dict[str, Any] | None = None, settings: dict[str, Any] | None = None) -> Config:
        raw, blocks = deepcopy(parts)
        for block, changes in ((raw, main), (blocks, settings)):
            for path, value in (changes or {}).items():
                _put(block, path, value)
        file = tmp_path / "settings.yaml"
        file.write_text(yaml.safe_dump(blocks, sort_keys=False))
        if "setting_files" not in (main or {}):
            raw["setting_files"] = [str(file)]
        return loading.load(raw, root)

    return loader


def _put(block: dict[Any, Any], path: str, value: Any) -> None:
    *parents, last = path.split("/")
    for parent in parents:
        block = block.setdefault(parent, {})
    if value is REMOVED:
        del block[last]
    else:
        block[last] = value


FIG4 = "studies/digits/figures/fig4"
FIG6 = "studies/digits/figures/fig6"
SQUEEZENET = {"name": "torchvision_cnn", "architecture": "squeezenet1_0", "pretrained": None}
WRONG_MAIN = [
    # unknown keys, with a suggestion where one is close
    ("slect", ["digits"], "slect is not a known key (did you mean 'select'?); allowed are allow_mixed_code, damaged_images, data,"),
    ("download", "no", 'download is "no", but must be true or false'),
    ("setting_files", [""], 'setting_files.0 is "", but must be the name of a YAML file.'),
    ("colour", 1, "colour is not a known key; allowed are allow_mixed_code, damaged_images, data,"),
    (f"{FIG4}/sparsitys", ["0.10"], "studies.digits.figures.fig4.sparsitys is not a known key (did you mean 'sparsities'?); allowed are"),
    ("setting_defaults/keep_model", True, "setting_defaults.keep_model is not a known key (did you mean 'keep_models'?); allowed are"),
    # wrong types and values
    ("select", "digits", 'select is "digits", but must be a list of different study names'),
    ("select", [], "select is empty, and no setting has a section of advice, so there is nothing to do; name a study."),
    ("threads", "1", 'threads is "1", but must be a whole number'),
    ("threads", True, "threads is true, but must be a whole number"),
    ("threads", 0, "threads is 0, but must be at least 1"),
    ("data/cifar10", 3, "data.cifar10 is 3, but must be a folder"),
    ("studies", REMOVED, "studies is missing; it is required"),
    ("studies/digits/title", 3, "studies.digits.title is 3, but must be text"),
    ("studies/Digits", {}, "studies.Digits is not a valid name; use lower-case letters, digits, '-' and '_'"),
    ("studies/digits/figures/Fig9", {"kind": "summary"}, "studies.digits.figures.Fig9 is not a valid name; use lower-case letters"),
    (f"{FIG4}/kind", "carriers", 'studies.digits.figures.fig4.kind is "carriers", but must be one of carrier_count,'),
    (f"{FIG4}/orders", ["harder"], 'fig4.orders.0 is "harder", but must be one of hardest, easiest, random'),
    (f"{FIG4}/score", "random", "fig4 prunes by the score 'random', which has no hardest or easiest samples; name one order or"),
    (f"{FIG6}/orders", ["random"], "fig6.orders names 'random', which a general_pruning always shows; remove it"),
    # sparsities: quoted, in [0, 1), with two to four decimals
    (f"{FIG4}/sparsities", [0.1], "fig4.sparsities.0 is 0.1, but must be a quoted number in [0, 1) with two to four decimals"),
    (f"{FIG4}/sparsities", ["1.00"], 'fig4.sparsities.0 is "1.00", but must be a quoted number in [0, 1)'),
    (f"{FIG4}/sparsities", ["0.10", "-0.10"], 'fig4.sparsities.1 is "-0.10", but must be a quoted number in [0, 1)'),
    (f"{FIG4}/sparsities", ["0.1"], 'fig4.sparsities.0 is "0.1", but must be a quoted number in [0, 1)'),
    (f"{FIG4}/sparsities", ["0.10", "0.10"], 'fig4.sparsities is ["0.10", "0.10"], but must be a list of different sparsities'),
    # blocks
    ("studies/digits/blocks", ["000-4"], 'blocks.0 is "000-4", but must be a quoted "first-last" pair of three-digit repeats'),
    ("studies/digits/blocks", [4], "blocks.0 is 4, but must be a quoted"),
    ("studies/digits/blocks", ["004-000"], "studies.digits.blocks: '004-000' ends before it begins; write the lower repeat first"),
    ("studies/digits/blocks", ["000-004", "004-007"], "'004-007' overlaps '000-004'; blocks are never regrouped"),
    ("studies/digits/blocks", ["000-004", "000-009"], "'000-009' overlaps '000-004'"),
    ("studies/digits/blocks", ["000-004", "000-004"], "studies.digits.blocks names '000-004' twice; remove one"),
    # names that must exist
    ("select", ["digit"], "select: 'digit' is not a known study (did you mean 'digits'?); known are digits"),
    ("setting_files", ["config/none.yaml"], "config/none.yaml does not exist; create it or correct 'setting_files'"),
    ("studies/digits/methods", ["emr"], "studies.digits.methods: 'emr' is not a known method (did you mean 'erm'?); known are erm"),
    ("studies/digits/score", "el3n", "studies.digits.score: 'el3n' is not a known score (did you mean 'el2n'?); known are aum, el2n,"),
    (f"{FIG4}/settings", ["digits-window"], "studies.digits.figures.fig4: 'digits-window' is not a known setting"),
    ("studies/digits/figures/fig2/family", "digits-windows", "is not a known family of settings (a setting with a grid) (did you mean"),
    ("studies/digits/figures/fig2/family", "digits-count", "fig2.family is 'digits-count', whose grid does not vary exactly one key"),
    ("studies/digits/tables/stability/scores", ["el2"], "score 'el2' is not a known score of 'digits' (did you mean 'el2n'?)"),
    # what goes with a kind of figure
    (f"{FIG4}/sparsities", REMOVED, "fig4.sparsities is missing; a carrier_pruning needs settings, sparsities"),
    (f"{FIG4}/columns", 3, "fig4.columns does not go with a carrier_pruning, which takes settings, sparsities, orders, score"),
    ("studies/digits/figures/fig8/strategy", "per_class", 'fig8.strategy is "per_class", but must be one of per_group, per_group_equal'),
    ("studies/digits/figures/fig9/repeat", 7, "fig9.repeat is 7, which is in none of the study's blocks; name one from 000-004"),
]
TRAINING = "digits/training"
CROP = {"name": "random_resized_crop_flip"}
TORCHVISION = {"name": "torchvision_cnn", "architecture": "resnet18", "pretrained": None}
LINE = {"name": "line", "attribute": "line", "value": 255, "width": None, "channel": 0}
LINES = {"name": "line", "attribute": "line", "value": 255, "width": 1, "channel": None}
FIVES = {"class": "5", "count": 3}
RESIDUAL = {"name": "resnet_cifar", "depth": 20}
NOISY = {  # what the other settings do not change
    "epochs": 16,
    "batch_size": 64,
    "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 0.0},
    "schedule": {"name": "constant"},
    "compile": True,
    "input_noise": 0.1,
}
WRONG_SETTINGS = [
    # unknown keys
    ("digits/dscription", "x", "digits.dscription is not a known key (did you mean 'description'?); allowed are advice,"),
    (f"{TRAINING}/optimizer/momentun", 0.9, "digits.training.optimizer.momentun is not a known key (did you mean 'momentum'?);"),
    (f"{TRAINING}/schedule/milestone", [3], "digits.training.schedule.milestone is not a known key (did you mean 'milestones'?)"),
    ("digits/overlay/widht", 2, "digits.overlay.widht is not a known key (did you mean 'width'?); allowed are attribute, channel,"),
    ("digits/model/channel", 2, "digits.model.channel is not a known key (did you mean 'channels'?); allowed are channels, name"),
    ("digits/carriers/chose", "all", "digits.carriers.chose is not a known key (did you mean 'choose'?)"),
    ("digits-count/grid", {"carriers.cuont": [3]}, "digits-count.cuont-3.carriers.cuont is not a known key (did you mean 'count'?)"),
    # wrong types and values
    ("digits", "x", "the setting 'digits' must be a mapping"),
    ("digits/description", REMOVED, "digits.description is missing; it is required"),
    ("digits/reference/early/record_epochs", [0], "early.record_epochs is [0], but must be all or a list of different epochs, counted f"),
    ("digits/probe/source", 5, "digits.probe.source is 5, but must be a class name, quoted if it is a number"),
    ("digits/aligned", {5: {"line": "with"}}, 'digits.aligned.5 is a key that YAML does not read as text; quote it: "5"'),
    (f"{TRAINING}/epochs", "16", 'digits.training.epochs is "16", but must be a whole number'),
    (f"{TRAINING}/epochs", 0, "digits.training.epochs is 0, but must be at least 1"),
    (f"{TRAINING}/optimizer/lr", 0, "digits.training.optimizer.lr is 0, but must be above 0"),
    (f"{TRAINING}/optimizer/lr", "1e-3", 'digits.training.optimizer.lr is "1e-3", but must be a number (YAML reads 1e-3 as text'),
    (f"{TRAINING}/optimizer/momentum", REMOVED, "digits.training.optimizer.momentum is missing; it is required"),
    (f"{TRAINING}/optimizer/name", "sdg", "but must be {name: sgd, lr, momentum, weight_decay} or {name: adam | adamw,"),
    (f"{TRAINING}/schedule/name", "cosine", "but must be {name: constant}, {name: linear} or {name: step, milestones: [epochs], factor}"),
    (f"{TRAINING}/schedule/milestones", 8, "digits.training.schedule.milestones is 8, but must be a list"),
    (f"{TRAINING}/augmentation", {"name": "flip"}, 'augmentation is {"name": "flip"}, but must be {name: none}, {name: pad_crop_flip'),
    (f"{TRAINING}/augmentation", CROP | {"scale": [0, 1]}, "digits.training.augmentation.scale.0 is 0, but must be above 0"),
    (f"{TRAINING}/augmentation", CROP | {"scale": [0.5, 1.5]}, "digits.training.augmentation.scale.1 is 1.5, but must be at most 1"),
    (f"{TRAINING}/augmentation", CROP | {"scale": [1]}, "scale is [1], but must be a list of the lowest and the highest share of the area"),
    (f"{TRAINING}/augmentation", CROP | {"padding": 4}, "digits.training.augmentation.padding is not a known key; allowed are name, ratio"),
    (f"{TRAINING}/gradient_clip", 1, "digits.training.gradient_clip is 1, but must be null, {norm: above 0} or {value: above 0}"),
    (f"{TRAINING}/label_smoothing", 1, "digits.training.label_smoothing is 1, but must be below 1"),
    (f"{TRAINING}/input_noise", -1, "digits.training.input_noise is -1, but must be at least 0"),
    (TRAINING, NOISY, "digits.training.input_noise is 0.1, whose draws cannot be compiled; set compile to false or the noise to 0"),
    ("digits/evaluation", {"score_threshold": 1}, "digits.evaluation.score_threshold is 1, but must be below 1"),
    (f"{TRAINING}/evaluate_epochs", 3, "digits.training.evaluate_epochs is 3, but must be all or a list of different epochs"),
    (f"{TRAINING}/evaluate_splits", "validation", 'evaluate_splits is "validation", but must be a list of different splits (train,'),
    (f"{TRAINING}/evaluate_splits", [], "digits.training.evaluate_splits is [], but must be a list of different splits (train,"),
    (f"{TRAINING}/evaluate_splits", ["valid"], 'evaluate_splits.0 is "valid", but must be one of train, validation, test'),
    ("digits/model/channels", [1, 2], "digits.model.channels is [1, 2], but must be a list of three whole numbers"),
    ("digits/model/name", "small", "but must be {name: bert, pretrained}, {name: cnn002}, {name: mlp, hidden}"),
    ("digits/model", {"name": "cnn002"}, "digits.model.name is 'cnn002', which takes images of at least 16 pixels per side, but it sees 8"),
    ("digits/model", SQUEEZENET, "name is 'torchvision_cnn', which takes images of at least 21 pixels per side, but it sees 8"),
    ("digits/training/batch_size", 1, "batch_size is 1, but 'small_cnn' has batch normalisation, which takes at least 2 samples; raise it"),
    ("digits/model", {"name": "resnet_cifar", "depth": 18}, "digits.model.depth is 18, but must be one of 8, 14, 20, 32, 44, 56, 110"),
    ("digits/model", {"name": "mlp", "hidden": 100}, "digits.model.hidden is 100, but must be a list of at most 20 whole"),
    ("digits/model", {"name": "mlp", "hidden": [0]}, "digits.model.hidden.0 is 0, but must be at least 1"),
    ("digits/model", TORCHVISION | {"architecture": "vgg16"}, "digits.model.architecture is \"vgg16\", but must be one of resnet18,"),
    ("digits/model", TORCHVISION | {"pretrained": "ImageNet"}, 'pretrained is "ImageNet", but must be null, imagenet, or the path of'),
    ("digits/model", TORCHVISION | {"pretrained": True}, "digits.model.pretrained is true, but must be null, imagenet, or the path of"),
    ("digits/model", {"name": "bert", "pretrained": ""}, 'pretrained is "", but must be a folder or a name on Hugging Face\'s hub'),
    ("digits/model", {"name": "bert"}, "digits.model.pretrained is missing; it is required"),
    ("digits/overlay/name", "lines", "null, {name: line, attribute, value[, width][, columns][, channel][, channels]}, {name: p"),
    ("digits/overlay/value", 256, "digits.overlay.value is 256, but must be at most 255"),
    ("digits/validation", 1.0, "digits.validation is 1.0, but must be official, none, or the share of the training split"),
    ("digits/keep_models", "yes", 'digits.keep_models is "yes", but must be true or false'),
    ("digits/reference/Early", {}, "digits.reference.Early is not a valid name; use lower-case letters"),
    ("digits/normalisation/std", [0], "digits.normalisation.std.0 is 0, but must be above 0"),
    ("Digits!", {"extends": "digits"}, "The setting 'Digits!' cannot be a folder name; use letters, digits, '.', '-' and '_'"),
    # names that must exist
    ("digits/dataset", "digit", "digits.dataset: 'digit' is not a known dataset (did you mean 'digits'?); known are digits, digits_halves"),
    ("digits/probe/source", "five", "digits.probe.source: 'five' is not a known class of 'digits'; known are 0, 1, 2,"),
    ("digits/aligned", {"x": {"line": "with"}}, "digits.aligned: 'x' is not a known class of 'digits'; known are 0, 1, 2,"),
    ("digits/extends", "nope", "digits.extends: 'nope' is not a known setting; known are digits, digits-carriers"),
    ("digits/difficulty/el3n", {"reference": "early", "epochs": "all"}, "digits.difficulty.el3n is not a known score"),
    ("digits/difficulty/el2n/reference", "late", "digits.difficulty.el2n.reference: 'late' is not a known reference recipe;"),
    ("digits-window/carriers/base", "nope", "digits-window.start-0.width-1.carriers.base: 'nope' is not a known setting;"),
    ("digits-window/carriers/score", "el3n", "carriers.score: 'el3n' is not a known score of 'digits' (did you mean 'el2n'?)"),
    # numbers that must fit each other
    ("digits/probe/target", "5", "digits.probe.target is '5', the source itself; choose another class"),
    ("digits/carriers/count", 123, "digits.carriers.count is 123, but class '5' of 'digits' has only 122 training samples; choose"),
    ("digits-window/grid", {"carriers.start": [103]}, "carriers.start + carriers.count is 123, but class '5' of 'digits' has only 122"),
    ("digits/normalisation/mean", [0.1, 0.2], "digits.normalisation.mean is [0.1, 0.2], but 'digits' has 1 channels"),
    ("digits/overlay/channel", 1, "digits.overlay.channel is 1, but 'digits' has only the channels 0 to 0"),
    ("digits/overlay/width", 9, "digits.overlay.width is 9, but the images are only 8 pixels wide"),
    ("digits/overlay/columns", [3], "digits.overlay has both width and columns, of which one is enough; set the other to null."),
    ("digits/overlay/channels", [0], "digits.overlay has both channel and channels, of which one is enough; set the other to null."),
    ("digits/overlay/width", None, "digits.overlay lacks both width and columns; give one of them."),
    ("digits/overlay/channel", REMOVED, "digits.overlay lacks both channel and channels; give one of them."),
    ("digits/overlay", LINE | {"columns": [7, 8]}, "columns is [7, 8], but the images have only the columns 0 to 7; choose among these."),
    ("digits/overlay", LINE | {"columns": []}, "digits.overlay.columns is [], but must be a list of different columns, counted from 0,"),
    ("digits/overlay", LINE | {"columns": [3, 3]}, "digits.overlay.columns is [3, 3], but must be a list of different columns"),
    ("digits/overlay", LINE | {"columns": [-1]}, "digits.overlay.columns.0 is -1, but must be at least 0"),
    ("digits/overlay", LINES | {"channels": [0, 1]}, "channels is [0, 1], but 'digits' has only the channels 0 to 0; choose among these"),
    ("digits/overlay", LINES | {"channels": 0}, "digits.overlay.channels is 0, but must be a list of different channels"),
    ("digits/subset/parts", {"fives": FIVES | {"coin_seed": 1}}, "fives.coin_seed is 1, but no sample of the part is held out; set rest"),
    ("digits/subset/parts", {"fives": FIVES | {"coin_seed": "1"}}, 'fives.coin_seed is "1", but must be null, or a whole number from 0'),
    ("digits/model", RESIDUAL | {"shortcut": "C"}, 'digits.model.shortcut is "C", but must be one of A, B.'),
    ("digits/model", RESIDUAL | {"shortcut": True}, "digits.model.shortcut is true, but must be one of A, B."),
    ("digits/model", RESIDUAL | {"initialisation": "he"}, 'digits.model.initialisation is "he", but must be one of fan_in, fan_out.'),
    ("digits/model", TORCHVISION, "digits.model.name is 'torchvision_cnn', whose networks take images of 3 channels, but 'digits' has 1;"),
    (f"{TRAINING}/augmentation", CROP | {"scale": [0.9, 0.8]}, "digits.training.augmentation.scale is [0.9, 0.8]; write the lower one"),
    (f"{TRAINING}/augmentation", CROP | {"ratio": [2, 1]}, "digits.training.augmentation.ratio is [2, 1]; write the lower one first"),
    (f"{TRAINING}/evaluate_epochs", [1, 99], "evaluate_epochs names epoch 99, but training ends after"),
    ("digits/reference/early/epochs", 99, "digits.reference.early.epochs is 99, but training has only"),
    ("digits/reference/early/record_epochs", [98, 99], "early.record_epochs names epoch 99, but training ends after"),
    ("digits/difficulty/el2n/epochs", [1], "digits.difficulty.el2n.epochs is [1], but the reference records only"),
    ("digits/difficulty/aum/epochs", [99], "digits.difficulty.aum.epochs names epoch 99, but training ends after"),
    ("digits/difficulty/el2n/reference", None, "digits.difficulty.el2n.reference must be null for 'random' and name a reference recipe"),
    ("digits-carriers/reference/early/shared", True, "reference.early.shared is true, but every repeat draws its own carriers"),
    # what goes with a way to choose carriers
    ("digits/carriers/start", 3, "digits.carriers.start does not go with 'choose: random', which takes count, draw, class"),
    ("digits/carriers/count", REMOVED, "digits.carriers.count is missing; 'choose: random' takes count, draw"),
    ("digits/carriers", {"choose": "none"}, "digits.carriers.choose is 'none', but the setting has an overlay; choose its carriers"),
    ("digits-count/overlay", None, "digits-count.count-0.groups: 'line' is not a known attribute of 'digits' or an overlay;"),
    ("digits-window/validation", 0.2, "which has other samples; name a setting of the same dataset, image_size, validation, subset."),
    ("digits-window/carriers/base", "digits-window.start-0.width-1", "which has a base itself; name the setting it is derived from"),
    # inheritance and grids
    ("digits/extends", "digits", "digits.extends leads back to itself (digits → digits); remove one of these"),
    ("digits/extends", "digits-more-carriers", "(digits → digits-more-carriers → digits-carriers → digits); remove one of these"),
    ("digits-count/grid", {"carriers.count": 3}, "digits-count.grid must map dotted keys to lists of values"),
    ("digits-count/grid", {"overlay": {"a": 3}}, "digits-count.grid.overlay.a is 3, but must be a mapping of keys that differ, such as {}"),
    ("digits-count/grid", {"overlay": {}}, "digits-count.grid must map dotted keys to lists of values"),
    ("digits-count/grid", {"overlay": {"a b": {}}}, "digits-count.grid: the member 'digits-count.overlay-a b' cannot be a folder name"),
    ("digits-count/grid", {"overlay": {"a": {"widht": 1}}}, "digits-count.overlay-a.overlay.widht is not a known key (did you mean 'width"),
    ("digits-count/grid", {"overlay": {"a": {}}, "overlay.width": [1]}, "grid: 'overlay.width' is part of 'overlay', which varies, too;"),
    ("digits-count/grid", {"carriers.count": [3, 7, 3]}, "digits-count.grid.carriers.count is [3, 7, 3], which names a value twice"),
    ("digits-count.count-10", {"extends": "digits"}, "The setting 'digits-count.count-10' is also a member of the family 'digits-count'"),
    ("digits/reference/early/training", {"lr": 0.1}, "digits.reference.early.training.lr is not a known key; allowed are"),
    ("digits/reference/early/training", {"epochs": "x"}, 'digits.reference.early.training.epochs is "x", but must be a whole number'),
    ("digits/reference/early/training", {"optimizer": {"lr": -5}}, "digits.reference.early.training.optimizer.lr is -5, but must be above"),
    ("digits/carriers/class", "3", "digits.carriers.class is '3', but the probe's source is '5'; the overlay goes with one class"),
    ("digits-count/grid", {"carrier.count": [3]}, "digits-count.grid: 'carrier.count' is not a key of the setting, since"),
    # what the feature goes with
    ("digits/aligned", {"5": {"line": "without"}}, "digits.aligned.5.line is 'without', but '5' is the class that the feature goes with"),
    ("digits/aligned", {"3": {"line": "with"}}, "digits.aligned.3.line is 'with', but the overlay is laid over samples of '5' alone, so"),
    ("digits/aligned", {"9": {"line": "with"}}, "digits.aligned.9.line is 'with', but the overlay is laid over samples of '5' alone, so"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "expected"), WRONG_MAIN)
def test_mistakes_in_the_main_file(
    load: Callable[..., Config], path: str, value: Any, expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load(main={path: value})
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


WATERBIRDS = {
    "probe": {"source": "waterbird", "target": "landbird"},
    "carriers": {"choose": "natural", "where": {"background": "water"}},
    "overlay": None,
    "aligned": {"landbird": {"background": "land"}, "waterbird": {"background": "water"}},
}
LANDBIRDS = {"source": "landbird", "target": "waterbird"}
DIGITS, OTHER_DIGITS = {"source": "0", "target": "1"}, {"source": "0", "target": "others"}
BLUE = {"choose": "natural", "where": {"pen": "blue"}}
BLUE_PLAIN = {"choose": "natural", "where": {"pen": "blue", "paper": "plain"}}
ON_WATER = {"landbird": {"background": "water"}, "waterbird": {"background": "water"}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"probe": None}, None),
        ({"probe": {"source": "waterbird", "target": "others"}}, None),
        ({"aligned": {}}, None),
        (
            {"probe": LANDBIRDS},
            "birds.aligned.landbird.background is 'land', but 'landbird' is the class that the feature goes with, and carriers have "
            "'water'; set it to 'water' or correct the probe's source or the carriers.",
        ),
        ({"probe": LANDBIRDS, "carriers": {"choose": "natural", "where": {"background": "land"}}}, None),
        (
            {"carriers": {"choose": "natural", "where": {"background": "land"}}},
            "birds.aligned.landbird is what carriers show, but 'landbird' is the probe's target, which is tested for being taken for "
            "'waterbird' because of it; name the values that go with 'landbird' in training, or another target.",
        ),
        (
            {"aligned": ON_WATER},
            "birds.aligned.landbird is what carriers show, but 'landbird' is the probe's target, which is tested for being taken for "
            "'waterbird' because of it; name the values that go with 'landbird' in training, or another target.",
        ),
        ({"aligned": ON_WATER, "probe": None}, None),
        (
            {"aligned": ON_WATER, "probe": {"source": "waterbird", "target": "others"}},
            "birds.aligned.landbird is what carriers show, but 'landbird' is one of the probe's targets, which is tested for being taken "
            "for 'waterbird' because of it; name the values that go with 'landbird' in training, or another target.",
        ),
        ({"carriers": BLUE, "aligned": {"0": {"pen": "blue"}, "1": {"pen": "red"}}, "probe": OTHER_DIGITS}, None),
        (
            {"carriers": BLUE, "aligned": {"1": {"pen": "blue"}}, "probe": OTHER_DIGITS},
            "birds.aligned.1 is what carriers show, but '1' is one",
        ),
        (
            {"carriers": BLUE_PLAIN, "aligned": {"1": {"pen": "blue"}}, "probe": DIGITS},
            "birds.aligned.1 is what carriers show, but '1' is the",
        ),
        ({"carriers": BLUE_PLAIN, "aligned": {"2": {"pen": "blue"}}, "probe": DIGITS}, None),  # 2 is not tested
        ({"carriers": BLUE_PLAIN, "aligned": {"1": {"pen": "blue", "paper": "lined"}}, "probe": DIGITS}, None),
        ({"carriers": BLUE, "aligned": {"1": {"paper": "plain"}}, "probe": DIGITS}, None),
        (
            {"carriers": BLUE, "aligned": {"1": {"pen": "blue", "paper": "plain"}}, "probe": DIGITS},
            "birds.aligned.1 is what carriers show, but '1' is the probe's target",
        ),
        (
            {"carriers": BLUE_PLAIN, "aligned": {"1": {"pen": "blue", "size": "small"}}, "probe": DIGITS},
            "birds.aligned.1 is what carriers show, but '1' is the probe's target",
        ),
        (
            {"carriers": BLUE, "aligned": {"0": {"paper": "plain"}}, "probe": DIGITS},
            "birds.aligned.0 is {paper: plain}, but '0' is the class that the feature goes with, and carriers are those with {pen: blue}; "
            "set it to the same, remove it, or correct the probe's source or the carriers.",
        ),
        (
            {"carriers": BLUE_PLAIN, "aligned": {"0": {"pen": "blue"}}, "probe": DIGITS},
            "birds.aligned.0 is {pen: blue}, but '0' is the class that the feature goes with, and carriers are those with {pen: blue, pa",
        ),
        ({"carriers": BLUE_PLAIN, "aligned": {"0": {"paper": "plain", "pen": "blue"}}, "probe": DIGITS}, None),
        ({"carriers": {"choose": "none"}, "aligned": {"0": {"pen": "blue"}, "1": {"pen": "blue"}}, "probe": DIGITS}, None),
    ],
)
def test_the_feature_goes_with_the_source_class_alone(
    changes: dict[str, Any], expected: str | None, assert_one_sentence: Callable[[str], None]
) -> None:
    if expected is None:
        check_feature.check("birds", WATERBIRDS | changes)
        return
    with pytest.raises(ConfigError) as error:
        check_feature.check("birds", WATERBIRDS | changes)
    assert str(error.value).startswith(expected)
    assert_one_sentence(str(error.value))


@pytest.mark.parametrize(
    ("dataset", "validation", "subset", "expected"),
    [
        ("digits", "official", {}, True),
        ("digits", "none", {}, False),
        ("cifar10", "official", {}, False),
        ("cifar10", 0.1, {}, True),
        ("cifar10", "official", {"some": {"class": "cat", "count": 9, "rest": "hold_out"}}, True),
        ("cifar10", "official", {"some": {"class": "cat", "count": 9}}, False),
    ],
)
def test_what_is_known_of_a_validation_split(
    load: Callable[..., Config], dataset: str, validation: Any, subset: dict[str, Any], expected: bool
) -> None:
    setting = {"dataset": dataset, "validation": validation, "subset": {"parts": subset}}
    assert check_settings.is_validated(setting, load()) is expected


@pytest.mark.parametrize(("split", "expected"), [(None, False), ({"test": 0.2}, False), ({"validation": 0.1}, True), ("fold", True)])
def test_own_data_may_have_no_validation_split(split: Any, expected: bool) -> None:
    block = {"reader": "table", "path": "birds.csv", "label": "species", "vectors": "birds.npy"} | (
        {} if split is None else {"split": split}
    )
    assert dataset_entry("birds", {"birds": block}).validated is expected


@pytest.mark.parametrize(("path", "value", "expected"), WRONG_SETTINGS)
def test_mistakes_in_a_setting(
    load: Callable[..., Config], path: str, value: Any, expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load(settings={path: value})
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


def test_a_shared_reference_needs_a_subset_that_all_repeats_share(load: Callable[..., Config]) -> None:
    def with_part(draw: str, **part: Any) -> Config:
        subset = {"draw": draw, "parts": {"some": {"class": "5", **part}}}
        changes = {"subset": subset, "reference/early/shared": True, "carriers/draw": "fixed"}
        return load(settings={f"digits-carriers/{key}": value for key, value in changes.items()})

    with pytest.raises(ConfigError, match="shared is true, but every repeat draws its own subset"):
        with_part("per_repeat", count=9)
    with_part("fixed", count=9)
    with_part("per_repeat", count=9, choose="first")
    with_part("per_repeat", count=0)


STATE = {"choose": "random_state", "count": 10, "draw": REMOVED, "also": ["1", "2"]}
PATTERN = {"name": "pattern", "attribute": "line", "pattern": "v3"}


def drawn_by_state(**changes: Any) -> dict[str, Any]:
    """Changes of a setting that takes its carriers by a random state; keys of its carriers may be changed."""
    kept = {key: value for key, value in (STATE | changes).items() if value is not REMOVED}
    return {"digits-carriers/carriers": kept}


def test_the_random_state_may_pattern_further_classes(load: Callable[..., Config]) -> None:
    found = load(settings=drawn_by_state()).settings["digits-carriers"]
    assert found["carriers"] == {"choose": "random_state", "count": 10, "also": ["1", "2"]}
    tied = {"digits-carriers/aligned": {"5": {"line": "with"}, "1": {"line": "with"}}}
    load(settings=drawn_by_state() | tied | {"digits-carriers/probe": {"source": "5", "target": "9"}})
    load(settings=drawn_by_state(seed=0) | {"digits-carriers/reference/early/shared": True})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (drawn_by_state(also=["5"]), "digits-carriers.carriers.also names '5', the class that the overlay goes with anyway; remove it."),
        (drawn_by_state(also=["ten"]), "digits-carriers.carriers.also: 'ten' is not a known class of 'digits'"),
        (drawn_by_state(count=119), "digits-carriers.carriers.count is 119, but class '2' of 'digits' has only 118 training samples"),
        (drawn_by_state(draw="fixed"), "digits-carriers.carriers.draw does not go with 'choose: random_state', which takes count, class"),
        (drawn_by_state(seed=-1), "digits-carriers.carriers.seed is -1, but must be null, for the number of the repeat, or a whole number"),
        (
            drawn_by_state() | {"digits-carriers/reference/early/shared": True},
            "early.shared is true, but every repeat draws its own carr",
        ),
        (
            drawn_by_state(seed=0) | {"digits-carriers/overlay": PATTERN, "digits-carriers/reference/early/shared": True},
            "early.shared is true, but every repeat draws its own overlay; give overlay.seed or set shared to false.",
        ),
        (
            {"digits-carriers/overlay": PATTERN | {"pattern": "core"}},
            "digits-carriers.overlay.pattern is 'core', which needs images of 25 pixels per side, but image_size is only 8; choose ",
        ),
        ({"digits/overlay": PATTERN | {"pattern": "v2"}}, 'digits.overlay.pattern is "v2", but must be one of v1, v3, v8, v18, v19,'),
        ({"digits-carriers/original": "mnist-3"}, 'digits-carriers.original is "mnist-3", which is not an original name; write DATASET'),
    ],
)
def test_mistakes_with_patterns(
    load: Callable[..., Config], changes: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    with pytest.raises(ConfigError) as error:
        load(settings=changes)
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


TWINS = {"kind": "cross_risk", "epochs": 16, "record_epochs": [8, 16], "seeds": 2, "view": "eval", "shared": False}
ENVIRONMENTS = {"kind": "cross_risk", "reference": "twins", "epoch": 16}


def test_environments_are_those_of_twins(load: Callable[..., Config]) -> None:
    found = load(settings={"digits/reference/twins": TWINS, "digits/partitions/environments": ENVIRONMENTS}).settings["digits"]
    assert found["reference"]["twins"] == TWINS
    assert found["partitions"]["environments"] == ENVIRONMENTS | {"seed": 0}
    assert blocks.recorded(TWINS) == {"reference_seeds": 4, "epochs": [8, 16]}


def test_a_recipe_that_names_no_kind_is_erm_and_stays_as_it_is(load: Callable[..., Config]) -> None:
    plain = {"epochs": 5, "record_epochs": [5], "seeds": 3, "view": "eval", "shared": False}
    assert load().settings["digits"]["reference"]["early"] == plain
    for recipe in (plain, plain | {"kind": "erm"}):
        assert blocks.recorded(recipe) == {"reference_seeds": 3, "epochs": [5]}
    load(settings={"digits/reference/early/kind": "erm"})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"reference/twins/kind": "xrm"}, 'digits.reference.twins.kind is "xrm", but must be one of erm, cross_risk.'),
        ({"reference/twins/view": "training"}, "digits.reference.twins.view is training, but twins are compared after an epoch; choose "),
        (
            {"reference/twins/record_epochs": [4, 8]},
            "digits.reference.twins.record_epochs is [4, 8], but the share of flipped labels, by which such recipes are compared, is that "
            "after epoch 16; add it, or set epochs to 8.",
        ),
        (
            {"difficulty/el2n": {"reference": "twins", "epochs": [16]}},
            "digits.difficulty.el2n.reference is 'twins', a recipe of kind cross_risk, whose twins change the labels that they learn from, "
            "so it gives no difficulty; name a recipe of kind erm.",
        ),
        (
            {"partitions/environments/kind": "errors"},
            "digits.partitions.environments.reference is 'twins', a recipe of kind cross_risk, but a partition of kind errors reads one of "
            "kind erm; name such a recipe.",
        ),
        ({"partitions/environments/kind": "predicted"}, "but a partition of kind predicted reads one of kind erm"),
        (
            {"partitions/environments/reference": "early", "partitions/environments/epoch": 5},
            "digits.partitions.environments.reference is 'early', a recipe of kind erm, but a partition of kind cross_risk reads one of "
            "kind cross_risk; name such a recipe.",
        ),
        ({"partitions/environments/epoch": 4}, "environments.epoch is 4, but the reference records [8, 16] (of 16); choose among these."),
        ({"partitions/environments/seed": 2}, "environments.seed is 2, but the reference has only the seeds 0 to 1."),
        ({"partitions/environments/epoch": REMOVED}, "digits.partitions.environments.epoch is missing; it is required."),
    ],
)
def test_mistakes_with_twins(
    load: Callable[..., Config], changes: dict[str, Any], expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    given = {"digits/reference/twins": dict(TWINS), "digits/partitions/environments": dict(ENVIRONMENTS)}
    with pytest.raises(ConfigError) as error:
        load(settings=given | {f"digits/{path}": value for path, value in changes.items()})
    assert expected in str(error.value)
    assert_one_sentence(str(error.value))


def test_a_dataset_without_a_folder_is_refused(load: Callable[..., Config], assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=r"^data\.mnist is missing, but 'digits' uses this dataset") as error:
        load(settings={"digits/dataset": "mnist"})
    assert_one_sentence(str(error.value))


def test_overlapping_blocks_of_two_studies_are_refused(load: Callable[..., Config], parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    other = deepcopy(parts[0]["studies"]["digits"]) | {"blocks": ["003-007"]}
    other["figures"]["fig9"]["repeat"] = 3
    with pytest.raises(ConfigError, match=r"studies\.other\.blocks: '003-007' overlaps '000-004'"):
        load(main={"studies/other": other, "select": ["digits", "other"]})
    other["blocks"] = ["000-004", "005-009"]
    assert load(main={"studies/other": other, "select": ["digits", "other"]}).select == ["digits", "other"]
    other["blocks"] = ["003-007"]
    load(main={"studies/other": other})  # blocks of unselected studies may overlap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("digits: {}\ndigits: {}\n", "line 2: 'digits' is declared twice; rename or remove one"),
        ("digits:\n  training: {epochs: 1}\n  dataset: digits\n  training: {epochs: 2}\n", "line 4: 'training' is declared twice"),
        ("digits: {training: {epochs: 1, epochs: 2}}\n", "line 1: 'epochs' is declared twice"),
        ("digits: [\n", "is not valid YAML"),
        (b"digits: {description: \xe9}\n", "cannot be read ('utf-8' codec can't decode byte 0xe9"),
        ("- digits\n", "must hold a mapping from names to blocks"),
        ("", "must hold a mapping from names to blocks"),
    ],
)
def test_a_setting_file_that_repeats_a_key_or_is_not_a_mapping_or_not_text(
    load: Callable[..., Config], tmp_path: Path, text: str | bytes, expected: str, assert_one_sentence: Callable[[str], None]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as error:
        load(main={"setting_files": [str(file)]})
    assert str(file) in str(error.value) and expected in str(error.value)
    assert_one_sentence(str(error.value))


def test_a_folder_as_setting_file(load: Callable[..., Config], tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as error:
        load(main={"setting_files": [str(tmp_path)]})
    assert str(tmp_path) in str(error.value)
    assert_one_sentence(str(error.value))


def test_a_setting_declared_in_two_files(load: Callable[..., Config], tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("digits: {}\n")
    with pytest.raises(ConfigError) as error:
        load(main={"setting_files": ["config/settings/digits.yaml", str(file)]})
    assert str(error.value) == f"The setting 'digits' is declared in config/settings/digits.yaml and again in {file}; rename one."
    assert_one_sentence(str(error.value))


def test_setting_files_are_looked_up_in_the_working_directory_then_in_the_project(
    load: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "tests/unit/example/settings.yaml"
    monkeypatch.chdir(tmp_path)
    assert "digits" in load(main={"setting_files": [name]}).settings
    mine = tmp_path / name
    mine.parent.mkdir(parents=True)
    mine.write_text("- mine\n")
    with pytest.raises(ConfigError, match="must hold a mapping"):
        load(main={"setting_files": [name]})


@pytest.mark.parametrize("name", ["config.yaml", "digits-full.yaml", "cifar10-short.yaml", "paper.yaml"])
def test_the_shipped_configurations_are_valid(root: Path, name: str) -> None:
    main = yaml.safe_load((root / "config/config.yaml").read_text())
    config = loading.load(merge(main, yaml.safe_load((root / "config" / name).read_text())), root)
    assert config.select and config.settings


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_the_shipped_settings_are_valid(root: Path, variant: str) -> None:
    """Every file in config/settings, whether a shipped configuration selects it or not, in both variants."""
    main = yaml.safe_load((root / "config/config.yaml").read_text())
    main["setting_files"] = [str(path) for path in sorted((root / "config/settings").glob("*.yaml"))]
    main["setting_defaults"]["variant"] = variant
    for name in ("benchmark", "paper"):  # whose methods clusters are made from
        main["methods"] |= yaml.safe_load((root / f"config/{name}.yaml").read_text())["methods"]
    main["methods"] |= {"erm": {"kind": "erm"}}
    config = loading.load(main, root)
    assert {block["dataset"] for block in config.settings.values()} <= set(registry())
    assert {"celeba", "celeba-count.count-500", "waterbirds", "hard-imagenet"} <= set(config.settings)


def test_every_dataset_that_must_be_placed_has_a_folder(root: Path) -> None:
    main = yaml.safe_load((root / "config/config.yaml").read_text())
    assert set(main["data"]) == {name for name, entry in registry().items() if not entry.embedded}


def test_settings_inherit_and_families_expand(load: Callable[..., Config]) -> None:
    config = load(
        {"studies/digits/figures/fig1": REMOVED},  # which draws one line
        {"digits-count/grid": {"carriers.count": [0, 7], "overlay.width": [1, 2]}},
    )
    assert config.family("digits-count") == [f"digits-count.count-{count}.width-{width}" for count in (0, 7) for width in (1, 2)]
    member = "digits-count.count-7.width-1"
    assert config.coordinates(member) == {"carriers.count": 7, "overlay.width": 1}
    assert config.coordinates("digits") == {}
    block = config.settings[member]
    assert block["carriers"] == {"choose": "random", "count": 7, "draw": "per_repeat"}
    assert block["overlay"] == {"name": "line", "attribute": "line", "width": 1, "value": 255, "channel": 0}
    assert block["training"]["precision"] == "fp32", "inherited values override defaults"
    assert "digits-count" not in config.settings and "extends" not in block and "grid" not in block
    assert config.settings["digits"]["carriers"]["count"] == 0, "a member's values must not leak into its base"


def test_named_blocks_of_a_grid_are_merged_over_what_is_there(load: Callable[..., Config]) -> None:
    wide = {"width": None, "columns": [2, 3, 4], "channel": None, "channels": [0]}
    grid = {"carriers.start": [0, 102], "overlay": {"S1": {}, "S2": {"width": 3}, "S3": wide}}
    config = load(settings={"digits-window/grid": grid, "digits-window/overlay": {"value": 191}})
    assert config.family("digits-window") == [f"digits-window.start-{start}.overlay-S{i}" for start in (0, 102) for i in (1, 2, 3)]
    assert config.coordinates("digits-window.start-102.overlay-S3") == {"carriers.start": 102, "overlay": "S3"}
    plain = {"name": "line", "attribute": "line", "width": 2, "value": 191, "channel": 0}
    for name, over in (("S1", {}), ("S2", {"width": 3}), ("S3", wide)):
        block = config.settings[f"digits-window.start-102.overlay-{name}"]
        assert block["overlay"] == plain | over and block["carriers"]["start"] == 102
    assert config.settings["digits"]["overlay"]["value"] == 255, "a member's values must not leak into its base"


VARIANTS = {"paper": {}, "code": {"overlay": {"value": 191}, "reference": {"early": {"view": "eval_augmented"}}}}


@pytest.mark.parametrize(("variant", "value", "view"), [("paper", 255, "eval"), ("code", 191, "eval_augmented")])
def test_a_variant_changes_what_it_declares_in_all_that_extend_it(load: Callable[..., Config], variant: str, value: int, view: str) -> None:
    main = {"setting_defaults/variant": variant}
    config = load(main=main, settings={"digits/variants": VARIANTS, "digits-count/grid": {"carriers.count": [7], "overlay.width": [1]}})
    member = config.settings["digits-count.count-7.width-1"]
    assert member["overlay"] == {"name": "line", "attribute": "line", "width": 1, "value": value, "channel": 0}
    assert member["reference"]["early"]["view"] == view
    assert member["variant"] == variant and member["description"].endswith(f" ({variant} variant)")
    assert "variants" not in member


def test_settings_without_variants_are_unaffected(load: Callable[..., Config]) -> None:
    assert load(main={"setting_defaults/variant": "code"}).settings == load().settings
    assert load().settings["digits"]["variant"] is None


def test_a_variant_must_be_declared(load: Callable[..., Config], assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=r"digits\.variant is 'text', which is not declared; choose one of paper, code\.") as error:
        load(main={"setting_defaults/variant": "text"}, settings={"digits/variants": VARIANTS})
    assert_one_sentence(str(error.value))


def test_reordering_a_grid_renames_no_setting(load: Callable[..., Config]) -> None:
    grid = {"overlay.width": [1, 2], "carriers.start": [0, 102]}
    one, other = (load(settings={"digits-window/grid": dict(items)}) for items in (grid.items(), reversed(grid.items())))
    assert one.settings == other.settings and one.families == other.families
    assert one.family("digits-window")[1] == "digits-window.start-0.width-2"


def test_a_mapping_of_another_name_replaces_the_old_one_whole() -> None:
    base = {"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}, "carriers": {"choose": "random", "draw": "fixed"}, "list": [1, 2]}
    assert merge(base, {"optimizer": {"lr": 0.2}})["optimizer"] == {"name": "sgd", "lr": 0.2, "momentum": 0.9}
    assert merge(base, {"optimizer": {"name": "adam", "lr": 0.2}})["optimizer"] == {"name": "adam", "lr": 0.2}
    assert merge(base, {"carriers": {"choose": "none"}})["carriers"] == {"choose": "none"}
    assert merge(base, {"list": [3]})["list"] == [3]
    assert base["optimizer"] == {"name": "sgd", "lr": 0.1, "momentum": 0.9}


def test_groups_of_a_declared_dataset_have_different_names(load: Callable[..., Config], assert_one_sentence: Callable[[str], None]) -> None:
    config = load()
    attributes = (Attribute.of("place", ("a", "a, paper c")), Attribute.of("paper", ("b", "c, paper b")))
    config = replace(config, datasets={**config.datasets, "digits": replace(config.datasets["digits"], attributes=attributes)})
    check_settings.check("digits", config.settings["digits"] | {"groups": ["place"]}, config)
    with pytest.raises(ConfigError, match=r"^digits\.groups: Two groups have the name '0, place a, paper c, paper b': ") as error:
        check_settings.check("digits", config.settings["digits"] | {"groups": ["place", "paper"]}, config)
    assert_one_sentence(str(error.value))


def test_a_split_without_samples_is_not_the_only_one_recorded(
    load: Callable[..., Config], assert_one_sentence: Callable[[str], None]
) -> None:
    settings = {"digits/validation": "none", f"{TRAINING}/evaluate_splits": ["validation"]}
    load({"studies/digits/figures": {}}, {**settings, "digits/validation": 0.2})
    with pytest.raises(ConfigError) as error:
        load(settings=settings)
    assert str(error.value).startswith("digits.training.evaluate_splits is [validation], but 'digits' has no validation samples;")
    assert_one_sentence(str(error.value))


def test_runs_that_could_measure_nothing_are_refused(root: Path, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    own = configurations.base("tests/workflow/own.yaml")
    main, datasets = own.main, own.main["datasets"]
    for split, refused in (({}, True), ({"validation": 0.2}, False), ({"test": 0.2}, False)):
        plain = {**datasets["plain"], "split": split}
        changed = replace(own, main={**main, "datasets": {**datasets, "plain": plain}})
        given_main = given.from_files(changed.write(tmp_path), [])
        if not refused:
            loading.load(given_main, root)
            continue
        with pytest.raises(ConfigError, match=r"'plain' trains networks, but has no validation and no test samples") as error:
            loading.load(given_main, root)
        assert_one_sentence(str(error.value))

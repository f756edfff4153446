"""Sections of advice: what they add to a setting, and one clear sentence for each mistake; settings within the configuration itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from spurprune.config.config import Config
from spurprune.config.merging import merge
from spurprune.dag import advice, needs, planning, targets
from spurprune.errors import ConfigError

BASE: dict[str, Any] = {
    "select": [],
    "datasets": {"own": {"reader": "table", "path": "own.csv", "label": "label", "split": "fold", "vectors": "own.npy"}},
    "settings": {"mine": {"description": "Mine", "dataset": "own", "advice": {}}},
}


def loaded(tmp_path: Path, change: Mapping[str, Any] | None = None) -> Config:
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump(merge(BASE, change or {})), encoding="utf-8")
    return planning.load([path])


def of_mine(**keys: Any) -> dict[str, Any]:
    return {"settings": {"mine": keys}}


def test_an_empty_section_is_enough(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    setting = config.settings["mine"]
    assert setting["advice"]["blocks"] == ["000-004"] and advice.advised_settings(config) == ["mine"]
    assert setting["partitions"]["clusters"]["of"] == "features" and setting["partitions"]["suspects"]["analysis"] == "cues"
    assert setting["reference"]["scouts"] == {
        "epochs": 50,
        "record_epochs": [50],
        "seeds": 2,
        "view": "eval",
        "shared": False,
    }, "the recipe chosen by default"
    maps = {name for name, block in setting["analyses"].items() if block.get("regions") == "all"}
    assert maps == {"reliance_suspects_none", "reliance_suspects_within_suspects_el2n_hardest_0_25"}
    assert all(block["split"] == "validation" for block in setting["analyses"].values() if block["kind"] == "reliance")


def test_a_setting_without_the_section_stays_as_it_is(tmp_path: Path) -> None:
    config = loaded(tmp_path, {"select": ["digits"], "settings": {"mine": {"advice": None}}})
    assert config.settings["mine"]["analyses"] == {} and advice.advised_settings(config) == [] == planning.advice_jobs(config)


def test_what_the_setting_declares_itself_is_kept(tmp_path: Path) -> None:
    own = {"kind": "clusters", "from": "erm", "k": 3}
    config = loaded(tmp_path, of_mine(partitions={"clusters": own}, advice={"partitions": ["clusters"]}))
    setting = config.settings["mine"]
    assert setting["partitions"]["clusters"]["k"] == 3 and setting["analyses"] == {} and "scouts" not in setting["reference"]


def test_another_partition_may_be_named(tmp_path: Path) -> None:
    twins = {"kind": "cross_risk", "epochs": 5, "record_epochs": [5], "seeds": 1, "view": "eval", "shared": False}
    keys = {"reference": {"twins": twins}, "partitions": {"xrm": {"kind": "cross_risk", "reference": "twins", "epoch": 5}}}
    early = {"early": {"epochs": 5, "record_epochs": [5], "seeds": 3, "view": "eval", "shared": False}}
    scores = {"el2n": {"reference": "early", "epochs": [5]}}
    keys = merge(keys, {"reference": early, "difficulty": scores, "advice": {"partitions": ["xrm"]}})
    config = loaded(tmp_path, of_mine(**keys))
    rules = {job.rule for job in planning.advice_jobs(config)}
    assert "analyse" not in rules and {"partition", "embed", "retrain_keeping_models"} <= rules
    kept = needs.keeping_models(needs.of(config), config)
    assert {run for run in kept if run[0] == "mine"} == {("mine", "erm", "none")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of_mine(advice={"method": "ermm"}), "mine.advice.method: 'ermm' is not a known method (did you mean 'erm'?)"),
        (of_mine(advice={"score": "grand"}), "mine.advice.score: 'grand' is not a known score of the setting"),
        (
            of_mine(advice={"partitions": ["cluster"]}),
            "mine.advice.partitions: 'cluster' is not a known partition of the setting (did you",
        ),
        (of_mine(advice={"sparsities": ["0.1"]}), 'mine.advice.sparsities.0 is "0.1", but must be a quoted share of two to four decimals'),
        (of_mine(advice={"sparsities": [0.10]}), "mine.advice.sparsities.0 is 0.1, but must be a quoted share"),
        (of_mine(advice={"suspected": []}), "mine.advice.suspected is [], but must be a list of 1 to 20 different shares"),
        (of_mine(advice={"blocks": ["004-000"]}), "mine.advice.blocks: '004-000' ends before it begins"),
        (of_mine(advice={"blocks": ["000-004", "004-006"]}), "mine.advice.blocks: '004-006' overlaps '000-004'"),
        (of_mine(advice={"block": ["000-004"]}), "mine.advice.block is not a known key"),
        (of_mine(advice=True), "mine.advice is true, but must be null or a mapping, which may be empty: {}"),
        (of_mine(validation="none"), "mine.advice goes by validation samples, but the setting has none"),
        (
            {"methods": {"dfr": {"kind": "last_layer", "from": "erm"}}, **of_mine(advice={"method": "dfr"})},
            "mine.advice.method is 'dfr', which starts from another method's networks",
        ),
        (
            {"methods": {"wide": {"kind": "erm", "grid": {"training.epochs": [1, 2]}, "tuning": {"blocks": ["900-900"]}}}}
            | of_mine(advice={"method": "wide"}),
            "mine.advice.method is 'wide', which is tuned",
        ),
        ({"settings": {"mine": {"advice": None}}}, "select is empty, and no setting has a section of advice"),
        (
            {"setting_files": ["config/settings/digits.yaml"], "settings": {"digits": {}}},
            "declared in config/settings/digits.yaml and again",
        ),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, change)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_random_suspects_need_a_random_score(tmp_path: Path) -> None:
    early = {"early": {"epochs": 5, "record_epochs": [5], "seeds": 3, "view": "eval", "shared": False}}
    keys = {"reference": early, "difficulty": {"el2n": {"reference": "early", "epochs": [5]}}}
    with pytest.raises(ConfigError, match="prunes random suspects as a control, but the setting has no score 'random'"):
        loaded(tmp_path, of_mine(**keys))
    assert loaded(tmp_path, of_mine(**keys, advice={"partitions": ["clusters"]})).settings["mine"]["analyses"] == {}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("results/advice/mine/index.html", None),
        ("results/settings/mine/evidence/000-004.parquet", None),
        ("results/advice/mine/index.htm", "'index.htm' is not a known file of this folder"),
        ("results/advice/mien/index.html", "'mien' is not a known setting"),
        ("results/advice/digits/index.html", "'digits' has no section of advice; give it one"),
        ("results/settings/mine/evidence/000-001.parquet", "'000-001.parquet' is not a known block of the advice on 'mine'"),
    ],
)
def test_targets_of_advice_are_checked(tmp_path: Path, path: str, message: str | None) -> None:
    config = loaded(tmp_path)
    if message is None:
        targets.check_path(path, config)
        return
    with pytest.raises(ConfigError) as error:
        targets.check_path(path, config)
    assert message in str(error.value)

"""The hours that docs/reproduction.md gives for the paper's figures, tables and studies are those planned, and none is left out."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spurprune.config.config import Config
from spurprune.config.merging import merge
from spurprune.dag import planning
from spurprune.evaluation.published import OURS, published


@pytest.fixture(scope="module")
def config(root: Path) -> Config:
    return planning.load([root / "config/paper.yaml"])


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs/reproduction.md").read_text(encoding="utf-8")


def cost_of(config: Config, study: str, **sections: Mapping[str, Any]) -> tuple[int, dict[str, float]]:
    """The planned training runs of a study, and their hours by device, from nothing; with some of its figures and tables only."""
    one = replace(config, select=[study], studies={study: config.studies[study] | sections})
    jobs = [job for job in planning.jobs(one) if job.setting is not None and job.training_runs]
    hours: dict[str, float] = {}
    for job in jobs:
        device = config.settings[str(job.setting)]["estimate"]["device"]
        hours[device] = hours.get(device, 0.0) + job.hours
    return sum(job.training_runs for job in jobs), hours


def test_the_hours_of_every_claim_are_those_planned(config: Config, text: str) -> None:
    rows = re.findall(r"\| `results/(figures|tables)/([\w-]+)/(\w+)\.(?:pdf|md)` \| ([\d.]+)( on one CPU core)? \|", text)
    for section, study, name, hours, on_cpu in rows:
        alone = {"figures": {}, "tables": {}} | {section: {name: config.studies[study][section][name]}}
        expected = {"CPU core" if on_cpu else "GPU": hours}
        assert {device: f"{value:.1f}" for device, value in cost_of(config, study, **alone)[1].items()} == expected, (study, name)
    items = [
        (section, study, name)
        for study in config.select
        for section in ("figures", "tables")
        for name, item in config.studies[study][section].items()
        if item["kind"] != "summary"
    ]
    assert sorted(row[:3] for row in rows) == sorted(items)


def test_the_hours_of_every_study_are_those_planned(config: Config, text: str) -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| ([\d.]+) \| one (GPU|CPU core) \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == config.select
    for study, training_runs, hours, device in rows:
        count, planned = cost_of(config, study)
        assert (str(count), {name: f"{value:.1f}" for name, value in planned.items()}) == (training_runs, {device: hours}), study


@pytest.mark.parametrize(("setting", "steps"), [("waterbirds-rivals", 5_001), ("celeba-blond-rivals", 10_001), ("multinli-rivals", 60_001)])
def test_the_twins_of_xrm_train_for_the_published_steps_rounded_up_to_epochs(config: Config, setting: str, steps: int) -> None:
    block = config.settings[setting]
    recipe = block["reference"]["xrm_twins"]
    batch = merge(block["training"], recipe["training"])["batch_size"]
    counts = config.datasets[block["dataset"]].train_class_counts
    assert counts is not None
    assert recipe["epochs"] == math.ceil(steps / math.ceil(sum(counts) / batch))


def test_every_method_of_an_equal_comparison_is_compared_under_the_same_rule(config: Config) -> None:
    """All but the refits, which train no network, end with the epoch that their rule chooses, and are tuned on the same repeat."""
    for study in ("waterbirds-rivals", "celeba-rivals", "multinli-rivals"):
        for name in config.studies[study]["tables"]["equal"]["methods"]:
            entry = config.methods[name]
            assert entry["by"] == "worst_group_accuracy"
            if entry["kind"] != "last_layer":
                assert entry["epoch"] == "best_validation" and entry["tuning"] == {"blocks": ["900-900"]}, name


@pytest.mark.parametrize("dataset", ["waterbirds", "multinli"])
def test_every_rival_of_table_1_with_a_published_value_is_measured(config: Config, dataset: str) -> None:
    asked = config.studies[f"{dataset}-rivals"]["tables"]["table1"]["benchmarks"][dataset]
    assert asked["plans"] == config.studies[dataset]["tables"]["table1"]["benchmarks"][dataset]["plans"]
    assert set(asked["rivals"]) == {one.key for one in published().methods if dataset in one.results and one.key not in OURS}

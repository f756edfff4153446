"""The study of ranks in both variants: what it plans, and a run on a few real images of CIFAR-10."""

import csv
from pathlib import Path

import pytest

from tests import real_data
from tests.workflow.project import Project

CONFIGURATION = "config/code-variants.yaml"
SETTINGS = "config/settings/code-variants.yaml"
FEW = ["ranks", "ranks-code"]
EACH = ("prepare_splits", "train_reference", "score_difficulty")
ONCE = ("download", "prepare_inputs", "tabulate_agreement", "collect_metrics", "all")


@pytest.fixture
def study(fresh: Project) -> Project:
    return Project(fresh.path, CONFIGURATION)


def test_it_plans_reference_runs_and_one_table(study: Project) -> None:
    assert study.plan() == dict.fromkeys(EACH, 6) | dict.fromkeys(ONCE, 1)


def test_it_runs_on_a_few_images(study: Project, root: Path, tmp_path: Path) -> None:
    """The first and the last of its settings: twelve images of every class, two reference runs each, a network of eight layers."""
    study.configure("config/config.yaml", "data/cifar10", str(real_data.cifar10(root, tmp_path)))
    study.configure(CONFIGURATION, "studies/code-variants/tables/agreement/settings", FEW)
    study.replace(SETTINGS, "count: 400", "count: 12")
    study.replace(SETTINGS, "training: {precision: bf16}", "model: {depth: 8}\n  training: {batch_size: 64}")
    study.replace(SETTINGS, "early: {seeds: 3}", "early: {seeds: 2}")
    study.run()
    folder = study.path / "results/tables/code-variants"
    with open(folder / "agreement.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    pairs = {(row["setting"], row["other_setting"]): row["pairs"] for row in rows}
    assert pairs == {("ranks", "ranks"): "1", ("ranks", "ranks-code"): "2", ("ranks-code", "ranks-code"): "1"}
    assert len({row["rank_correlation"] for row in rows}) == 3, "each setting has ranks of its own"
    assert "by el2n agree" in (folder / "agreement.md").read_text()
    assert study.plan() == {}

"""The paper's datasets from the official files to the figures, in miniature: real readers, networks, recipes, plans and figures."""

import csv

import pytest

from spurprune import tables
from spurprune.inputs import read_manifest
from tests import miniatures
from tests.workflow.project import Project

CONFIGURATION = ("--configfile", "tests/workflow/miniatures.yaml")
FIGURES = ("fig1", "fig4", "fig5", "fig7", "fig8", "fig8_text", "fig9")
COUNTS = {
    "celeba-32": {"train": 56, "validation": 10, "test": 24},
    "hard_imagenet-40": {"train": 120, "validation": 0, "test": 30},
    "waterbirds-40": {"train": 52, "validation": 12, "test": 24},
}


@pytest.fixture(scope="module")
def project(sources: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after a whole run on the miniatures."""
    project = sources.copy(tmp_path_factory.mktemp("miniatures") / "project")
    resources = project.path / "resources"
    for name, write in (
        ("celeba", miniatures.celeba),
        ("hard_imagenet", miniatures.hard_photos),
        ("waterbirds", miniatures.waterbirds),
        ("multinli", miniatures.multinli),
        ("encoder", miniatures.encoder),
    ):
        (resources / name).mkdir(parents=True)
        write(resources / name)
    status, text = project.snakemake(*CONFIGURATION, "--cores", "2", reduced=False)
    assert status == 0, text
    return project


def test_every_dataset_is_read_whole(project: Project) -> None:
    for folder, expected in COUNTS.items():
        assert read_manifest(project.path / "results/datasets" / folder / "manifest.json").split_counts == expected
    text = read_manifest(project.path / "results/datasets/multinli-24/manifest.json")
    assert (text.dtype, text.shape, sum(text.split_counts.values())) == ("int32", (26,), 120)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn_from_measured_numbers(project: Project, figure: str) -> None:
    folder = project.path / "results/figures/miniatures"
    for ending in ("pdf", "png"):
        assert (folder / f"{figure}.{ending}").stat().st_size > 1000
    with open(folder / f"{figure}.csv", newline="") as stream:
        assert len(list(csv.DictReader(stream))) > 1
    assert (folder / f"{figure}.txt").read_text().startswith("- ")


def test_subsets_and_plans_have_the_papers_shape(project: Project) -> None:
    settings = project.path / "results/settings"

    def metrics(setting: str, plan: str) -> dict[str, float]:
        rows = tables.read(settings / setting / "runs/erm" / plan / "000-000/metrics.parquet", tables.METRICS).to_pylist()
        return {row["metric"]: row["value"] for row in rows if row["split"] == "train" and row["group"] is None}

    celeba = metrics("mini-celeba", "carriers-el2n-hardest-0.50")
    assert (celeba["train_samples"], celeba["carriers_samples"], celeba["pruned_carriers_samples"]) == (36, 10, 5)
    # 24 landbirds on land and 20 waterbirds on water are candidates; both classes end equal.
    equal = metrics("mini-waterbirds", "per_group_equal-el2n-hardest-0.50")
    assert (equal["candidates_samples"], equal["pruned_samples"], equal["train_samples"]) == (44, 22, 52)
    hard = metrics("mini-hard-imagenet", "none")
    assert hard["train_samples"] == 13 * 8 + 5 + 6


def test_nothing_is_left_to_do(project: Project) -> None:
    assert project.plan(*CONFIGURATION, reduced=False) == {}

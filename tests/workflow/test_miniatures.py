"""The paper's datasets from the official files to the figures, in miniature: real readers, networks, recipes, plans and figures."""

import csv
from collections.abc import Callable

import pytest

from spurprune.data.inputs import read_manifest
from spurprune.storage import schemas, tables
from tests.workflow.project import Project

WORST = "worst_group_accuracy"
PLANS = ("per_group_equal-el2n-hardest-0.50", "per_group_equal-el2n-hardest-0.68")
FIGURES = ("fig1a", "fig1b", "fig4", "fig5", "fig7", "fig8", "fig8_text", "fig9", "fig_a4")
COUNTS = {
    "celeba-32": {"train": 56, "validation": 10, "test": 24},
    "celeba_blond-32": {"train": 56, "validation": 10, "test": 24},
    "hard_imagenet-40": {"train": 120, "validation": 0, "test": 30},
    "waterbirds-40": {"train": 52, "validation": 12, "test": 24},
}


@pytest.fixture
def project(on_miniatures: Project) -> Project:
    return on_miniatures


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


@pytest.fixture
def metrics(project: Project) -> Callable[..., dict[str, float]]:
    """Reads one run's metrics of a whole split, the training split unless asked otherwise."""

    def reader(setting: str, plan: str, split: str = "train") -> dict[str, float]:
        path = project.path / "results/settings" / setting / "runs/erm" / plan / "000-000/metrics.parquet"
        rows = tables.read(path, schemas.METRICS).to_pylist()
        return {row["metric"]: row["value"] for row in rows if row["split"] == split and row["group"] is None}

    return reader


def test_subsets_and_plans_have_the_papers_shape(metrics: Callable[..., dict[str, float]]) -> None:
    celeba = metrics("mini-celeba", "carriers-el2n-hardest-0.50")
    assert (celeba["train_samples"], celeba["carriers_samples"], celeba["pruned_carriers_samples"]) == (36, 10, 5)
    # 24 landbirds on land and 20 waterbirds on water are candidates; both classes end equal.
    equal = metrics("mini-waterbirds", "per_group_equal-el2n-hardest-0.50")
    assert (equal["candidates_samples"], equal["pruned_samples"], equal["train_samples"]) == (44, 22, 52)
    hard = metrics("mini-hard-imagenet", "none")
    assert hard["train_samples"] == 13 * 8 + 5 + 6
    without = metrics("mini-multinli-without-negation", "none")
    for end in ("easiest", "hardest"):
        never = metrics(f"mini-multinli-never.choose-{end}", "none")
        assert (never["carriers_samples"], never["train_samples"]) == (4, without["train_samples"])
    assert without["carriers_samples"] == 0 and 0 < without["train_samples"] < metrics("mini-multinli", "none")["train_samples"]


def test_the_benchmark_shows_measured_beside_published_values_and_how_its_plan_was_chosen(
    project: Project, metrics: Callable[..., dict[str, float]]
) -> None:
    folder = project.path / "results/tables/miniatures"
    with open(folder / "table1.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    birds = {(row["split"], row["method"], row["plan"]): row for row in rows if row["benchmark"] == "waterbirds" and WORST in row.values()}
    validation = {plan: metrics("mini-waterbirds", plan, "validation")[WORST] for plan in PLANS}
    best = max(PLANS, key=validation.__getitem__)
    for name, plan, published in (("ERM", "none", "0.7481"), ("Pruning", best, "0.9093")):
        row = birds["test", name, plan]
        assert (row["published"], float(row["measured"])) == (
            published,
            pytest.approx(metrics("mini-waterbirds", plan, "test")[WORST]),
        )
    assert [float(birds["validation", "Pruning", plan]["measured"]) for plan in PLANS] == pytest.approx(list(validation.values()))
    assert birds["test", "JTT", ""]["measured_repeats"] == "0"
    assert "| JTT | no | yes | 86.7 | not measured |" in (folder / "table1.md").read_text()


def test_nothing_is_left_to_do(project: Project) -> None:
    assert project.plan() == {}

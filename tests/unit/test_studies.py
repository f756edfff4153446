"""Which runs a figure needs, and nothing else."""

from pathlib import Path

import pytest
import yaml

from spurprune.config import loading
from spurprune.config.config import Config
from spurprune.dag import files, studies
from spurprune.dag.files import Run
from spurprune.pruning import plan as plans


@pytest.fixture(scope="module")
def config(root: Path) -> Config:
    raw = yaml.safe_load((root / "tests/unit/example/config.yaml").read_text())
    return loading.load(raw | {"setting_files": ["tests/unit/example/settings.yaml"]}, root)


def runs(config: Config, figure: str) -> list[str]:
    study = config.studies["digits"]
    section = "figures" if figure in study["figures"] else "tables"
    return [run.folder.removeprefix("settings/") for run in studies.runs_of(study[section][figure], study, config)]


def test_a_runs_folder_identifies_it() -> None:
    assert Run("digits", "erm", "random-0.10", "000-004").folder == "settings/digits/runs/erm/random-0.10/000-004"


def test_runs_by_hand(config: Config) -> None:
    carriers = "digits-carriers/runs/erm"
    assert runs(config, "fig4") == [
        f"{carriers}/none/000-004",
        f"{carriers}/carriers-el2n-hardest-0.10/000-004",
        f"{carriers}/carriers-el2n-hardest-0.50/000-004",
        f"{carriers}/carriers-el2n-easiest-0.10/000-004",
        f"{carriers}/carriers-el2n-easiest-0.50/000-004",
    ]
    assert runs(config, "fig6") == [
        f"{carriers}/none/000-004",
        f"{carriers}/per_class-el2n-hardest-0.10/000-004",
        f"{carriers}/per_class-el2n-easiest-0.10/000-004",
        f"{carriers}/random-0.10/000-004",
    ]
    assert runs(config, "fig8")[1:] == [f"{carriers}/per_group-el2n-{order}-0.25/000-004" for order in ("hardest", "easiest")]
    windows = [f"digits-window.start-{s}.width-{w}/runs/erm/none/000-004" for s in (0, 102) for w in (1, 2)]
    assert runs(config, "fig2") == runs(config, "fig3") == windows
    assert runs(config, "fig1") == [f"digits-count.count-{n}/runs/erm/none/000-004" for n in (0, 10)] + [f"{carriers}/none/000-004"]


def test_a_montage_and_a_stability_table_train_nothing(config: Config) -> None:
    assert runs(config, "fig9") == runs(config, "stability") == []


def test_the_summary_needs_what_the_figures_draw_and_no_more(config: Config) -> None:
    drawn = {run for figure in config.studies["digits"]["figures"] for run in runs(config, figure)}
    assert set(runs(config, "summary")) == drawn == {run.folder.removeprefix("settings/") for run in studies.all_runs(config)}


def test_runs_are_listed_once_and_their_plans_can_be_parsed(config: Config) -> None:
    every = studies.all_runs(config)
    assert len(every) == len(set(every)) and every == sorted(every)
    for run in every:
        plans.parse(run.plan)


def test_more_blocks_are_more_runs_and_leave_the_others(config: Config) -> None:
    study = config.studies["digits"]
    figure = study["figures"]["fig4"]
    before = set(studies.runs_of(figure, study, config))
    after = set(studies.runs_of(figure, study | {"blocks": ["000-004", "005-009"]}, config))
    assert before < after and {run.block for run in after - before} == {"005-009"} and len(after) == 2 * len(before)


def test_paths_of_figures_and_tables(config: Config) -> None:
    study = {"figures": {"fig1": {}}, "tables": {"summary": {}}}
    assert studies.figure_paths("digits", study) == [f"figures/digits/fig1.{ending}" for ending in ("pdf", "png", "csv", "txt")]
    assert studies.table_paths("digits", study) == [f"tables/digits/summary.{ending}" for ending in ("csv", "md")]


def test_repeats_of_a_block() -> None:
    assert list(files.repeats_of("000-004")) == [0, 1, 2, 3, 4]
    assert list(files.repeats_of("017-017")) == [17]
    assert list(files.repeats_of("shared")) == [files.SHARED_REPEAT]

"""The tutorial on own data: every command in it is run as it stands, and what it says of the result is so."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from spurprune.advice.report import NOTHING_HELPS
from spurprune.dag import planning
from spurprune.storage import schemas, tables
from tests import browser
from tests.workflow.project import Project

EXAMPLE = "config/own-example.yaml"
SETTINGS = ("marked", "clean")


def blocks(root: Path, language: str) -> list[str]:
    """The code blocks of the tutorial in a language."""
    text = (root / "docs/own-data.md").read_text(encoding="utf-8")
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [code for marked, code in found if marked == language]


@pytest.fixture(scope="session")
def on_example(root: Path, sources: Project, once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The folder of a project in which the tutorial's commands were run; not to be changed."""

    def fill(path: Path) -> None:
        project = sources.copy(path)
        environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "SNAKEMAKE_PROFILE")}
        (commands,) = blocks(root, "")
        assert len(commands.splitlines()) == 2
        for command in commands.splitlines():
            program, *arguments = shlex.split(command.removeprefix("python -m "))
            run = [sys.executable, "-m", program, *arguments]
            done = subprocess.run(run, cwd=project.path, env=environment, capture_output=True, text=True, timeout=1800)
            assert done.returncode == 0, done.stdout + done.stderr

    return once("example", fill)


def samples(folder: Path, setting: str) -> pd.DataFrame:
    return tables.read(folder / f"results/advice/{setting}/samples.parquet", schemas.ADVICE).to_pandas()


def test_the_configuration_that_is_shown_is_part_of_that_which_runs(root: Path) -> None:
    (text,) = blocks(root, "yaml")
    shown, whole = yaml.safe_load(text), yaml.safe_load((root / EXAMPLE).read_text(encoding="utf-8"))

    def is_part(one: Any, of: Any) -> bool:
        return all(key in of and is_part(one[key], of[key]) for key in one) if isinstance(one, dict) else one == of

    assert is_part(shown, whole)
    assert list(planning.load([root / EXAMPLE]).own_datasets) == list(SETTINGS)


def test_the_mark_is_suspected_and_its_carriers_are_to_be_dropped(root: Path, on_example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(on_example)
    found: dict[str, Any] = {}
    for block in blocks(root, "python"):
        exec(block, found)
    marks = found["dropped"]["mark"].value_counts(normalize=True)
    assert marks["with"] >= 0.9 and len(found["kept"]) + len(found["dropped"]) == 1797
    listed = samples(on_example, "marked")
    train = listed[listed["split"] == "train"]
    carriers = set(found["samples"].query("mark == 'with'")["file"])
    assert train["key"].isin(carriers).mean() < 0.15 < marks["with"], "over-represented"
    suspected = train[train["region"].notna()]
    assert suspected["key"].isin(carriers).mean() > 0.5


def test_dropping_lifts_the_worst_true_group_of_the_test_split(on_example: Path) -> None:
    evidence = tables.read(on_example / "results/settings/marked/evidence/000-004.parquet", schemas.EVIDENCE).to_pandas()
    of_test = evidence[(evidence["split"] == "test") & (evidence["division"] == "mark")]
    worst = (of_test["n_correct"] / of_test["n"]).groupby([of_test["plan"], of_test["repeat"]]).min().unstack("plan")
    gain = worst["within-suspects-el2n-hardest-0.50"] - worst["none"]
    assert (gain > 0).all() and gain.mean() > 0.1


def test_nothing_is_to_be_dropped_where_nothing_is_planted(on_example: Path) -> None:
    assert len(pd.read_csv(on_example / "results/advice/clean/drop.csv")) == 0
    assert NOTHING_HELPS in (on_example / "results/advice/clean/diagnosis.md").read_text(encoding="utf-8")


def test_the_mark_and_its_brightness_are_simple_cues_and_nothing_is_without_it(on_example: Path) -> None:
    found = {}
    for setting in SETTINGS:
        content = json.loads((on_example / f"results/advice/{setting}/diagnosis.json").read_text(encoding="utf-8"))
        found[setting] = {(one["property"], one["class"]) for one in content["simple_cues"]["found"]}
    assert found["marked"] >= {("mark = with", "high"), ("higher brightness of the border", "high")}
    assert found["clean"] == set()


@pytest.mark.skipif(browser.FOUND is None, reason="no Chromium is installed")
def test_the_pages_work_in_a_browser(on_example: Path, tmp_path: Path) -> None:
    for setting in SETTINGS:
        with browser.opened(on_example / f"results/advice/{setting}/index.html", tmp_path / setting) as page:
            page.value("Promise.all([...document.images].map(one => { one.loading = 'eager'; return one.decode(); })).then(() => 0)")
            assert page.value("[...document.images].filter(one => one.naturalWidth === 8).length") >= 48, "the hardest of both classes"
            assert page.value("document.querySelectorAll('#rows tr').length") == 50
            assert page.problems == []

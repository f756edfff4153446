"""What the documentation says of files, links, paths and numbers of training runs is so."""

import re
from pathlib import Path

import pytest

from spurprune.config.config import Config
from spurprune.dag import planning, studies
from spurprune.dag.planning import Job

PAGES = ("README.md", "CONTRIBUTING.md", "config/README.md", "resources/README.md", "benchmarks/README.md", "docs")


def pages(root: Path) -> list[Path]:
    """All pages of the documentation."""
    return sorted(page for name in PAGES for page in ([root / name] if name.endswith(".md") else (root / name).glob("*.md")))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made from Markdown."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def config() -> Config:
    return planning.load([])


@pytest.fixture(scope="module")
def jobs(config: Config) -> list[Job]:
    return planning.jobs(config)


def test_links_lead_to_files_and_headings(root: Path) -> None:
    found = 0
    for page in pages(root):
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if target.startswith("https://"):
                continue
            name, _, anchor = target.partition("#")
            linked = (page.parent / name).resolve() if name else page
            assert linked.is_file(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"
            found += 1
    assert found > 40


def test_files_that_are_named_exist(root: Path) -> None:
    folders = "spurprune|workflow|config|docs|envs|profiles|tests|resources|benchmarks"
    found = 0
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        for name in re.findall(rf"`((?:{folders})/[\w./-]+\.(?:py|yaml|smk|md|rst))`", text):
            if not re.search(r"\b[A-Z]{4,}\b", Path(name).stem) or (root / name).exists():  # NAME and KIND stand for any
                assert (root / name).is_file(), f"{page.name}: {name}"
                found += 1
    assert found > 20


def test_results_that_are_named_belong_to_the_default_study(root: Path, config: Config) -> None:
    plans = {(run.setting, run.plan, run.block) for run in studies.all_runs(config)}
    text = "".join(page.read_text(encoding="utf-8") for page in pages(root))
    named = set(re.findall(r'read_\w+\("results/settings/([^/"]+)/plans/([^/"]+)/([0-9-]+)\.parquet"', text))
    assert named and named <= plans
    (block,) = config.studies["digits"]["blocks"]
    assert set(re.findall(r"(?<![\d-])(000-\d{3})(?=[./`])", (root / "README.md").read_text(encoding="utf-8"))) == {block}


def test_the_training_runs_of_the_default_run_are_those_planned(root: Path, jobs: list[Job]) -> None:
    text = " ".join((root / "docs/digits.md").read_text(encoding="utf-8").split())
    references, runs = (sum(job.training_runs for job in jobs if job.rule == rule) for rule in ("train_reference", "retrain"))
    assert f"`make` trains {references + runs} networks: {references} reference runs and {runs} runs." in text
    assert f"trains {references + runs} small networks" in " ".join((root / "README.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize(("name", "page"), [("digits-full", "README.md"), ("paper", "docs/reproduction.md")])
def test_the_training_runs_of_other_configurations_are_those_planned(root: Path, name: str, page: str) -> None:
    config = planning.load([root / "config" / f"{name}.yaml"])
    jobs = planning.jobs(config)
    text = " ".join((root / page).read_text(encoding="utf-8").split())
    assert f"{sum(job.training_runs for job in jobs):,} training runs" in text
    if name == "paper":
        assert f"{len(jobs)} jobs" in text
        for device in ("CPU core", "GPU"):
            assert f"{sum(row.hours for row in planning.rows(jobs, config) if row.device == device):.0f} hours on one {device}" in text

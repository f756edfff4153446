"""What the documentation says of files, links, paths and numbers of training runs is so."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    references, runs = (sum(job.training_runs for job in jobs if job.rule.startswith(rule)) for rule in ("train_reference", "retrain"))
    assert f"`make` trains {references + runs} networks: {references} reference runs and {runs} runs." in text
    assert f"trains {references + runs} small networks" in " ".join((root / "README.md").read_text(encoding="utf-8").split())


# The configurations whose costs a page states, and the studies of which that is, if not of all.
COSTS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "README.md": {"digits-full": ()},
    "docs/benchmark.md": {"benchmark": (), "scenes-benchmark": (), "multinli-benchmark": ()},
    "docs/multinli.md": {"multinli-benchmark": ()},
    "docs/cifar10s.md": {"paper": ("cifar10s",)},
    "docs/rare.md": {"rare": (), "rare-mnist": ()},
    "docs/reproduction.md": {"paper": ()},
    "docs/scenes.md": {"scenes": (), "scenes-benchmark": ()},
}
COST = r"((?:\d[\d,]* jobs(?: and|,) )?\d[\d,]* training runs)"


def planned(root: Path, name: str, study: Sequence[str]) -> tuple[int, int]:
    """The jobs and the training runs of a configuration, or of some of its studies."""
    config = planning.load([root / "config" / f"{name}.yaml"])
    found = planning.jobs(replace(config, select=list(study)) if study else config)
    return len(found), sum(job.training_runs for job in found)


def test_the_jobs_and_training_runs_that_are_stated_are_those_planned(root: Path) -> None:
    stated = {}
    for page in pages(root):
        costs = re.findall(COST, " ".join(page.read_text(encoding="utf-8").split()))
        if costs:
            stated[str(page.relative_to(root))] = costs
    assert {"README.md", "docs/benchmark.md", "docs/cifar10s.md", "docs/reproduction.md"} <= set(stated)
    assert not set(stated) - set(COSTS), "say in COSTS of which configurations these pages state the costs"
    for page_name, found in stated.items():
        plans = {name: planned(root, name, study) for name, study in COSTS[page_name].items()}
        words = "; ".join(f"config/{name}.yaml is {jobs:,} jobs, {runs:,} training runs" for name, (jobs, runs) in plans.items())
        for cost in found:
            numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", cost)]
            assert any(numbers in ([runs], [jobs, runs]) for jobs, runs in plans.values()), f"{page_name} says '{cost}', but {words}"


def test_the_hours_of_the_paper_are_those_planned(root: Path) -> None:
    config = planning.load([root / "config/paper.yaml"])
    rows = planning.rows(planning.jobs(config), config)
    text = " ".join((root / "docs/reproduction.md").read_text(encoding="utf-8").split())
    for device in ("CPU core", "GPU"):
        assert f"{sum(row.hours for row in rows if row.device == device):.0f} hours on one {device}" in text

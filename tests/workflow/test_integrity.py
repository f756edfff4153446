"""Files in the place of others, in a finished project: the job that reads one says so, and deletes nothing else."""

import shutil
from pathlib import Path

import pytest

from tests.workflow.project import Project

FIVES, CLEAN = "results/settings/small-fives", "results/settings/small/difficulty"
HARDEST = "carriers-el2n-hardest-0.50"
FORGED = [
    (f"{FIVES}/runs/erm/{HARDEST}/000-001/predictions.parquet", f"{FIVES}/runs/erm/none/000-001/predictions.parquet", "evaluate"),
    (f"{CLEAN}/random/000-001.parquet", f"{CLEAN}/el2n/000-001.parquet", "prepare_splits"),
    (f"{FIVES}/runs/erm/{HARDEST}/000-001/metrics.parquet", f"{FIVES}/runs/erm/none/000-001/metrics.parquet", "collect_metrics"),
]


@pytest.mark.parametrize(("source", "target", "rule"), FORGED, ids=[rule for _, _, rule in FORGED])
def test_another_file_in_a_files_place_is_refused(project: Project, source: str, target: str, rule: str) -> None:
    shutil.copy(project.path / source, project.path / target)
    status, text = project.snakemake("--cores", "2", "--keep-going", "all")
    assert status != 0
    logs = sorted((project.path / "logs" / rule).rglob("*.log")) or [project.path / "logs" / f"{rule}.log"]
    said = "".join(path.read_text() for path in logs)
    assert f"{target} holds the " in said and "delete the file and rerun" in said
    assert "Traceback" not in said and "Traceback" not in text
    (project.path / target).unlink()
    project.run()
    assert project.plan() == {}


def test_results_of_other_code_need_consent(project: Project) -> None:
    """As after `snakemake --touch`: the samples' code has changed, but Snakemake takes their files as they are."""
    project.append("spurprune/stages/prepare_splits.py", "\nCHANGED = 1\n")
    project.snakemake("--touch", "--cores", "1", "all")
    plan = f"{FIVES}/plans/random-0.50/000-001.parquet"
    status, _ = project.snakemake("--cores", "1", plan, "--forcerun", "prune_metadata")
    said = Path(project.path, "logs/prune_metadata/small-fives/random-0.50/000-001.log").read_text()
    assert status != 0 and "was made by another version of the code" in said and "allow_mixed_code" in said
    status, text = project.snakemake("--cores", "1", plan, "--config", "allow_mixed_code=true")
    assert status == 0, text

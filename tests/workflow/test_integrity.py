"""Files in the place of others, in a finished project: the job that reads one says so, and deletes nothing else."""

import shutil
from pathlib import Path

from tests.workflow.project import Project

FIVES = "results/settings/small-fives"
HARDEST, EASIEST = (f"{FIVES}/runs/erm/carriers-el2n-{order}-0.50/000-001/predictions.parquet" for order in ("hardest", "easiest"))


def test_another_file_in_a_files_place_is_refused_and_made_again(project: Project) -> None:
    shutil.copy(project.path / HARDEST, project.path / EASIEST)
    status, text = project.snakemake("--cores", "2", "--keep-going", "all")
    assert status != 0 and "Traceback" not in text
    said = (project.path / "logs/evaluate/small-fives/erm/carriers-el2n-easiest-0.50/000-001.log").read_text()
    assert f"{EASIEST} holds the predictions of the plan 'carriers-el2n-hardest-0.50'" in said and "Traceback" not in said
    (project.path / EASIEST).unlink()
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

"""Inputs copied to a node's own disk, as a profile asks for it."""

from pathlib import Path

from tests.workflow.project import Project

TARGETS = (
    "results/settings/small-fives/runs/erm/none/000-001/predictions.parquet",
    "results/settings/small/reference/early/000-001/dynamics.parquet",
)
LOGS = ("logs/retrain/small-fives/erm/none/000-001.log", "logs/train_reference/small/early/000-001.log")


def test_jobs_train_on_the_nodes_copy_and_results_are_the_same(project: Project, finished: Project, tmp_path: Path) -> None:
    project.environment = {"NODE_DISK": str(tmp_path / "disk")}  # is looked up where the job runs
    options = ("--default-resources", "scratch=$NODE_DISK/mine", "scratch_gb=1")
    for log in LOGS:
        (project.path / log).unlink()
    project.run(*TARGETS, "--force", *options)
    (copy,) = (tmp_path / "disk/mine").glob("spurprune-inputs-*/digits-8-*.npy")
    assert copy.read_bytes() == (project.path / "results/datasets/digits-8/inputs.npy").read_bytes()
    logs = [(project.path / log).read_text() for log in LOGS]
    assert sum(f"copied results/datasets/digits-8/inputs.npy to {copy}" in log for log in logs) == 1
    assert not any("WARNING" in log for log in logs if "GPU" not in log)
    assert project.reproducible() == finished.reproducible()
    assert project.plan() == project.plan(*options) == {}

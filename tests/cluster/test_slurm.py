"""The workflow on a real Slurm: what jobs are allotted, what they produce, what is left to do after jobs, nodes or Snakemake die."""

import re
import shutil
import subprocess
from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cluster.conftest import CONFIG, GENERIC, LONG_RUNS, PLANS, SLURM, Run
from tests.cluster.slurm import Cluster, Job, command
from tests.workflow.project import Project, job_counts

pytestmark = pytest.mark.timeout(1800)  # a test may wait for two runs, the first one also for the cluster and two more
TRAINING_RULES = ("train_reference", "retrain")
LEFT = {"retrain": 2, "evaluate": 2, "plot_carrier_pruning": 1, "figures": 1}  # jobs of an unfinished project
TIME = r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) INFO "


@pytest.fixture(scope="module")
def jobs(on_slurm: Project, cluster: Cluster) -> list[Job]:
    """The jobs of the whole run, before other tests submit theirs."""
    return cluster.jobs()


def stage_of(job: Job) -> str:
    """The rule of a job, or its group and rules, from the comment that the executor plugin writes."""
    return job["Comment"].removeprefix("rule_").partition("_wildcards_")[0]


def log_of(project: Project, plan: str) -> str:
    """The log of one of the long runs."""
    return (project.path / f"logs/retrain/long-fives/erm/{plan}/002-002.log").read_text(encoding="utf-8")


def both_have_checkpoints(project: Project) -> bool:
    """Whether both long runs could resume from a checkpoint."""
    return len(list(project.path.glob("checkpoints/*/[!.]*.safetensors"))) == 2


def left_to_do(project: Project, *arguments: str, targets: tuple[str, ...] = ("figures", *LONG_RUNS)) -> dict[str, int]:
    """The number of jobs left to do per rule, by default for the figures and the long runs."""
    status, text = project.snakemake(*targets, "--dry-run", *arguments, *CONFIG, configured=False)
    assert status == 0, text
    return job_counts(text)


def assert_same_results(project: Project, local: Project) -> None:
    """Check that all files equal those of the run on one machine, and that nothing is left to do."""
    expected, found = local.reproducible(), project.reproducible()
    assert set(found) == set(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert left_to_do(project) == {}
    assert not list(project.path.glob("checkpoints/*"))


def assert_resumed(project: Project, plan: str) -> None:
    """Check that the last attempt of a run, the only one whose log Snakemake keeps, resumed from a checkpoint."""
    text = log_of(project, plan)
    (epoch,) = re.findall(r"resumes after epoch (\d+)", text)
    assert 0 < int(epoch) < 200 and text.count("retrain finished") == 1, text


def ends_of(plan: str, jobs: list[Job]) -> list[str]:
    """How each of Slurm's jobs for a long run ended."""
    return [job["JobState"] for job in jobs if f"long-fives_erm_{plan}" in job["Comment"]]


def test_results_are_those_of_one_machine(on_slurm: Project, local: Project, jobs: list[Job]) -> None:
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert_same_results(on_slurm, local)


def test_nothing_is_left_to_do_under_the_profile(on_slurm: Project, jobs: list[Job]) -> None:
    assert left_to_do(on_slurm, *SLURM) == {}


def test_short_jobs_share_their_submissions(jobs: list[Job]) -> None:
    assert Counter(stage_of(job) for job in jobs) == {
        "prepare_inputs": 1,
        "splits-small-fives_prepare_splits": 1,
        "splits-long-fives_prepare_splits": 1,
        "train_reference": 1,
        "scores-small-fives_score_difficulty": 1,
        "scores-long-fives_score_difficulty": 1,
        "plans-small-fives_prune_metadata": 1,  # three plans
        "plans-long-fives_prune_metadata": 1,  # two
        "retrain": 5,
        "metrics-small-fives_evaluate": 1,
        "metrics-long-fives_evaluate": 1,
        "plot_carrier_pruning": 2,
    }


def test_only_training_jobs_get_a_gpu(jobs: list[Job]) -> None:
    given = {stage_of(job): job.get("TresPerJob", "").replace("gres/", "gres:") for job in jobs}
    assert {stage for stage, gpus in given.items() if gpus} == set(TRAINING_RULES)
    assert {given[stage] for stage in TRAINING_RULES} == {"gres:gpu:1"}


def test_memory_and_time_are_those_declared(jobs: list[Job]) -> None:
    given = {stage_of(job): (job["MinMemoryNode"], job["TimeLimit"]) for job in jobs}
    assert {given[stage] for stage in TRAINING_RULES} == {("8000M", "00:30:00")}
    assert given["prepare_inputs"] == ("2000M", "00:30:00")
    assert given["metrics-small-fives_evaluate"] == ("6000M", "00:30:00")  # three in parallel


def test_no_device_serves_two_training_jobs_at_once(on_slurm: Project) -> None:
    held: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    logs = [path for stage in TRAINING_RULES for path in (on_slurm.path / "logs" / stage).rglob("*.log")]
    for path in logs:
        text = path.read_text(encoding="utf-8")
        (leased,) = re.findall(TIME + r"leased device (\d) of node (n\d)$", text, re.MULTILINE)
        (ended,) = re.findall(TIME + r"released device", text, re.MULTILINE)
        held.setdefault(leased[1:], []).append((datetime.fromisoformat(leased[0]), datetime.fromisoformat(ended)))
    assert sum(map(len, held.values())) == len(logs) == 6
    assert len(held) > 1, "all training jobs ran on one device, so this shows nothing"
    for times in held.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(sorted(times))), held


def test_each_node_copies_the_inputs_to_its_own_disk_once(on_slurm: Project, disks: Path) -> None:
    inputs = on_slurm.files()["datasets/digits-8/inputs.npy"]
    logs = [path.read_text(encoding="utf-8") for stage in TRAINING_RULES for path in (on_slurm.path / "logs" / stage).rglob("*.log")]
    nodes = {node for text in logs for node in re.findall(r"leased device \d of node (n\d)$", text, re.MULTILINE)}
    copied = [node for text in logs for node in re.findall(rf"copied \S+ to {disks}/(n\d)/", text)]
    assert sorted(copied) == sorted(nodes)
    for node in nodes:
        (copy,) = disks.glob(f"{node}/spurprune-inputs-*/*.npy")
        assert copy.read_bytes() == inputs


def test_a_job_that_runs_out_of_memory_gets_more(local: Project, cluster: Cluster, tmp_path: Path) -> None:
    project = local.copy(tmp_path / "project")
    run = "results/settings/small-fives/runs/erm/none/000-001"
    shutil.rmtree(project.path / run)
    before = len(cluster.jobs())
    # Importing torch alone takes more than 100 megabytes.
    Run(project, f"{run}/predictions.parquet", *SLURM, "--set-resources", "retrain:mem_mb=100 * attempt ** 6").finish()
    first, second = cluster.jobs()[before:]
    assert first["JobState"] in ("OUT_OF_MEMORY", "FAILED", "CANCELLED") and second["JobState"] == "COMPLETED"
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("100M", "6400M")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:30:00", "00:30:00")
    name = f"{run.removeprefix('results/')}/predictions.parquet"
    assert project.files()[name] == local.files()[name]


def test_a_cancelled_job_and_one_at_its_time_limit_are_retried_and_resume(unfinished: Project, local: Project, cluster: Cluster) -> None:
    before = len(cluster.jobs())
    run = Run(unfinished, *LONG_RUNS, *SLURM)
    run.wait_until(lambda: both_have_checkpoints(unfinished))
    cancelled, late = (cluster.job_of(f"long-fives_erm_{plan}")["JobId"] for plan in PLANS)
    command("scancel", cancelled)
    cluster.reach_time_limit(late)
    run.finish()
    for plan in PLANS:
        assert_resumed(unfinished, plan)
    assert [ends_of(plan, cluster.jobs()[before:]) for plan in PLANS] == [["CANCELLED", "COMPLETED"], ["TIMEOUT", "COMPLETED"]]
    assert_same_results(unfinished, local)


def assert_restarted_by_slurm(jobs: list[Job], cluster: Cluster) -> list[Job]:
    """Check that Slurm itself restarted these jobs, without a new submission; return their final state."""
    ended = [job for job in cluster.jobs() if job["JobId"] in {one["JobId"] for one in jobs}]
    assert [(job["JobState"], job["Restarts"]) for job in ended] == [("COMPLETED", "1")] * len(jobs)
    return ended


def test_preempted_jobs_resume(unfinished: Project, local: Project, cluster: Cluster) -> None:
    before = len(cluster.jobs())
    run = Run(unfinished, *LONG_RUNS, *SLURM)
    run.wait_until(lambda: both_have_checkpoints(unfinished))
    preempted = [cluster.job_of(f"long-fives_erm_{plan}") for plan in PLANS]
    for job in preempted:
        command("scontrol", "requeue", job["JobId"])  # as preemption does
    run.finish()
    assert_restarted_by_slurm(preempted, cluster)
    assert len(cluster.jobs()) == before + len(preempted), "something else was submitted"
    for plan in PLANS:
        assert_resumed(unfinished, plan)
    assert_same_results(unfinished, local)


def test_jobs_of_a_crashed_node_resume_elsewhere(unfinished: Project, local: Project, cluster: Cluster) -> None:
    before = len(cluster.jobs())
    run = Run(unfinished, *LONG_RUNS, *SLURM)
    run.wait_until(lambda: both_have_checkpoints(unfinished))
    running = {plan: cluster.job_of(f"long-fives_erm_{plan}") for plan in PLANS}
    node = running[PLANS[0]]["NodeList"]
    struck = [plan for plan in PLANS if running[plan]["NodeList"] == node]
    cluster.crash(node)
    try:
        run.finish()
    finally:
        cluster.revive(node)
    for job in assert_restarted_by_slurm([running[plan] for plan in struck], cluster):
        assert job["NodeList"] != node
    assert len(cluster.jobs()) == before + len(running), "something else was submitted"
    for plan in struck:
        assert_resumed(unfinished, plan)
    assert_same_results(unfinished, local)


def cancel_and_unlock(project: Project) -> None:
    """Follow docs/cluster.md after a project's only run on Slurm was killed: cancel its jobs, unlock."""
    (log,) = (path for path in (project.path / ".snakemake/log").iterdir() if "SLURM run ID" in path.read_text(encoding="utf-8"))
    (run_id,) = re.findall(r"SLURM run ID: (\S+)", log.read_text(encoding="utf-8"))
    command("scancel", f"--name={run_id}")
    status, text = project.snakemake("--unlock", *CONFIG, configured=False)
    assert status == 0, text


def test_only_a_group_that_was_cut_off_with_its_snakemake_is_repeated(local: Project, cluster: Cluster, tmp_path: Path) -> None:
    project = local.copy(tmp_path / "project")
    metrics = tuple(path.replace("predictions", "metrics") for path in LONG_RUNS)
    for path in metrics:
        (project.path / path).unlink()
    before = len(cluster.jobs())
    run = Run(project, *metrics, *SLURM)
    run.wait_until(lambda: any("metrics-long-fives" in job["Comment"] and job["JobState"] == "RUNNING" for job in cluster.jobs()[before:]))
    run.kill()
    cancel_and_unlock(project)
    assert left_to_do(project, *SLURM, targets=metrics) == {"evaluate": 2}
    Run(project, *metrics, *SLURM).finish()
    assert [job["JobState"] for job in cluster.jobs()[before:]] == ["CANCELLED", "COMPLETED"]
    assert_same_results(project, local)


def test_a_killed_snakemake_leaves_only_unfinished_jobs_to_do(unfinished: Project, local: Project, cluster: Cluster) -> None:
    before = len(cluster.jobs())
    run = Run(unfinished, *LONG_RUNS, *SLURM)
    run.wait_until(lambda: both_have_checkpoints(unfinished))
    run.kill()
    cancel_and_unlock(unfinished)
    assert left_to_do(unfinished, *SLURM) == LEFT
    Run(unfinished, *LONG_RUNS, *SLURM).finish()
    for plan in PLANS:
        assert_resumed(unfinished, plan)
        assert ends_of(plan, cluster.jobs()[before:]) == ["CANCELLED", "COMPLETED"]
    assert_same_results(unfinished, local)


def test_the_generic_profile_gives_the_same_results_after_its_snakemake_was_killed(
    unfinished: Project, local: Project, cluster: Cluster
) -> None:
    before = len(cluster.jobs())
    run = Run(unfinished, *LONG_RUNS, *GENERIC)
    run.wait_until(lambda: both_have_checkpoints(unfinished))
    run.kill()
    # As docs/cluster.md says: submit.sh names its jobs after the project's folder.
    name = subprocess.run(["profiles/cluster-generic/job_name.sh"], cwd=unfinished.path, check=True, capture_output=True, text=True).stdout
    command("scancel", f"--name={name.strip()}")
    status, text = unfinished.snakemake("--unlock", *CONFIG, configured=False)
    assert status == 0, text
    assert left_to_do(unfinished, *GENERIC) == LEFT
    Run(unfinished, *LONG_RUNS, *GENERIC).finish()
    ends = [(job["JobState"], job.get("TresPerJob", "")[-5:]) for job in cluster.jobs()[before:]]
    assert ends == [("CANCELLED", "gpu:1")] * 2 + [("COMPLETED", "gpu:1")] * 2
    for plan in PLANS:
        assert_resumed(unfinished, plan)
    assert_same_results(unfinished, local)

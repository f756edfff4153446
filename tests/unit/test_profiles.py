"""The profiles for clusters know every rule, and never say that a job has no GPU by naming the resource."""

import re
from collections import Counter
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import workflow_runs
from spurprune.dag import planning
from spurprune.dag.planning import Job

CLUSTERS = ("slurm", "cluster-generic", "kubernetes")
TRAINING_RULES = {
    *("train_reference", "train_reference_keeping_models", "retrain", "retrain_keeping_models", "retrain_candidate"),
    *("retrain_keeping_optimizer", "train_masks", "embed", "embed_test", "refine_network", "refine_network_candidate", "analyse"),
}
ALONE = TRAINING_RULES | {
    "download",
    "prepare_inputs",
    "select_candidate",
    "collect_metrics",
    "evaluate_groups",
    "advise",
}  # as are figures and tables; submitted one by one, or not at all
NEVER_SUBMITTED = {"download", "all"}  # done where Snakemake was started


def profile(root: Path, name: str) -> dict[str, Any]:
    """Return a profile's content."""
    content: dict[str, Any] = yaml.safe_load((root / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))
    return content


def rules(root: Path) -> set[str]:
    """Return the names of all rules below workflow/rules."""
    text = "".join(path.read_text(encoding="utf-8") for path in (root / "workflow/rules").glob("*.smk"))
    return set(re.findall(r"^rule (\w+):", text, re.MULTILINE)) | set(re.findall(r"^use rule \w+ as (\w+) with:", text, re.MULTILINE))


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_short_job_has_a_group(root: Path, name: str) -> None:
    found = profile(root, name)
    groups = dict(entry.split("=") for entry in found["groups"])
    assert groups.keys() == {rule for rule in rules(root) - ALONE if not rule.startswith(("plot_", "tabulate_"))}
    assert set(groups.values()) == {entry.split("=")[0] for entry in found["group-components"]}


@pytest.mark.parametrize("name", CLUSTERS)
def test_no_group_waits_for_training_in_other_settings(root: Path, name: str) -> None:
    """A group starts once all that its jobs need is there, so one of several settings would stop with any of them."""
    for group in profile(root, name)["groups"]:
        assert "-{setting}" in group


@pytest.fixture(scope="module")
def entangled(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    """A copy of the project, and the arguments that select a study of chains.

    A tuned refinement of a tuned method; clusters of clusters; a plan chosen among quotas by a method that is tuned on a chosen plan.
    """
    folder = tmp_path_factory.mktemp("project")
    workflow_runs.copy(folder)
    tuning = {"grid": {"training.optimizer.lr": [0.05, 0.1]}, "tuning": {"blocks": ["001-001", "002-002"]}, "by": "accuracy"}
    methods = {
        "tuned": {"kind": "erm", **tuning},
        "refined": {
            "kind": "last_layer",
            "from": "tuned",
            "options": {"fit_on": "train"},
            **tuning,
            "grid": {"options.C": [0.1, 1.0]},
        },
        "early": {"kind": "erm", **tuning, "grid": {"plan": ["balance_reweight-class", "balance_subsample-class"]}},
        "between": {"kind": "erm", **tuning, "plan": "tuned-early"},
        "late": {"kind": "erm", **tuning, "grid": {"plan": ["class_quota-between-0.25", "class_quota-between-0.50"]}},
    }
    spare = {"kind": "clusters", "from": "erm"}
    partitions = {"spare": spare, "late": spare | {"plan": "importance-spare-1"}}
    study = {"title": "Tuned", "blocks": ["000-000"], "methods": ["refined"], "score": "el2n", "figures": {}, "tables": {}}
    study |= {"settings": ["digits-columns", "digits-sides"], "plans": ["none", "importance-late-auto", "tuned-late"]}
    content = {"select": ["tuned"], "methods": methods, "studies": {"tuned": study}, "setting_defaults": {"partitions": partitions}}
    overlay = workflow_runs.write(folder / "overlay.yaml", content)
    return folder, ("--configfile", str(overlay))


@pytest.mark.parametrize("name", CLUSTERS)
def test_no_group_depends_on_itself(root: Path, entangled: tuple[Path, tuple[str, ...]], name: str) -> None:
    folder, arguments = entangled
    found = profile(root, name)
    groups = ("--groups", *found["groups"], "--group-components", *found["group-components"])
    _, text = workflow_runs.run(folder, "--dry-run", "--quiet", "rules", *groups, *arguments)
    assert re.search(r"^select_candidate +10$", text, re.MULTILINE), text
    assert re.search(r"^partition +4$", text, re.MULTILINE), text


def submissions(jobs: list[Job], profile: dict[str, Any]) -> int:
    """Return how many submissions some jobs are."""
    groups = dict(entry.split("=") for entry in profile["groups"])
    largest = dict(entry.split("=") for entry in profile["group-components"])
    alone = sum(job.rule not in groups and job.rule not in NEVER_SUBMITTED for job in jobs)
    grouped = Counter((groups[job.rule], job.setting) for job in jobs if job.rule in groups)
    return alone + sum(ceil(count / int(largest[group])) for (group, _), count in grouped.items())


def counted(jobs: list[Job], profile: dict[str, Any]) -> str:
    """Return what the documentation says of some jobs."""
    training = sum(job.rule in TRAINING_RULES for job in jobs)
    return f"{len(jobs)} jobs in {submissions(jobs, profile)} submissions, {training} of them training jobs."


def test_the_documentation_says_how_many_submissions_a_configuration_is(root: Path) -> None:
    config, slurm = planning.load([]), profile(root, "slurm")
    text = (root / "docs/cluster.md").read_text(encoding="utf-8")
    (study,) = config.select
    figures = replace(config, studies={study: config.studies[study] | {"tables": {}}})
    jobs = [job for job in planning.jobs(figures) if job.rule not in ("all", "collect_metrics")]
    assert f"figures are {counted(jobs, slurm)}" in text
    jobs = planning.jobs(planning.load([root / "config/paper.yaml"]))
    assert f"is {counted(jobs, slurm)}" in text


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_fails_is_tried_again_with_more_memory(root: Path, name: str) -> None:
    found = profile(root, name)
    assert found["retries"] > 0 and "attempt" in found["default-resources"]["mem_mb"]
    assert not any("retries:" in path.read_text(encoding="utf-8") for path in (root / "workflow/rules").glob("*.smk"))


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_gpu_is_never_set_to_none(root: Path, name: str) -> None:
    found = profile(root, name)
    assert "gpu" not in found["default-resources"] and "gpu" not in str(found.get("resources", ""))
    assert found.get("set-resources", {}).keys() <= TRAINING_RULES
    assert 0 not in [resources.get("gpu") for resources in found.get("set-resources", {}).values()]


def test_on_kubernetes_every_training_names_its_gpus_manufacturer(root: Path) -> None:
    found = profile(root, "kubernetes")["set-resources"]
    assert {rule: resources["gpu_manufacturer"] for rule, resources in found.items()} == dict.fromkeys(TRAINING_RULES, "nvidia")


def test_one_machine_asks_for_no_executor(root: Path) -> None:
    assert not {"executor", "jobs", "resources", "default-resources", "retries"} & profile(root, "default").keys()

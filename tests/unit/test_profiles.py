"""The profiles for clusters know every rule, and never say that a job has no GPU by naming the resource."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CLUSTERS = ("slurm", "cluster-generic", "kubernetes")
TRAININGS = {"train_reference", "retrain", "retrain_keeping_models"}
ALONE = TRAININGS | {"download", "prepare_inputs", "collect_metrics"}  # submitted one by one, or not at all


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
    assert groups.keys() == rules(root) - ALONE
    assert set(groups.values()) == {entry.split("=")[0] for entry in found["group-components"]}


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_fails_is_tried_again_with_more_memory(root: Path, name: str) -> None:
    found = profile(root, name)
    assert found["retries"] > 0 and "attempt" in found["default-resources"]["mem_mb"]
    assert not any("retries:" in path.read_text(encoding="utf-8") for path in (root / "workflow/rules").glob("*.smk"))


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_gpu_is_never_set_to_none(root: Path, name: str) -> None:
    found = profile(root, name)
    assert "gpu" not in found["default-resources"] and "gpu" not in str(found.get("resources", ""))
    assert found.get("set-resources", {}).keys() <= TRAININGS
    assert 0 not in [resources.get("gpu") for resources in found.get("set-resources", {}).values()]


def test_on_kubernetes_every_training_names_its_gpus_manufacturer(root: Path) -> None:
    found = profile(root, "kubernetes")["set-resources"]
    assert {rule: resources["gpu_manufacturer"] for rule, resources in found.items()} == dict.fromkeys(TRAININGS, "nvidia")


def test_one_machine_asks_for_no_executor(root: Path) -> None:
    assert not {"executor", "jobs", "resources", "default-resources", "retries"} & profile(root, "default").keys()

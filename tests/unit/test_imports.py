"""Torch only where something trains: the other stages start without it, and without other slow packages."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = ("torch", "torchvision", "pandas", "matplotlib", "sklearn", "scipy.stats", "snakemake")
READING = ("plot", "tabulate")  # these need pandas; Matplotlib is loaded once there is all to draw
STAGES = [
    "download",
    "prepare_inputs",
    "prepare_splits",
    "score_difficulty",
    "partition",
    "prune_metadata",
    "take_plan",
    "refine",
    "evaluate",
    "select_candidate",
    "plot",
    "tabulate",
    "collect_metrics",
    "evaluate_groups",
    "advise",
]

REPORT = """
import importlib, json, sys
from spurprune.dag import plugins
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps([name for name in json.loads(sys.argv[2]) if name in sys.modules]))
"""


def slow_imports(modules: list[str], environment: dict[str, str]) -> list[str]:
    """The slow packages that a fresh interpreter has loaded after importing some modules."""
    command = [sys.executable, "-c", REPORT, json.dumps(modules), json.dumps(SLOW)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def test_the_stages_are_all_there(root: Path) -> None:
    stages = {path.stem for path in (root / "spurprune/stages").glob("[a-z]*.py")}
    assert stages == {*STAGES, "train_reference", "retrain", "embed", "refine_network", "analyse"}
    assert stages == {path.stem for path in (root / "workflow/scripts").glob("*.py")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_does_not_train_starts_light(stage: str, child_environment: dict[str, str]) -> None:
    allowed = {"pandas"} if stage in READING else set()
    assert set(slow_imports([f"spurprune.stages.{stage}"], child_environment)) <= allowed


@pytest.mark.parametrize(
    "kind",
    ["scores", "strategies", "partitions", "figures", "tables", "datasets", "readers", "overlays", "refinements", "requirements"],
)
def test_their_plugins_are_light_too(kind: str, child_environment: dict[str, str]) -> None:
    from spurprune.dag import plugins

    modules = [plugins.module_name(kind, name) for name in plugins.names(kind)]
    assert modules
    assert slow_imports(modules, child_environment) == []


def test_so_is_what_the_workflow_loads_to_be_parsed(child_environment: dict[str, str]) -> None:
    modules = ["spurprune.config", "spurprune.dag.studies", "spurprune.dag.codehash", "spurprune.dag.plugins", "spurprune.data.catalogue"]
    modules += ["spurprune.dag.kinds", "spurprune.figures.describe"]
    assert slow_imports(modules, child_environment) == []


def test_the_check_can_fail(child_environment: dict[str, str]) -> None:
    assert "torch" in slow_imports(["spurprune.stages.retrain"], child_environment)

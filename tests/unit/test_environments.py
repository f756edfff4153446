"""The conda environments, the lock file and the direct dependencies agree with each other and with what the code imports."""

import ast
import re
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from spurprune.dag import plugins

# Where a package's name in conda, or the name under which it is imported, is not that of its release.
FROM_CONDA = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
FROM_IMPORT = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
PLUGINS = {
    "base": ("datasets", "overlays", "refinements", "scores", "partitions", "figures", "tables"),
    "train": ("overlays", "models", "methods", "analyses", "refinements"),
}
ENVIRONMENTS = sorted(PLUGINS)


def requirements(path: Path) -> dict[str, Requirement]:
    """Return a requirements file's packages by their canonical names."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line]
    return {canonicalize_name(one.name): one for one in found}


def locked_versions(root: Path, file: str = "requirements.lock") -> dict[str, str]:
    """Return the version of every locked package."""
    return {name: str(one.specifier).removeprefix("==") for name, one in requirements(root / file).items()}


def conda_versions(root: Path, environment: str) -> dict[str, str]:
    """Return the version of every package of a conda environment but Python's, by the name of its release."""
    content = yaml.safe_load((root / "envs" / f"{environment}.yaml").read_text(encoding="utf-8"))
    pairs = [re.fullmatch(r"([a-z0-9-]+)={1,2}([0-9.]+)", line) for line in content["dependencies"]]
    assert all(pairs), content["dependencies"]
    return {FROM_CONDA.get(pair[1], pair[1]): pair[2] for pair in pairs if pair and pair[1] != "python"}


def rules_scripts(root: Path, environment: str) -> set[Path]:
    """Return the scripts of the rules that run in a conda environment."""
    scripts = set()
    for path in (root / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^(?:use )?rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            if f"envs/{environment}.yaml" in rule:
                scripts |= {(path.parent / name).resolve() for name in re.findall(r'"([./a-z_]*scripts/[a-z_]+\.py)"', rule)}
    return scripts


def foreign_imports(root: Path, files: set[Path]) -> set[str]:
    """Return the packages, other than the standard library's, that files and the package's modules behind them import."""
    seen: set[Path] = set()
    foreign: set[str] = set()
    pending = list(files)
    while pending:
        path = pending.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            for name in names:
                if name.startswith("spurprune"):
                    module = root.joinpath(*name.split("."))
                    pending += [module.with_suffix(".py"), module / "__init__.py"]
                else:
                    foreign.add(name.split(".")[0])
    return foreign - set(sys.stdlib_module_names)


def test_every_direct_dependency_is_locked_within_its_range(root: Path) -> None:
    locked = locked_versions(root)
    for file in ("requirements.in", "requirements-dev.in"):
        for name, requirement in requirements(root / file).items():
            assert name in locked, f"{name} of {file} is not locked"
            assert requirement.specifier.contains(locked[name]), f"{requirement} of {file} excludes the locked {locked[name]}"


def test_executors_for_clusters_are_locked_apart(root: Path) -> None:
    locked, apart = locked_versions(root), locked_versions(root, "requirements-cluster.lock")
    assert not locked.keys() & apart.keys(), "what the workflow needs on one machine is in requirements.lock alone"
    for name, requirement in requirements(root / "requirements-cluster.in").items():
        assert requirement.specifier.contains(apart[name]), f"{requirement} excludes the locked {apart[name]}"


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-cluster.lock"])
def test_every_locked_package_has_one_exact_version(root: Path, file: str) -> None:
    lines = [line for line in (root / file).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r'[A-Za-z0-9_.-]+==[0-9A-Za-z.]+( ; sys_platform == "linux")?', line), line
    assert len(requirements(root / file)) == len(lines)


def test_torch_is_recent_enough(root: Path) -> None:
    assert Version(locked_versions(root)["torch"]) >= Version("2.11")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_conda_environments_have_the_locked_versions(root: Path, environment: str) -> None:
    locked = locked_versions(root)
    versions = conda_versions(root, environment)
    assert {name: locked.get(canonicalize_name(name)) for name in versions} == versions


def is_loaded_in(environment: str, kind: str, name: str) -> bool:
    """Refinements of whole networks need torch, those of last layers do not."""
    return kind != "refinements" or (plugins.declared(kind, name, "OF") == "network") == (environment == "train")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_conda_environments_hold_what_their_rules_import(root: Path, environment: str) -> None:
    scripts = rules_scripts(root, environment)
    assert scripts, f"no rule uses envs/{environment}.yaml"
    loaded = [(kind, name) for kind in PLUGINS[environment] for name in plugins.names(kind) if is_loaded_in(environment, kind, name)]
    modules = {root.joinpath(*plugins.module_name(*one).split(".")) for one in loaded}
    imported = foreign_imports(root, scripts | {module.with_suffix(".py") for module in modules})
    needed = {FROM_IMPORT.get(name, name) for name in imported}
    assert {"numpy", "pyarrow"} <= needed
    assert needed <= conda_versions(root, environment).keys()


def test_torch_stays_out_of_the_base_environment(root: Path) -> None:
    assert "torch" not in conda_versions(root, "base")
    assert "torch" in conda_versions(root, "train")

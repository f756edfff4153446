"""Planning is faster with the locked version of Snakemake, and works as before with others."""

import subprocess
import sys
from types import ModuleType

import pytest

from spurprune.dag.planning_speed import parse_each_path_once


def test_parsed_paths_are_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []

    def parse_uri(uri: str) -> list[str]:
        parsed.append(uri)
        return [uri]

    module = ModuleType("smart_open")
    module.parse_uri = parse_uri  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "smart_open", module)
    assert parse_each_path_once()
    assert parse_each_path_once(), "the Snakefile may be read twice"
    assert [module.parse_uri(uri) for uri in ("a", "b", "a")] == [["a"], ["b"], ["a"]]
    assert parsed == ["a", "b"]


@pytest.mark.parametrize("module", [None, ModuleType("smart_open")], ids=["no such package", "no such function"])
def test_another_version_of_snakemake_is_left_alone(monkeypatch: pytest.MonkeyPatch, module: ModuleType | None) -> None:
    monkeypatch.setitem(sys.modules, "smart_open", module)
    assert not parse_each_path_once()


def test_the_locked_snakemake_uses_the_patched_function(child_environment: dict[str, str]) -> None:
    code = """
import gc, smart_open
from spurprune.dag.planning_speed import speed_up
speed_up()
speed_up()
from snakemake.common import parse_uri
[parse_uri("scripts/evaluate.py") for _ in range(3)]
print(smart_open.parse_uri.cache_info().hits, gc.get_threshold()[:2])
"""
    done = subprocess.run([sys.executable, "-c", code], env=child_environment, capture_output=True, text=True, check=True)
    assert done.stdout == "2 (100000, 50)\n"

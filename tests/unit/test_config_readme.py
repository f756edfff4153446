"""config/README.md names every key of the configuration and every value that one may choose by name."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spurprune.config import schema as loaded
from spurprune.dag import plugins
from spurprune.data.registry import registry


@pytest.fixture(scope="module")
def words(root: Path) -> set[str]:
    """All words in code spans or code blocks of config/README.md."""
    text = (root / "config" / "README.md").read_text(encoding="utf-8")
    spans = re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)
    return {word for span in spans for word in re.findall(r"\w+", span)}


def _names(schema: Any) -> Iterator[str]:
    """Every property in a JSON schema, and every text among its enumerated values."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (value for value in [*schema.get("enum", []), schema.get("const")] if isinstance(value, str))
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _names(inner)


@pytest.mark.parametrize("schema", ["config", "setting"])
def test_every_key_and_every_choice_of_the_schemas_is_explained(words: set[str], schema: str) -> None:
    names = set(_names(loaded.load(schema)))
    assert {"config": "sparsities", "setting": "evaluate_epochs"}[schema] in names, "the schema was not walked"
    assert sorted(names - words) == []


def test_what_schemas_leave_open_is_explained(words: set[str]) -> None:
    open_names = {"extends", "grid", *registry(), *plugins.names("scores"), *plugins.names("methods"), *plugins.names("strategies")}
    assert sorted(open_names - words) == []


@pytest.mark.parametrize("reader", plugins.names("readers"))
def test_every_option_of_a_reader_is_explained(reader: str, words: set[str]) -> None:
    assert sorted({reader, *_names(plugins.load("readers", reader).OPTIONS)} - words) == []


@pytest.mark.parametrize("method", plugins.names("methods"))
def test_every_option_of_a_method_is_explained(method: str, words: set[str]) -> None:
    options = plugins.declared("methods", method, "OPTIONS", {})
    assert sorted({method, *options, *_names(options)} - words) == []

"""``~`` and environment variables in the paths of the configuration."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spurprune.config import paths
from spurprune.errors import ConfigError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("DATA", "/data")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("NOWHERE", raising=False)


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        ("resources/mnist", "resources/mnist"),
        ("~", "/home/ada"),
        ("~/mnist", "/home/ada/mnist"),
        ("$DATA/mnist", "/data/mnist"),
        ("${DATA}set/mnist", "/dataset/mnist"),
        ("$HOME$DATA", "/home/ada/data"),
        ("a~b/~/c", "a~b/~/c"),
        ("costs 5$ each", "costs 5$ each"),
    ],
)
def test_a_path_is_expanded_as_by_a_shell(path: str, expanded: str) -> None:
    assert paths.expand(path, "data.mnist") == expanded


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (
            "$NOWHERE/mnist",
            "d is '$NOWHERE/mnist', but the environment variable 'NOWHERE' is not set; set it or write the path out.",
        ),
        (
            "${EMPTY}/mnist",
            "d is '${EMPTY}/mnist', but the environment variable 'EMPTY' is empty; set it or write the path out.",
        ),
        ("a/${}", "d is 'a/${}', but '${}' names no environment variable; write '${NAME}' or the path out."),
        ("${A B}/x", "d is '${A B}/x', but '${A B}' names no environment variable; write '${NAME}' or the path out."),
        ("${HOME/x", "d is '${HOME/x', but a '${' is not closed; write '${NAME}' or the path out."),
        ("x/${", "d is 'x/${', but a '${' is not closed; write '${NAME}' or the path out."),
        (
            "~nobody-here/x",
            "d is '~nobody-here/x', but '~nobody-here' has no home folder; write the path out.",
        ),
    ],
)
def test_what_cannot_be_expanded_is_named(path: str, sentence: str, assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError) as error:
        paths.expand(path, "d")
    assert str(error.value) == sentence
    assert_one_sentence(sentence)


def test_all_paths_of_a_configuration_and_nothing_else_are_expanded() -> None:
    raw = {
        "setting_files": ["~/s.yaml", "t.yaml"],
        "datasets": {"own": {"path": "~/own.csv", "vectors": "$DATA/own.npy", "label": "$DATA"}},
        "studies": {"a": {"title": "~ and $NOWHERE"}},
    }
    assert paths.expanded(raw, paths.OF_CONFIG, "") == {
        "setting_files": ["/home/ada/s.yaml", "t.yaml"],
        "datasets": {"own": {"path": "/home/ada/own.csv", "vectors": "/data/own.npy", "label": "$DATA"}},
        "studies": {"a": {"title": "~ and $NOWHERE"}},
    }
    setting = {"description": "~", "model": {"name": "bert", "pretrained": "~/bert"}}
    assert paths.expanded(setting, paths.OF_SETTING, "s") == {"description": "~", "model": {"name": "bert", "pretrained": "/home/ada/bert"}}
    with pytest.raises(ConfigError, match=r"^s\.model\.pretrained is '\$NOWHERE'"):
        paths.expanded({"model": {"pretrained": "$NOWHERE"}}, paths.OF_SETTING, "s")


def test_only_folders_that_are_used_need_their_variables(assert_one_sentence: Callable[[str], None]) -> None:
    data = {"mnist": "$DATA/mnist", "celeba": "$NOWHERE/celeba", "cifar10": "${HOME"}
    assert paths.expanded_data(data, {"mnist", "digits"}) == data | {"mnist": "/data/mnist"}
    with pytest.raises(ConfigError, match=r"^data\.celeba is '\$NOWHERE/celeba', but the environment variable 'NOWHERE' is not") as error:
        paths.expanded_data(data, {"celeba"})
    assert_one_sentence(str(error.value))


def test_every_key_of_a_path_is_on_the_list(root: Path) -> None:
    """Keys that the schemas describe as files or folders."""
    from spurprune.config import schema

    def described(node: object, place: str, definitions: dict[str, Any]) -> list[str]:
        if not isinstance(node, dict):
            return []
        if "$ref" in node:
            return described(definitions[node["$ref"].removeprefix("#/$defs/")], place, definitions)
        words = str(node.get("x-allowed", "")).split()
        is_text = "string" in str(node.get("type", ""))
        found = [place] if is_text and {"file", "folder", "path"} & set(words) else []
        for keyword in ("oneOf", "allOf"):
            found += [one for inner in node.get(keyword, ()) for one in described(inner, place, definitions)]
        found += described(node.get("then"), place, definitions) + described(node.get("items"), f"{place}.*", definitions)
        found += described(node.get("additionalProperties"), f"{place}.*", definitions)
        properties = node.get("properties", {})
        return found + [one for key, inner in properties.items() for one in described(inner, f"{place}.{key}", definitions)]

    def keys_of(name: str) -> set[str]:
        whole = schema.load(name)
        return {one.lstrip(".") for one in described(whole, "", whole.get("$defs", {}))}

    of_config, of_setting = keys_of("config"), keys_of("setting")
    assert of_config | {"setting_files.*"} == {*paths.OF_CONFIG, "data.*"}  # data are expanded by themselves
    assert of_setting == set(paths.OF_SETTING)

"""What the command line sets beside the files: numbers, true, false and null where these are meant."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spurprune.config import given
from spurprune.errors import ConfigError


@pytest.mark.parametrize(
    ("key", "value", "typed"),
    [
        ("download", "false", False),
        ("download", "no", False),
        ("download", "true", True),
        ("download", False, False),
        ("threads", 2, 2),
        ("threads", "2", 2),
        ("threads", "many", "many"),
        ("select", ["a", "1"], ["a", "1"]),
        ("damaged_images", "skip", "skip"),
        ("setting_defaults", {"image_size": "null", "probe": "None"}, {"image_size": None, "probe": None}),
        ("setting_defaults", {"validation": "0.1"}, {"validation": 0.1}),
        ("setting_defaults", {"training": {"epochs": "3"}}, {"training": {"epochs": 3}}),
        (
            "setting_defaults",
            {"training": {"optimizer": {"name": "sgd", "lr": "0.5"}}},
            {"training": {"optimizer": {"name": "sgd", "lr": 0.5}}},
        ),
        ("setting_defaults", {"probe": {"source": "5", "target": "9"}}, {"probe": {"source": "5", "target": "9"}}),
        ("setting_defaults", {"training": {"evaluate_epochs": ["1", "2"]}}, {"training": {"evaluate_epochs": [1, 2]}}),
        ("setting_defaults", {"training": {"evaluate_epochs": "all"}}, {"training": {"evaluate_epochs": "all"}}),
        ("methods", {"slow": {"kind": "erm", "from": "null"}}, {"slow": {"kind": "erm", "from": None}}),
        ("methods", {"slow": {"training": {"epochs": "3"}}}, {"slow": {"training": {"epochs": 3}}}),
        ("studies", {"a": {"title": "5", "blocks": ["000-001"]}}, {"a": {"title": "5", "blocks": ["000-001"]}}),
        ("datasets", {"own": {"label": "3", "split": {"test": "0.2"}}}, {"own": {"label": "3", "split": {"test": 0.2}}}),
        ("unknown", "3", "3"),
        ("unknown", "null", "null"),
        ("data", {"cifar10": "null", "mnist": "~", "celeba": "here"}, {"cifar10": None, "mnist": None, "celeba": "here"}),
        ("select", ["null"], [None]),
        ("studies", {"a": {"title": "None", "score": "null"}}, {"a": {"title": "None", "score": None}}),
        ("threads", "010", "010"),
        ("threads", "1:30", "1:30"),
    ],
)
def test_texts_are_typed_where_the_schema_takes_no_text(key: str, value: Any, typed: Any) -> None:
    found = given.typed({key: value})
    assert found == {key: typed}
    assert repr(found) == repr({key: typed}), "1, 1.0 and true are equal in Python"


def test_values_that_no_key_takes_are_refused(assert_one_sentence: Callable[[str], None]) -> None:
    with pytest.raises(ConfigError, match=r"^threads is nan, which is not a finite number; write one\.$") as error:
        given.typed({"threads": float("nan")})
    assert_one_sentence(str(error.value))


def test_files_and_values_are_merged_in_order(tmp_path: Path) -> None:
    for name, text in (("main", "a: {x: 1, y: 1}\nthreads: 1\n"), ("one", "a: {y: 2}\nthreads: 2\n"), ("two", "threads: 3\n")):
        (tmp_path / f"{name}.yaml").write_text(text)
    main, one, two = (tmp_path / f"{name}.yaml" for name in ("main", "one", "two"))
    assert given.from_files(main, [one, two], {"threads": "4"}) == {"a": {"x": 1, "y": 2}, "threads": 4}
    assert given.from_files(main, [one]) == {"a": {"x": 1, "y": 2}, "threads": 2}
    assert given.from_files(None, [two]) == {"threads": 3}
    (tmp_path / "two.yaml").write_text("threads: 3\nthreads: 4\n")
    with pytest.raises(ConfigError, match=r"two\.yaml, line 2: 'threads' is declared twice"):
        given.from_files(main, [one, two])


def test_the_main_file_is_looked_for_here(tmp_path: Path, root: Path, assert_one_sentence: Callable[[str], None]) -> None:
    assert given.require_main(root, root) == Path("config/config.yaml")
    with pytest.raises(ConfigError) as error:
        given.require_main(tmp_path, root)
    assert str(error.value) == (
        f"config/config.yaml was not found from here ({tmp_path}); start Snakemake in {root}, or give it '--directory {root}'."
    )
    assert_one_sentence(str(error.value))

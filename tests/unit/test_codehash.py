"""The hash of a stage's code: comments do not change it, any other edit of what the stage imports does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spurprune.dag.codehash import CANNOT_CHANGE_RESULTS, code_hash, hashed_modules
from spurprune.dag.plugins import module_name, names
from spurprune.errors import ConfigError

PROJECT = {
    "workflow/scripts/prune.py": '"""The rule."""\nimport sys\nfrom spurprune.stages import prune\nprune.run(sys.argv)\n',
    "spurprune/__init__.py": "",
    "spurprune/stages/__init__.py": "",
    "spurprune/stages/prune.py": (
        "from spurprune.machine import logs\nfrom spurprune.pruning.strategies import count\n\ndef run(x):\n    return count(x)\n"
    ),
    "spurprune/pruning/__init__.py": "",
    "spurprune/pruning/strategies.py": "import spurprune.seeds as seeds\n\ndef count(x):\n    return len(x) + seeds.START\n",
    "spurprune/seeds.py": "START = 1\n",
    "spurprune/machine/logs.py": "LEVEL = 1\n",
    "spurprune/figures.py": "COLOUR = 1\n",
    "spurprune/difficulty/__init__.py": "",
    "spurprune/difficulty/scores/el2n.py": "def score(x):\n    return x\n",
    "spurprune/difficulty/scores/aum.py": "def score(x):\n    return -x\n",
}


class Project:
    """A small project whose files can be edited."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in PROJECT.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        assert old in PROJECT[name]
        self.write(name, PROJECT[name].replace(old, new))

    def hash(self, *modules: str) -> str:
        return code_hash(self.root, self.root / "workflow/scripts/prune.py", *modules)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("workflow/scripts/prune.py", "The rule.", "The rule, explained."),
        ("workflow/scripts/prune.py", "import sys\n", "# a comment\nimport sys  # another\n\n"),
        ("spurprune/pruning/strategies.py", "def count(x):\n", 'def count(x):\n    """Count."""\n'),
        ("spurprune/pruning/strategies.py", "import spurprune", '"""A module."""\n\nimport spurprune'),
        ("spurprune/pruning/strategies.py", "len(x) + seeds.START", "(len(x)\n            + seeds.START)"),
        ("spurprune/machine/logs.py", "LEVEL = 1", "LEVEL = 2"),  # cannot change a result
        ("spurprune/figures.py", "COLOUR = 1", "COLOUR = 2"),  # not imported
        ("spurprune/difficulty/scores/el2n.py", "return x", "return 2 * x"),  # a plugin that nobody names
    ],
)
def test_edits_that_change_nothing(project: Project, name: str, old: str, new: str) -> None:
    before = project.hash()
    project.replace(name, old, new)
    assert project.hash() == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("workflow/scripts/prune.py", "sys.argv", "sys.argv[1:]"),
        ("spurprune/stages/prune.py", "return count(x)", "return count(x) + 1"),
        ("spurprune/pruning/strategies.py", "len(x) +", "len(x) -"),
        ("spurprune/seeds.py", "START = 1", "START = 2"),  # three imports away
        ("spurprune/pruning/__init__.py", "", "SWITCH = True\n"),
        ("spurprune/seeds.py", "START = 1", "START = '1'"),
    ],
)
def test_edits_that_change_the_hash(project: Project, name: str, old: str, new: str) -> None:
    before = project.hash()
    project.replace(name, old, new)
    assert project.hash() != before


def test_strings_that_are_not_docstrings_are_code(project: Project) -> None:
    before = project.hash()
    project.replace("spurprune/seeds.py", "START = 1\n", "START = 1\nNAME = 'a'\n")
    first = project.hash()
    project.replace("spurprune/seeds.py", "START = 1\n", "START = 1\nNAME = 'b'\n")
    assert len({before, first, project.hash()}) == 3


def test_plugins_count_where_they_are_named(project: Project) -> None:
    without, el2n, aum = project.hash(), project.hash("spurprune.difficulty.scores.el2n"), project.hash("spurprune.difficulty.scores.aum")
    assert len({without, el2n, aum}) == 3
    project.replace("spurprune/difficulty/scores/el2n.py", "return x", "return 2 * x")
    assert project.hash("spurprune.difficulty.scores.el2n") != el2n
    assert project.hash("spurprune.difficulty.scores.aum") == aum
    assert project.hash() == without


def test_a_new_module_that_is_imported_changes_the_hash(project: Project) -> None:
    before = project.hash()
    project.write("spurprune/seeds/__init__.py", "START = 1\n")
    assert project.hash() == before  # the module takes precedence over the package of that name
    project.write("spurprune/extra.py", "X = 1\n")
    project.replace("spurprune/seeds.py", "START = 1", "from spurprune import extra\nSTART = 1")
    imported = project.hash()
    project.write("spurprune/extra.py", "X = 2\n")
    assert len({before, imported, project.hash()}) == 3


def test_imports_may_be_circular(project: Project) -> None:
    project.replace("spurprune/seeds.py", "START = 1", "from spurprune.pruning import strategies\nSTART = 1")
    assert project.hash() == project.hash()


def test_it_does_not_depend_on_where_the_project_is(tmp_path: Path) -> None:
    assert Project(tmp_path / "a").hash() == Project(tmp_path / "b").hash()


def test_what_an_excluded_module_imports_is_hashed(project: Project) -> None:
    project.replace("spurprune/machine/logs.py", "LEVEL = 1", "from spurprune import extra\nLEVEL = extra.LEVEL")
    project.write("spurprune/extra.py", "LEVEL = 1\n")
    before = project.hash()
    project.write("spurprune/extra.py", "LEVEL = 2\n")
    assert project.hash() != before


def test_excluded_modules_exist(root: Path) -> None:
    for module in CANNOT_CHANGE_RESULTS:
        path = root.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), f"there is no module {module}"


# The plugins that a stage loads by name; the workflow's tests compare what is really loaded with what the rules name.
KINDS = {
    "prepare_inputs": ("datasets",),
    "train_reference": ("models", "overlays"),
    "score_difficulty": ("scores",),
    "retrain": ("models", "overlays", "methods"),
    "plot": ("figures", "overlays"),
    "tabulate": ("tables",),
    "download": ("datasets",),
}
IMPORT_ALL = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps([name for name in sys.modules if name.split(".")[0] == "spurprune"]))
"""


@pytest.mark.parametrize("script", sorted(Path(__file__).parents[2].glob("workflow/scripts/*.py")), ids=lambda path: path.stem)
def test_what_a_stage_loads_is_hashed_or_excluded(root: Path, script: Path, child_environment: dict[str, str]) -> None:
    named = [module_name(kind, name) for kind in KINDS.get(script.stem, ()) for name in names(kind)]
    modules = json.dumps(["spurprune.machine.logs", f"spurprune.stages.{script.stem}", *named])
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL, modules], env=child_environment, capture_output=True, text=True, check=True)
    loaded, hashed = set(json.loads(done.stdout)), hashed_modules(root, script, *named)
    assert {f"spurprune.stages.{script.stem}", *named} <= loaded & hashed
    assert loaded - hashed <= CANNOT_CHANGE_RESULTS


def test_only_plugins_are_loaded_by_name(root: Path) -> None:
    """Other names would be hidden from the hash; prefork loads other packages alone."""
    by_name = re.compile(r"\b(?:import_module|__import__|runpy|exec)\b\(")
    found = {path.stem for path in (root / "spurprune").rglob("*.py") if by_name.search(path.read_text(encoding="utf-8"))}
    assert found == {"plugins", "planning_speed", "prefork"}
    relative = re.compile(r"^\s*from \.", re.MULTILINE)
    assert not [path for path in (root / "spurprune").rglob("*.py") if relative.search(path.read_text(encoding="utf-8"))]


def test_unknown_plugins_are_refused() -> None:
    with pytest.raises(ConfigError, match="There is no 'el3n' among the scores; known are aum, el2n"):
        module_name("scores", "el3n")
    with pytest.raises(KeyError, match="colours"):
        module_name("colours", "red")

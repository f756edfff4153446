"""The hash of a stage's code: blind to comments, awake to every other edit of what the stage imports."""

import re
from pathlib import Path

import pytest

from spurprune.dag.codehash import CANNOT_CHANGE_RESULTS, code_hash
from spurprune.dag.plugins import module_name
from spurprune.errors import ConfigError

PROJECT = {
    "workflow/scripts/prune.py": '"""The rule."""\nimport sys\nfrom spurprune.stages import prune\nprune.run(sys.argv)\n',
    "spurprune/__init__.py": "",
    "spurprune/stages/__init__.py": "",
    "spurprune/stages/prune.py": (
        "from spurprune import logs\nfrom spurprune.pruning.strategies import count\n\ndef run(x):\n    return count(x)\n"
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
        ("spurprune/difficulty/scores/el2n.py", "return x", "return 2 * x"),  # imported by name by nobody
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


def test_strings_that_are_no_docstrings_are_code(project: Project) -> None:
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
    assert project.hash() == before  # the module stands before the package of that name
    project.write("spurprune/extra.py", "X = 1\n")
    project.replace("spurprune/seeds.py", "START = 1", "from spurprune import extra\nSTART = 1")
    imported = project.hash()
    project.write("spurprune/extra.py", "X = 2\n")
    assert len({before, imported, project.hash()}) == 3


def test_imports_may_go_round_in_circles(project: Project) -> None:
    project.replace("spurprune/seeds.py", "START = 1", "from spurprune.pruning import strategies\nSTART = 1")
    assert project.hash() == project.hash()


def test_it_does_not_depend_on_where_the_project_lies(tmp_path: Path) -> None:
    assert Project(tmp_path / "a").hash() == Project(tmp_path / "b").hash()


def test_what_the_hash_leaves_out_hides_nothing_that_it_covers(root: Path) -> None:
    """A module that is left out may import others that are, and the hash of a configuration, which only names its files."""
    harmless = CANNOT_CHANGE_RESULTS | {
        "spurprune",
        "spurprune.storage",
        "spurprune.machine",
        "spurprune.dag",
        "spurprune.storage.canonical",
    }
    for module in sorted(CANNOT_CHANGE_RESULTS):
        path = root.joinpath(*module.split(".")).with_suffix(".py")
        if path.is_file():
            imported = set(re.findall(r"^(?:from|import) (spurprune[\w.]*)", path.read_text(encoding="utf-8"), re.MULTILINE))
            assert imported <= harmless, module


def test_unknown_plugins_are_refused() -> None:
    with pytest.raises(ConfigError, match="There is no 'el3n' among the scores; known are aum, el2n"):
        module_name("scores", "el3n")
    with pytest.raises(KeyError, match="colours"):
        module_name("colours", "red")

"""A record of the package's modules that each job of a run loads, beside those whose code its hash covers."""

import json
from collections import defaultdict

from tests.workflow.project import Project

HASHED = """

import json as _json

_code_hash = code_hash


def code_hash(root, script, *modules):
    found = _code_hash(root, script, *modules)
    (root / "recorded" / f"{found}.hashed").write_text(_json.dumps(sorted(hashed_modules(root, script, *modules))))
    return found
"""

LOADED = """
import json as _json, os as _os, sys as _sys

with open(f"recorded/{snakemake.params.code}.{_os.getpid()}.loaded", "w") as _file:
    _json.dump([snakemake.rule, sorted(name for name in _sys.modules if name.split(".")[0] == "spurprune")], _file)
"""


def record(project: Project) -> None:
    """Have the project's next runs recorded."""
    project.append("spurprune/dag/codehash.py", HASHED)
    (project.path / "recorded").mkdir()
    for path in (project.path / "workflow/scripts").glob("*.py"):
        if path.stem != "download":  # which has no hash
            project.append(f"workflow/scripts/{path.name}", LOADED)


def loaded_but_not_hashed(project: Project) -> dict[str, set[str]]:
    """Return, for every rule of which a job was recorded, the modules that a job loaded and that its hash does not cover."""
    found: dict[str, set[str]] = defaultdict(set)
    folder = project.path / "recorded"
    for path in folder.glob("*.loaded"):
        rule, loaded = json.loads(path.read_text())
        hashed = json.loads((folder / f"{path.name.partition('.')[0]}.hashed").read_text())
        found[rule] |= set(loaded) - set(hashed)
    return dict(found)

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

# Python imports a module of this name when it starts.
LOADED = """
import atexit, json, os, sys

def record():
    job = getattr(sys.modules["__main__"], "snakemake", None)
    code = getattr(getattr(job, "params", None), "code", None)
    if code:
        names = sorted(name for name in sys.modules if name.split(".")[0] == "spurprune")
        with open(f"recorded/{code}.{os.getpid()}.loaded", "w") as file:
            json.dump([job.rule, names], file)

atexit.register(record)
"""


def record(project: Project) -> None:
    """Have the project's next runs recorded."""
    project.append("spurprune/dag/codehash.py", HASHED)
    for folder in ("recorded", "at-start"):
        (project.path / folder).mkdir()
    (project.path / "at-start" / "sitecustomize.py").write_text(LOADED)
    project.environment["PYTHONPATH"] = str(project.path / "at-start")


def loaded_but_not_hashed(project: Project) -> dict[str, set[str]]:
    """Return, for every rule of which a job was recorded, the modules that a job loaded and that its hash does not cover."""
    found: dict[str, set[str]] = defaultdict(set)
    folder = project.path / "recorded"
    for path in folder.glob("*.loaded"):
        rule, loaded = json.loads(path.read_text())
        hashed = json.loads((folder / f"{path.name.partition('.')[0]}.hashed").read_text())
        found[rule] |= set(loaded) - set(hashed)
    return dict(found)

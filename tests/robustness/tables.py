"""Attacks on the tables between the stages: damaged bytes, edited tables, and tables of another place or version."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.robustness import changes, runner, table_changes
from tests.robustness.outcome import Outcome
from tests.robustness.pipeline import Step, Study
from tests.robustness.subject import Subject

SLOW = ("train_reference", "retrain", "embed", "advise")  # stages that run a network or draw
TABLE = ".parquet"


def attack(seed: int, count: int) -> list[Outcome]:
    """Return the outcomes of ``count`` damages and edits of tables."""
    return runner.attack(make, (*changes.ALL, *table_changes.ALL), seed, count)


def foreign(seed: int, count: int) -> list[Outcome]:
    """Return the outcomes of ``count`` tables in the place of another table of their kind."""
    return runner.attack(make_foreign, [changes.swap], seed, count)


def make(folder: Path) -> list[Subject]:
    """Make a study; its subjects are the tables that each kind of step reads, in turn, the quick steps more often."""
    study = made(folder / "ours", "aaaa")
    kinds: dict[tuple[str, str], Subject] = {}
    for output, step in study.steps.items():
        for name, path in step.inputs.items():
            if path.suffix == TABLE:
                other = next(iter(others(path, study)), path)
                kinds.setdefault((step.name, name.split(" ")[0]), subject(step, name, output, other, folder))
    slow = [one for (stage, _), one in kinds.items() if stage in SLOW]
    quick = [one for (stage, _), one in kinds.items() if stage not in SLOW]
    return [*quick * 4, *slow]


def make_foreign(folder: Path) -> list[Subject]:
    """Make a study twice, by different code; its subjects are the tables that steps read, each with every other that could be there."""
    study, older = made(folder / "ours", "aaaa"), made(folder / "older", "bbbb")
    found = [
        subject(step, name, output, other, folder)
        for output, step in study.steps.items()
        for name, path in step.inputs.items()
        if path.suffix == TABLE
        for other in [*others(path, study), older.results / path.relative_to(study.results)]
    ]
    slow = [one for one in found if one.kind.split(":")[0] in SLOW]
    return [found[place] for place in np.random.default_rng(0).permutation(len(found)) if found[place] not in slow[8:]]


def made(root: Path, code: str) -> Study:
    """Make a study."""
    study = Study(root, code)
    study.build()
    return study


def others(path: Path, study: Study) -> Iterator[Path]:
    """Return the study's other tables of a path's kind."""
    yield from (one for one in study.tables() if one != path and kind_of(one) == kind_of(path))


def kind_of(path: Path) -> str:
    """Return a table's kind: its name in a run's folder, or the folder of its kind."""
    parts = path.parts
    if "settings" not in parts and "datasets" not in parts:
        return "advice"
    if "runs" in parts or "candidates" in parts:
        return path.stem
    return "base" if "datasets" in parts else parts[parts.index("settings") + 2]


def subject(step: Step, name: str, output: Path, other: Path, folder: Path) -> Subject:
    """Return one input of a step as a subject: reading it is running the step."""
    target = folder / "again" / output.name

    def read() -> Any:
        target.parent.mkdir(exist_ok=True)
        step.run(step.inputs, target)
        return target.read_bytes()

    return Subject(f"{step.name}: {name.split(' ')[0]}", step.inputs[name], other, read)

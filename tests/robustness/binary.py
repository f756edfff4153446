"""An attack on all files between stages that are not tables: arrays, manifests, checkpoints, models, heads, selections."""

from tests.robustness import changes, runner, subjects
from tests.robustness.outcome import Outcome


def attack(seed: int, count: int) -> list[Outcome]:
    """Return the outcomes of ``count`` tries."""
    return runner.attack(subjects.make, changes.ALL, seed, count)

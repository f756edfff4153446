"""The kinds of reference recipes, and the numbers under which the networks of a reference run are recorded."""

from collections.abc import Mapping
from typing import Any

ERM, CROSS_RISK = "erm", "cross_risk"


def kind_of(recipe: Mapping[str, Any]) -> str:
    """Return a recipe's kind, which is ERM where it names none."""
    return str(recipe.get("kind", ERM))


def networks(recipe: Mapping[str, Any]) -> int:
    """Return how many networks a reference run trains and records."""
    return 2 if kind_of(recipe) == CROSS_RISK else 1


def twins_of(seed: int) -> tuple[int, int]:
    """Return the numbers under which the two twins of a reference seed are recorded, in the column ``reference_seed``."""
    return 2 * seed, 2 * seed + 1

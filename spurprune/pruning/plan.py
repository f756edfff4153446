"""A pruning plan's name, which is also its folder: what is pruned, by which score, from which end, and how much."""

import re
from dataclasses import dataclass

from spurprune.errors import PlanError

BY_DIFFICULTY = ("per_class", "global", "carriers", "per_group", "per_group_equal")
ORDERS = ("hardest", "easiest")
RANDOM = "random"  # a strategy (any sample of any class), and a score: the same candidates as by difficulty, but any of them
SPARSITY = r"0\.[0-9]{2,4}"
PATTERN = rf"none|random-{SPARSITY}|(?:{'|'.join(BY_DIFFICULTY)})-[a-z0-9]+-(?:{'|'.join(ORDERS)})-{SPARSITY}"


@dataclass(frozen=True)
class Plan:
    """A parsed plan. ``score`` and ``order`` are None for the strategies ``none`` and ``random``; ``sparsity`` is a decimal's text."""

    strategy: str
    score: str | None = None
    order: str | None = None
    sparsity: str | None = None


def parse(name: str) -> Plan:
    """Return the plan that a name such as "none", "random-0.10" or "carriers-el2n-hardest-0.25" stands for; raises PlanError."""
    if not re.fullmatch(PATTERN, name):
        raise PlanError(f"'{name}' names no plan; a plan is 'none', 'random-SPARSITY' or 'STRATEGY-SCORE-ORDER-SPARSITY'.")
    strategy, *rest = name.split("-")
    if strategy == "none":
        return Plan(strategy)
    if strategy == "random":
        return Plan(strategy, sparsity=rest[0])
    score, order, sparsity = rest
    return Plan(strategy, score, order, sparsity)

"""Plans and their names: the strategy that weighs the training samples, and the values of its fields.

A name, which is also the plan's folder, is the strategy and the values joined by hyphens: "carriers-el2n-hardest-0.25". Each strategy's
module says which fields it has. "tuned-METHOD" stands for the plan that a method chose among its candidates.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from spurprune.dag import plugins
from spurprune.errors import PlanError

ORDERS = ("hardest", "easiest")
RANDOM = "random"  # a strategy (a random share of every class) and a score (a random order of any strategy's candidates)
AUTO = "auto"  # a power that is chosen by the partition's silhouettes
NO_PRUNING = "none"  # the plan of all samples
CLASS = "class"  # the partition into classes, which every setting has
TUNED = "tuned"  # in a strategy's place: the plan that a method's candidates chose
# What a plan does to samples, as a strategy declares in WEIGHTS: weights of 0 or 1, of any whole number, or drawn visits.
KEPT, COPIED, DRAWN = "kept", "copied", "drawn"
# Numbers are written in one way only, since plans of equal effect would be made twice under two names.
SPARSITY = r"0\.(?:[0-9]{2}|[0-9]{2,3}[1-9])"
FIELDS = {  # the pattern of each field's values
    "score": "[a-z0-9]+",
    "order": f"(?:{'|'.join(ORDERS)})",
    "sparsity": SPARSITY,
    "partition": "[a-z][a-z0-9_]*",
    "part": "[a-z][a-z0-9_]*",
    "method": "[a-z0-9_]+",
    "predictor": "[a-z0-9_]+",  # the method by whose predictions a plan is made
    "factor": r"(?:[1-9][0-9]{0,2}(?:\.[0-9]{0,3}[1-9])?|0\.[0-9]{0,3}[1-9])",  # below 1,000
    "power": rf"(?:{AUTO}|[1-9](?:\.[0-9]{{0,3}}[1-9])?|0\.[0-9]{{0,3}}[1-9])",  # below 10
}
OF_METHODS = ("method", "predictor")  # the fields whose values are methods
SHOWN_AS = {"predictor": "method"}  # what messages call a field, if not by its name
MOST_SHOWN = 100  # characters of a name in messages
IN_WORDS = {
    "order": " or ".join(ORDERS),
    "sparsity": "two to four decimals without zeros after the second, such as 0.10",
    "factor": "a number above 0 and below 1,000 without needless zeros, such as 5 or 0.5",
    "power": f"{AUTO}, or a number above 0 and below 10 without needless zeros, such as 1 or 1.5",
}


@dataclass(frozen=True)
class Plan:
    """A parsed plan; fields that its strategy does not have are None. ``sparsity``, ``factor`` and ``power`` are text.

    ``method`` is the method that chose the plan, ``predictor`` one by whose runs without pruning the plan is made.
    """

    strategy: str
    score: str | None = None
    order: str | None = None
    sparsity: str | None = None
    partition: str | None = None
    part: str | None = None
    factor: str | None = None
    power: str | None = None
    method: str | None = None
    predictor: str | None = None


@cache  # planning parses the same names thousands of times
def parse(name: str) -> Plan:
    """Return the plan with a name such as "none", "random-0.10" or "balance_subsample-groups"; raises PlanError if there is none."""
    strategy, *values = name.split("-")
    shown = name if len(name) <= MOST_SHOWN else f"{name[:MOST_SHOWN]}…"
    if strategy not in _strategies():
        close = difflib.get_close_matches(strategy, _strategies(), n=1)
        guess = f" (did you mean '{close[0]}'?)" if close else ""
        raise PlanError(f"'{shown}' is not a plan{guess}; plans are written {', '.join(shape(one) for one in _strategies())}.")
    fields = fields_of(strategy)
    if len(values) != len(fields):
        raise PlanError(f"'{shown}' is not a plan; plans of this strategy are written {shape(strategy)}.")
    for field, value in zip(fields, values, strict=True):
        if not re.fullmatch(FIELDS[field], value):
            hint = f", {field.upper()} being {IN_WORDS[field]}" if field in IN_WORDS else ""
            raise PlanError(f"'{shown}' is not a plan; plans of this strategy are written {shape(strategy)}{hint}.")
    return Plan(strategy, **dict(zip(fields, values, strict=True)))


def tuned(method: str) -> str:
    """Return the name of the plan that a method's candidates choose."""
    return f"{TUNED}-{method}"


def renamed(name: str, rename: Callable[[str], str]) -> str:
    """Return a plan's name with the method that it names, if any, renamed; a text that is not a plan's name may be returned as it is."""
    strategy, *values = name.split("-")
    fields = fields_of(strategy) if strategy in _strategies() else ()
    if len(fields) != len(values):
        return name
    return "-".join([strategy, *(rename(value) if field in OF_METHODS else value for field, value in zip(fields, values, strict=True))])


def fields_of(strategy: str) -> tuple[str, ...]:
    """Return the fields that follow a strategy in a plan's name, without importing the strategy: many stages read names, one weighs."""
    fields: tuple[str, ...] = ("method",) if strategy == TUNED else plugins.declared("strategies", strategy, "FIELDS")
    return fields


def weights_of(plan: Plan) -> str:
    """Return what a named plan does to samples, KEPT, COPIED or DRAWN, without importing its strategy."""
    declared: str = plugins.declared("strategies", plan.strategy, "WEIGHTS", KEPT)
    return DRAWN if declared == COPIED and plan.factor is not None and not float(plan.factor).is_integer() else declared


def shape(strategy: str) -> str:
    """Return how a strategy's plans are written, such as "per_class-SCORE-ORDER-SPARSITY"."""
    return "-".join([strategy, *(SHOWN_AS.get(field, field).upper() for field in fields_of(strategy))])


@cache
def pattern(*, tuned: bool = True) -> str:
    """Return a regular expression that matches the names of all plans, without capturing groups; ``tuned`` includes those chosen."""
    return "|".join(pattern_of(strategy) for strategy in _strategies() if tuned or strategy != TUNED)


def pattern_of(strategy: str, partition: str = FIELDS["partition"]) -> str:
    """Return a regular expression that matches the names of a strategy's plans, without capturing groups.

    ``partition`` is the pattern of the partitions among these.
    """
    return "-".join([strategy, *((FIELDS | {"partition": partition})[field] for field in fields_of(strategy))])


def pattern_by(partition: str) -> str:
    """Return a regular expression that matches the names of all plans by one partition, without capturing groups."""
    return "|".join(pattern_of(strategy, re.escape(partition)) for strategy in _strategies() if "partition" in fields_of(strategy))


def pattern_by_predictor() -> str:
    """Return a regular expression that matches the names of all plans by a method's predictions, without capturing groups."""
    return "|".join(pattern_of(strategy) for strategy in _strategies() if "predictor" in fields_of(strategy))


@cache
def _strategies() -> tuple[str, ...]:
    return (*plugins.names("strategies"), TUNED)

"""What advice chooses among: how many of which training samples to prune, each with as many random ones as its control."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spurprune.pruning import plan as plans

SUSPECTS = "suspects"  # the kind of partitions whose parts are pruned apart


@dataclass(frozen=True)
class Choice:
    """A plan that prunes a share of the hardest samples, and the ``control`` that prunes as many random ones.

    ``partition`` is that of the suspects if only these are pruned, None if it is every class.
    """

    plan: str
    control: str
    sparsity: str
    partition: str | None = None

    @property
    def words(self) -> str:
        """What is pruned."""
        of = "every class" if self.partition is None else "the suspects of every region"
        return f"the hardest {percent(self.sparsity)} of {of}"


def percent(sparsity: str) -> str:
    """Return a sparsity such as "0.125" as a percentage."""
    return f"{100 * float(sparsity):.10g}%"


def choices(advice: Mapping[str, Any], suspects: Sequence[str]) -> list[Choice]:
    """Return the choices of a setting's section of advice, those that prune least first; ``suspects`` are its partitions of suspects."""
    score = advice["score"]
    found = [Choice(f"per_class-{score}-hardest-{one}", f"random-{one}", one) for one in sorted(advice["sparsities"], key=float)]
    for name in suspects:
        found += [
            Choice(f"within-{name}-{score}-hardest-{one}", f"within-{name}-random-hardest-{one}", one, name)
            for one in sorted(advice["suspected"], key=float)
        ]
    return found


def plans_of(found: Sequence[Choice]) -> list[str]:
    """Return all plans that evidence needs, the one without pruning first."""
    return list(dict.fromkeys([plans.NO_PRUNING, *(plan for one in found for plan in (one.plan, one.control))]))

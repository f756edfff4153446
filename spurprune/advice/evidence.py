"""Evidence: what runs reach on held-out samples by repeat, as shares: accuracy, the worst of several parts, reliance on regions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from spurprune.advice import tallies
from spurprune.advice.choices import Choice
from spurprune.evaluation.statistics import Estimate, estimate, paired_difference
from spurprune.pruning import plan as plans

if TYPE_CHECKING:
    import pandas as pd

LEAST = 10  # samples of a part, so that its accuracy is more than chance; smaller ones are no worst part (ours)
RELIANCE = "reliance"  # the kind of measure that falls where pruning helps

ByRepeat = dict[int, float]
Shares = Mapping[tuple[str, str], ByRepeat]  # of recipients turned, by (source class, region), then by repeat


@dataclass(frozen=True)
class Measure:
    """What is measured of a run: ``kind`` is one of a division of samples, or RELIANCE, ``name`` the division's or the partition's."""

    kind: str
    name: str

    @property
    def words(self) -> str:
        """What the measure says, for headings."""
        return {
            tallies.WHOLE: "accuracy",
            tallies.CLASSES: "worst class",
            tallies.GROUPS: "worst known group",
            tallies.ATTRIBUTE: f"worst class by {self.name}",
            tallies.INFERRED: f"worst inferred group ({self.name})",
            RELIANCE: f"reliance on suspected regions ({self.name})",
        }[self.kind]


ACCURACY = Measure(tallies.WHOLE, tallies.WHOLE)


@dataclass(frozen=True)
class Evidence:
    """What was gathered: ``counts`` has the columns of ``schemas.EVIDENCE``; ``shares`` holds, by partition of suspects and plan, reliance.

    Reliance is measured on validation samples alone.
    """

    counts: "pd.DataFrame"
    shares: Mapping[tuple[str, str], Shares]

    @cached_property
    def measures(self) -> list[Measure]:
        """All measures, accuracy first."""
        known = self.counts[["kind", "division"]].drop_duplicates().itertuples(index=False, name=None)
        order = list(tallies.KINDS)
        found = sorted((Measure(kind, name) for kind, name in known), key=lambda one: order.index(one.kind))
        return [*found, *(Measure(RELIANCE, name) for name in dict.fromkeys(name for name, _ in self.shares))]

    @cached_property
    def repeats(self) -> list[int]:
        """The repeats, ascending."""
        return sorted({int(repeat) for repeat in self.counts["repeat"].unique()})

    @cached_property
    def _worst(self) -> "pd.Series":
        """The lowest accuracy of the parts of every division that have enough samples, by measure, plan, split and repeat."""
        frame = self.counts[(self.counts["n"] >= LEAST) | (self.counts["kind"] == tallies.WHOLE)]
        share = frame["n_correct"] / frame["n"]
        return share.groupby([frame[name] for name in ("kind", "division", "plan", "split", "repeat")], observed=True).min()

    def values(self, measure: Measure, plan: str, split: str = "validation") -> ByRepeat:
        """Return a measure of one plan's run by repeat, empty where it is not measured; reliance is the highest of all regions."""
        if measure.kind == RELIANCE:
            of_plan = self.shares.get((measure.name, plan), {}) if split == "validation" else {}
            found: ByRepeat = {}
            for by_repeat in of_plan.values():
                for repeat, value in by_repeat.items():
                    found[repeat] = max(value, found.get(repeat, 0.0))
            return found
        try:
            series = self._worst.loc[(measure.kind, measure.name, plan, split)]
        except KeyError:
            return {}
        return {int(repeat): float(value) for repeat, value in series.items()}

    def mean(self, measure: Measure, plan: str, split: str = "validation") -> Estimate:
        """Return the mean of a measure over repeats."""
        return estimate(np.array(list(self.values(measure, plan, split).values())))

    def difference(self, measure: Measure, plan: str, other: str, split: str = "validation") -> Estimate:
        """Return the mean difference of a measure between two plans, paired by repeat."""
        return paired_difference(self.values(measure, plan, split), self.values(measure, other, split))


@dataclass(frozen=True)
class Row:
    """One line of the table of evidence: a measure of one plan on one split, with its paired differences; shares in [0, 1]."""

    split: str
    measure: str
    plan: str
    pruned: str
    value: Estimate
    from_none: Estimate
    from_random: Estimate


def rows(found: Evidence, choices: Sequence[Choice], split: str = "validation") -> list[Row]:
    """Return the evidence on one split: no pruning, then every choice and its control, for every measure."""
    result = []
    for measure in found.measures:
        listed: list[tuple[str, str, str | None]] = [(plans.NO_PRUNING, "nothing", None)]
        for one in choices:
            listed += [(one.plan, one.words, one.control), (one.control, at_random(one), None)]
        for plan, words, control in listed:
            value = found.mean(measure, plan, split)
            if value.n:
                from_none = found.difference(measure, plan, plans.NO_PRUNING, split) if plan != plans.NO_PRUNING else NONE
                from_random = NONE if control is None else found.difference(measure, plan, control, split)
                result.append(Row(split, measure.words, plan, words, value, from_none, from_random))
    return result


def at_random(choice: Choice) -> str:
    """Return what a choice's control prunes."""
    return choice.words.replace("the hardest", "random")


NONE = estimate(np.array([]))

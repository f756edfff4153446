"""Methods side by side under one rule of choice: test metrics, paired differences, ranks with ties, what each cost and gave up."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spurprune.errors import DataError
from spurprune.evaluation.choices import Choice
from spurprune.evaluation.selection import Candidate, choose
from spurprune.evaluation.series import UNKNOWN, difference_of, mean_of
from spurprune.evaluation.statistics import Estimate

if TYPE_CHECKING:
    import pandas as pd

    from spurprune.evaluation.frame import Metrics

LAST = "last"  # of an entrant's ``epoch``
BY = {"group": "worst_group_accuracy", "class": "worst_class_accuracy", "accuracy": "accuracy"}  # the rules of choice
WORST, ACCURACY, WEIGHTED, STEPS = "worst_group_accuracy", "accuracy", "accuracy_weighted", "training_steps"
PENALTY = "chosen_C"  # by a refinement, in every repeat


@dataclass(frozen=True)
class Entrant:
    """A method that is compared, as the configuration describes it.

    ``method`` is the entry, ``base`` the entry that it is one rule of, ``plan`` the one it runs on, ``by`` the validation metric that
    chose its candidate among ``budget``; ``labels_train`` and ``labels_validation`` say on which splits it needs group labels;
    ``candidates`` maps the names of its candidates to their plans; ``references`` are the epochs of reference runs behind a repeat of it,
    ``batch_sizes`` their batches' samples, by "" without candidates; ``sources`` are the entry, the plan and the batch sizes of the runs
    that it starts from, directly or through others; ``runs``, each (method, plan), and ``recipes`` of references are all that is trained
    for a repeat of it; ``published`` is the worst-group accuracy in the literature, as a share.
    """

    method: str
    base: str
    kind: str
    plan: str
    by: str
    epoch: str
    budget: int
    labels_train: bool
    labels_validation: bool
    candidates: Mapping[str, str]
    candidates_of: str
    references: float
    batch_sizes: Mapping[str, int]
    sources: Sequence[tuple[str, str, Mapping[str, int]]] = ()
    runs: Sequence[tuple[str, str]] = ()
    recipes: Sequence[str] = ()
    published: float | None = None


@dataclass(frozen=True)
class ComparisonRow:
    """A method's results in one setting under one rule of choice, as shares in [0, 1]; ``base`` is what the configuration calls the method.

    ``chosen`` names the candidate, or the penalties chosen within the reported repeats, ``validation`` is the candidate's mean of the
    rule's metric in the tuning repeats; ``regret`` is the mean test worst-group accuracy, in the tuning repeats, that the rule gave up
    against the candidate that hindsight would choose; those that each rule would have given up by the same runs follow.
    ``from_baseline`` and ``from_pruning`` are differences of worst-group accuracy paired by repeat. ``rank`` counts the methods whose
    paired difference to this one has an interval above zero, plus one. ``cost`` is training per reported repeat, references and refined
    networks included, and ``tuning`` that of one repeat of all candidates with their references, both in samples visited by an epoch of
    the baseline, NaN without one.
    """

    setting: str
    by: str
    base: str
    method: str
    plan: str
    chosen: str | None
    budget: int
    epoch: str
    labels_train: bool
    labels_validation: bool
    rank: int | None
    worst: Estimate
    accuracy: Estimate
    weighted: Estimate
    from_baseline: Estimate
    from_pruning: Estimate
    published: float | None
    validation: float | None
    regret: float | None
    regret_by_group: float | None
    regret_by_class: float | None
    regret_by_accuracy: float | None
    cost: float
    tuning: float


@dataclass(frozen=True)
class Results:
    """What was measured in one setting.

    ``metrics`` are those of reported runs, ``tuning`` those of tuning runs by setting, method entry and candidate; ``choices`` are by
    setting and method.
    """

    setting: str
    metrics: "Metrics"
    tuning: "Mapping[tuple[str, str, str], Metrics]"
    choices: Mapping[tuple[str, str], Choice]

    def of(self, one: Entrant, metric: str, split: str = "test") -> "pd.Series":
        """Return a metric of an entrant's reported run, by repeat."""
        return self.metrics.values(metric, setting=self.setting, method=one.method, plan=one.plan, split=split)

    def of_candidate(self, one: Entrant, name: str, metric: str, split: str) -> "pd.Series":
        """Return a metric of one of an entrant's tuning runs, by repeat; raises DataError if there is no such run."""
        key = (self.setting, one.candidates_of, name)
        if key not in self.tuning:
            raise DataError(f"There are no metrics of the candidate '{name}' of '{one.method}'; rerun the workflow to make them.")
        return self.tuning[key].values(metric, setting=self.setting, method=one.candidates_of, plan=one.candidates[name], split=split)

    def chosen(self, one: Entrant) -> str | None:
        """Return the candidate that an entrant's reported run uses, None if there was nothing to choose."""
        choice = self.choices.get((self.setting, one.method))
        return None if choice is None else choice.chosen

    def penalties(self, one: Entrant) -> str | None:
        """Return the penalties that an entrant chose in its reported repeats, such as "C 0.3 to 10"; None if it chooses none."""
        found = self.of(one, PENALTY, "train").dropna()
        if not len(found):
            return None
        low, high = (f"{value:g}" for value in (found.min(), found.max()))
        return f"C {low}" if low == high else f"C {low} to {high}"

    def choice_by(self, one: Entrant, rule: str) -> str | None:
        """Return the candidate that a rule would choose by the entrant's tuning runs.

        None without tuning runs, if the metric is undefined, or if another rule has chosen the epoch of these runs.
        """
        values = {name: self.of_candidate(one, name, rule, "validation").dropna() for name in one.candidates}
        if not values or not all(map(len, values.values())) or (one.epoch != LAST and rule != one.by):
            return None
        return choose(
            [Candidate(name, {}, dict(zip(found.index.tolist(), found.tolist(), strict=True))) for name, found in values.items()]
        ).name

    def visits(self, one: Entrant) -> float:
        """Return how many samples an entrant's reported run visits in training, with those of the runs that it starts from.

        Raises DataError if there are no metrics of one of the latter.
        """
        total = _mean(self.of(one, STEPS, "train")) * one.batch_sizes[self.chosen(one) or ""]
        for method, plan, batch_sizes in one.sources:
            steps = self.metrics.values(STEPS, setting=self.setting, method=method, plan=plan, split="train")
            if not len(steps):
                raise DataError(f"There are no metrics of '{self.setting}' by '{method}' on '{plan}'; rerun the workflow to make them.")
            choice = self.choices.get((self.setting, method))
            total += _mean(steps) * batch_sizes["" if choice is None else choice.chosen]
        return total


def compare(
    results: Results, entrants: Sequence[Entrant], *, baseline: str, pruning: str | None, epochs: Mapping[str, int]
) -> list[ComparisonRow]:
    """Return one row per entrant, by rule of choice, the best worst group first.

    ``baseline`` and ``pruning`` are base entries to which differences are taken, among the entrants of the same rule; ``epochs`` holds the
    baseline's by candidate, by "" without any. Raises DataError if runs are missing.
    """
    rows: list[ComparisonRow] = []
    measure = next((one for one in entrants if one.method == baseline), None)
    epoch = math.nan if measure is None else results.visits(measure) / epochs[results.chosen(measure) or ""] or math.nan
    for rule in dict.fromkeys(one.by for one in entrants):
        of_rule = [one for one in entrants if one.by == rule]
        worst = {one.method: results.of(one, WORST) for one in of_rule}
        named = {one.base: one for one in of_rule}
        ranks = ranks_of(worst)
        found = []
        for one in of_rule:
            if not len(results.of(one, ACCURACY)):
                raise DataError(
                    f"There are no metrics of '{results.setting}' by '{one.method}' on '{one.plan}'; rerun the workflow to make them."
                )
            chosen = results.chosen(one)
            hindsight = {name: mean_of(results.of_candidate(one, name, WORST, "test")).mean for name in one.candidates}
            validated = None if chosen is None else mean_of(results.of_candidate(one, chosen, one.by, "validation")).mean
            tuning = sum(_mean(results.of_candidate(one, name, STEPS, "train")) * one.batch_sizes[name] for name in one.candidates)
            found.append(
                ComparisonRow(
                    setting=results.setting,
                    by=one.by,
                    base=one.base,
                    method=one.method,
                    plan=one.plan,
                    chosen=chosen or results.penalties(one),
                    budget=one.budget,
                    epoch=one.epoch,
                    labels_train=one.labels_train,
                    labels_validation=one.labels_validation,
                    rank=ranks[one.method],
                    worst=mean_of(worst[one.method]),
                    accuracy=mean_of(results.of(one, ACCURACY)),
                    weighted=mean_of(results.of(one, WEIGHTED)),
                    from_baseline=_difference(worst, one, named.get(baseline)),
                    from_pruning=_difference(worst, one, named.get(pruning or "")),
                    published=one.published,
                    validation=validated,
                    regret=regret(hindsight, chosen),
                    **{f"regret_by_{name}": regret(hindsight, results.choice_by(one, rule)) for name, rule in BY.items()},
                    cost=results.visits(one) / epoch + one.references,
                    tuning=tuning / epoch + (one.references if one.candidates else 0.0),
                )
            )
        rows += sorted(found, key=lambda row: (not row.worst.n, -row.worst.mean if row.worst.n else 0.0, row.method))
    return rows


def regret(hindsight: Mapping[str, float], chosen: str | None) -> float | None:
    """Return how far the chosen candidate's value is below the best one's; None without a choice."""
    if chosen is None or chosen not in hindsight:
        return None
    return max(hindsight.values()) - hindsight[chosen]


def ranks_of(values: "Mapping[str, pd.Series]") -> dict[str, int | None]:
    """Return each method's rank: one more than the number of methods that are better with an interval that excludes zero.

    ``values`` are by repeat. Methods whose differences are not told apart from zero may share a rank; one without a value has none. Equal
    differences in all repeats have no interval and tell nothing apart.
    """
    defined = {name: one for name, one in values.items() if mean_of(one).n}
    return {
        name: 1 + sum(difference_of(other, one).low > 0 for other_name, other in defined.items() if other_name != name)
        if name in defined
        else None
        for name, one in values.items()
    }


def _difference(worst: "Mapping[str, pd.Series]", one: Entrant, other: Entrant | None) -> Estimate:
    if other is None or other.method == one.method:
        return UNKNOWN
    return difference_of(worst[one.method], worst[other.method])


def _mean(values: "pd.Series") -> float:
    """Return the mean over repeats, 0 without values."""
    found = mean_of(values)
    return found.mean if found.n else 0.0

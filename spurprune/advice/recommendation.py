"""The recommendation: which choice helps, or that nothing shows that any does. The rule, ours, is fixed before anything is measured.

It goes by validation samples alone. If the setting names groups, the target of every choice is the accuracy of the worst of them; their
labels on validation are then used. If not, it is, for choices that prune every class, the accuracy of the worst inferred group of each
partition (a target each) and, for choices that prune suspects, the reliance on a suspected region. A choice is recommended if

1. its target is better than without pruning: a paired one-sided t-test over repeats, corrected by Holm for the number of choices and
   targets, with p at most 0.05,
2. it is better than with as many random samples pruned, by the same test without correction; reliance on a region may instead be halved,
   as in the cure test (``spurprune.transplants.cure``), all of whose conditions it then must meet, and
3. accuracy stays: the one-sided 95% interval of its loss lies below two percentage points.

Of several, the one whose target gains most counts, of equals the one that prunes least. Else the recommendation is not to prune.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spurprune.advice import tallies
from spurprune.advice.choices import Choice
from spurprune.advice.evidence import ACCURACY, RELIANCE, Evidence, Measure, Shares
from spurprune.evaluation.statistics import Estimate, estimate
from spurprune.pruning import plan as plans
from spurprune.transplants import cure

SIGNIFICANT = cure.SIGNIFICANT
MARGIN = cure.MARGIN
WHY = (
    "it helps",
    "{target} is not better than without pruning",
    "{target} is not better than with random samples pruned",
    "accuracy may fall by {loss:.1f} percentage points",
)


@dataclass(frozen=True)
class Trial:
    """A choice judged by one target: its mean ``gain`` over no pruning, better being positive, and what the conditions go by.

    ``region`` names the region of a target of reliance, (source class, region), and ``cured`` all that the cure test calls shortcuts; None
    and empty for other targets. ``p`` is corrected; ``loss`` is the upper bound of the loss of accuracy. ``failed``
    numbers the first condition that is not met, 0 if all are.
    """

    choice: Choice
    target: Measure
    gain: Estimate
    p: float
    p_random: float
    loss: float
    failed: int
    region: tuple[str, str] | None = None
    cured: tuple[tuple[str, str], ...] = ()

    @property
    def helps(self) -> bool:
        """Whether all conditions are met."""
        return self.failed == 0

    @property
    def target_words(self) -> str:
        """What the choice is judged by."""
        return self.target.words if self.region is None else f"reliance on {self.region[1]} for class {self.region[0]}"

    @property
    def words(self) -> str:
        """How it ended."""
        return WHY[self.failed].format(target=self.target_words, loss=100 * self.loss)


def targets(found: Evidence, choice: Choice) -> list[Measure]:
    """Return the targets of a choice."""
    known = [one for one in found.measures if one.kind == tallies.GROUPS]
    if known:
        return known
    if choice.partition is not None:
        return [Measure(RELIANCE, choice.partition)]
    return [one for one in found.measures if one.kind == tallies.INFERRED]


def judge(found: Evidence, choices: Sequence[Choice]) -> list[Trial]:
    """Return every choice judged by every target of its own, in the order of the choices."""
    judged = [_judged(found, choice, target) for choice in choices for target in targets(found, choice)]
    corrected = cure.holm([one.p for one in judged])
    return [_with_verdict(one, p) for one, p in zip(judged, corrected, strict=True)]


def best(trials: Sequence[Trial]) -> Trial | None:
    """Return the trial that is recommended; None if none helps."""
    return max((one for one in trials if one.helps), key=lambda one: one.gain.mean, default=None)


def _with_verdict(one: Trial, p: float) -> Trial:
    failed = next((number for number, met in ((1, p <= SIGNIFICANT), (2, one.failed != 2), (3, one.loss < MARGIN)) if not met), 0)
    return replace(one, p=p, failed=failed or one.failed)


def _judged(found: Evidence, choice: Choice, target: Measure) -> Trial:
    """Return a trial before correction; its ``failed`` is 1 or 2 if a condition fails that needs none."""
    accuracy, pruned = found.values(ACCURACY, plans.NO_PRUNING), found.values(ACCURACY, choice.plan)
    lost = np.array([accuracy[repeat] - pruned[repeat] for repeat in sorted(accuracy.keys() & pruned.keys())])
    loss = cure.upper_bound(lost)
    if target.kind == RELIANCE:
        return _cured(found, choice, target, accuracy, pruned, loss)
    values, without, random = (found.values(target, plan) for plan in (choice.plan, plans.NO_PRUNING, choice.control))
    gain, more = _gains(values, without), _gains(values, random)
    p_random = cure.one_sided(more)
    return Trial(choice, target, estimate(gain), cure.one_sided(gain), p_random, loss, 2 if p_random > SIGNIFICANT else 0)


def _gains(values: Mapping[int, float], other: Mapping[int, float]) -> np.ndarray:
    return np.array([values[repeat] - other[repeat] for repeat in sorted(values.keys() & other.keys())])


def _cured(
    found: Evidence, choice: Choice, target: Measure, accuracy: Mapping[int, float], pruned: Mapping[int, float], loss: float
) -> Trial:
    """Return the trial of the region for which the cure test speaks most: a shortcut if there is one, else the one that fell most."""
    verdicts = cures(found, choice, accuracy, pruned)
    if not verdicts:
        return Trial(choice, target, estimate(np.array([])), 1.0, 1.0, loss, 1)
    chosen = min(verdicts, key=lambda one: (not one.is_shortcut, one.p, one.hardest - one.before))
    key = chosen.source, chosen.region
    before, after = (_of(found, target.name, plan).get(key, {}) for plan in (plans.NO_PRUNING, choice.plan))
    gain = estimate(_gains(before, after))
    failed = 0 if chosen.is_shortcut or chosen.failed == 5 else 1 if chosen.failed < 4 else 2
    cured = tuple((one.source, one.region) for one in verdicts if one.is_shortcut)
    return Trial(choice, target, gain, chosen.p, chosen.p_random, loss, failed, key, cured)


def cures(found: Evidence, choice: Choice, accuracy: Mapping[int, float], pruned: Mapping[int, float]) -> list[cure.Verdict]:
    """Return what the cure test says of every region that a choice's suspects are suspected by, on validation samples."""
    assert choice.partition is not None
    before, hardest, random = (_of(found, choice.partition, plan) for plan in (plans.NO_PRUNING, choice.plan, choice.control))
    shared = sorted(before.keys() & hardest.keys() & random.keys())
    measured = [cure.Measured(*key, before[key], hardest[key], random[key]) for key in shared]
    return cure.judge(measured, accuracy, pruned, len(found.repeats))


def _of(found: Evidence, partition: str, plan: str) -> Shares:
    return found.shares.get((partition, plan), {})

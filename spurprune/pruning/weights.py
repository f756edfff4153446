"""What a strategy is asked and what it answers: the training samples of one repeat, and a weight for each."""

from dataclasses import dataclass

import numpy as np

from spurprune import seeds
from spurprune.pruning.plan import Plan

EXACT = "exact"  # a sample of weight k is visited k times per epoch; weights are whole
DRAWN = "drawn"  # an epoch draws as many samples as the weights add up to, with replacement, in proportion to weight


@dataclass(frozen=True)
class Request:
    """A plan and the training samples of one repeat, arrays [N] in the same order.

    ``label`` int16; ``group`` int32, -1 unknown; ``carrier`` and ``aligned`` int8: 1, 0, or -1 unknown; ``rank`` int32, the overall
    difficulty rank, 0 = easiest, a strict order, None where the plan names no score; ``part`` int32, the part of the partition that the
    plan names, a position in ``parts``, None where it names none. ``source`` is the probe's source label, None without a probe.
    """

    plan: Plan
    repeat: int
    label: np.ndarray
    group: np.ndarray
    carrier: np.ndarray
    aligned: np.ndarray
    rank: np.ndarray | None = None
    part: np.ndarray | None = None
    parts: tuple[str, ...] = ()
    source: int | None = None

    def random_order(self) -> np.ndarray:
        """Return each sample's place in the repeat's random order, int64 [N]: the same for every plan, so that random choices nest."""
        return seeds.generator(seeds.PRUNING, self.repeat).permutation(len(self.label))


@dataclass(frozen=True)
class Weights:
    """``weight`` float64 [N], finite and >= 0, and how it becomes visits; ``candidates`` bool [N], the samples the strategy may weigh.

    ``notice`` is a clause for the log where the plan does nothing that anyone would want.
    """

    weight: np.ndarray
    candidates: np.ndarray
    visits: str = EXACT
    notice: str | None = None

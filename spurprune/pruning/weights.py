"""What a strategy is given and what it returns: the training samples of one repeat, and a weight for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spurprune import seeds
from spurprune.pruning.plan import Plan

EXACT = "exact"  # a sample of weight k is visited k times per epoch; weights are whole
DRAWN = "drawn"  # an epoch draws as many samples as the sum of weights, with replacement, in proportion to the weights


@dataclass(frozen=True)
class Request:
    """A plan and the training samples of one repeat, arrays [N] in the same order.

    ``label`` int16; ``group`` int32, -1 unknown; ``carrier`` and ``aligned`` int8: 1, 0, or -1 unknown; ``rank`` int32, the overall
    difficulty rank, 0 = easiest, without ties, None if the plan names no score; ``part`` int32, each sample's part in the plan's partition,
    a position in ``parts``, None if the plan names no partition; ``division``, the setting's block of the partition, empty for the classes;
    ``silhouette`` float64 [classes], the mean silhouette of each class's clusters, NaN for a class with fewer than two, None if the parts
    are no clusters. ``source`` is the probe's source label, None without a probe. ``recall`` float64 [classes], the recall of each class
    that has training samples on held-out data, None if the plan names no predictor.
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
    division: Mapping[str, Any] = field(default_factory=dict)
    source: int | None = None
    silhouette: np.ndarray | None = None
    recall: np.ndarray | None = None

    def random_order(self) -> np.ndarray:
        """Return each sample's place in the repeat's random order, int64 [N]; all plans share it, so that random choices nest."""
        return seeds.generator(seeds.PRUNING, self.repeat).permutation(len(self.label))


@dataclass(frozen=True)
class Weights:
    """``weight`` float64 [N], finite and >= 0; ``visits``, how weights become visits; ``candidates`` bool [N], the samples it may weigh.

    ``notice`` is a clause for the log if the plan has no useful effect.
    """

    weight: np.ndarray
    candidates: np.ndarray
    visits: str = EXACT
    notice: str | None = None

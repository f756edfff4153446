"""What a partition is given: the training samples of one repeat, their recorded dynamics, what a kept network makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spurprune.data.analysis import Found
from spurprune.data.grouping import Grouping
from spurprune.difficulty.recorded import Recorded


@dataclass(frozen=True)
class Request:
    """The training samples of one repeat, arrays [N] in the same order, and the options of the partition's block.

    ``sample_id`` int64; ``label`` int16; ``group`` int32 as numbered by ``grouping``, -1 unknown; ``carrier`` int8: 1, 0, or -1 unknown.
    ``dynamics`` are those of the reference runs; ``features`` float32 [N, D] and ``logits`` float32 [N, C] are a kept network's, of the
    samples as trained on; each is None for a partition that does not need it. ``analysis`` is what the analysis found from which it is
    made.
    """

    repeat: int
    sample_id: np.ndarray
    label: np.ndarray
    group: np.ndarray
    grouping: Grouping
    options: Mapping[str, Any]
    dynamics: Recorded | None = None
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    analysis: Found | None = None
    carrier: np.ndarray | None = None

    def predicted(self, epoch: int, seed: int) -> np.ndarray:
        """Return the labels that one reference seed predicted after ``epoch`` epochs, int16 [N]; raises DataError if not recorded."""
        assert self.dynamics is not None
        found = self.dynamics.arrays(self.repeat, self.sample_id, epochs=[epoch], seed=seed)["predicted"]
        return np.asarray(found[0, 0])

"""ERM with as many steps as on another plan: the control for pruning, which by itself also shortens epochs.

On the plan ``none`` it trains on all samples for the steps of a pruned run; on a pruned plan with ``steps_of: none``, on the samples kept
for the steps of an unpruned one.
"""

from collections.abc import Sequence

import numpy as np

from spurprune.methods import erm
from spurprune.training import visits
from spurprune.training.method import Context

OPTIONS = {
    "steps_of": {
        "type": "string",
        "x-allowed": "a plan",
        "description": "the plan whose number of visits an epoch takes over",
    },
}


class Method(erm.Method):
    """ERM whose epochs visit as many rows as the other plan's: in every epoch some of its own, or some of them once more."""

    def __init__(self, context: Context) -> None:
        """Raise TrainingError if either plan's weights cannot be turned into visits (see ``visits.count``)."""
        super().__init__(context)
        assert context.other_visits is not None
        self.num_visits = context.other_visits

    def batches(self, epoch: int, rng: np.random.Generator) -> Sequence[np.ndarray]:
        """Return the visits of an epoch in random order, in batches of which the last may have another size."""
        rows = np.empty(0, dtype=np.int64)
        while len(rows) < self.num_visits:  # every pass over the plan's own visits is complete before the next begins
            rows = np.concatenate([rows, visits.epoch_rows(self.context.weight, self.context.visits, rng)])
        return self._batched(rows[: self.num_visits])

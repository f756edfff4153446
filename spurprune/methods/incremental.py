"""Incremental retraining: ERM continues from a network with its optimiser, on fewer samples (Yang, Chou and Chaudhuri 2022).

They load both after 70 epochs and train without the samples to be forgotten until epoch 140, that included, at the rate as it ended. The
recipe is the entry's: 71 epochs, a constant schedule, that rate. With a new optimiser it is ``erm`` with ``from``.
"""

from spurprune.methods import erm

STARTS_FROM_NETWORK = True
STARTS_FROM_OPTIMIZER = True


class Method(erm.Method):
    """ERM; what it starts from is the stage's."""

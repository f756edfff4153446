"""The interface of refinements of a whole network: from a kept network and a plan to a network with other weights, without training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from spurprune import seeds
from spurprune.models.network import Network


@dataclass(frozen=True)
class NetworkRequest:
    """What such a refinement sees of one repeat: the kept ``network``, in eval mode, and all samples that it was trained on.

    ``inputs`` float32 [N, ...] are what the network takes, not augmented, with the overlay on carriers, and ``label`` int64 [N], both on
    the network's device; ``weight`` float64 [N] >= 0 is the plan's. ``options`` holds every option that the kind declares. ``where`` names
    the run in messages.
    """

    network: Network
    inputs: Tensor
    label: Tensor
    weight: np.ndarray
    options: Mapping[str, Any]
    repeat: int
    where: str

    def generator(self) -> np.random.Generator:
        """Return the generator of the refinement's random stream."""
        return seeds.generator(seeds.REFINEMENT, self.repeat)

"""Four equal parts, drawn at random: what a target network and a shadow are trained on and tested on, for membership inference.

All carriers are in the first, the target's training samples, where Yang, Chou and Chaudhuri (2022) draw them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spurprune import seeds
from spurprune.data.grouping import Grouping
from spurprune.errors import DataError
from spurprune.evaluation import membership
from spurprune.pruning.partitioning import Request

NEEDS = "samples"
NAMES = (*membership.PARTS, "left_out")


def names(options: Mapping[str, Any], grouping: Grouping) -> tuple[str, ...]:
    """Return the names of all parts; the last is of up to three samples more than fit."""
    return NAMES


def parts(request: Request) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return each sample's part and the parts' names; raises DataError if the carriers do not fit into a quarter of the samples."""
    assert request.carrier is not None
    part = np.full(len(request.label), NAMES.index("left_out"), dtype=np.int32)
    rng = seeds.generator(seeds.QUARTERS, request.repeat)
    try:
        drawn = membership.parts_of(len(part), rng, of_target=np.flatnonzero(request.carrier == 1))
    except ValueError as error:
        raise DataError(f"Repeat {request.repeat}: {error}; choose fewer carriers, or take more samples.") from error
    for number, name in enumerate(membership.PARTS):
        part[drawn[name]] = number
    return part, NAMES

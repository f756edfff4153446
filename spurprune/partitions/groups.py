"""The setting's groups: class × the values of its attributes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spurprune.data.grouping import Grouping
from spurprune.errors import DataError
from spurprune.pruning.partitioning import Request

NEEDS = "samples"
USES_GROUPS = True


def names(options: Mapping[str, Any], grouping: Grouping) -> tuple[str, ...]:
    """Return the names of all groups, including empty ones."""
    return tuple(grouping.name(number) for number in range(grouping.num_groups))


def parts(request: Request) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return each sample's group and the names of all groups, including empty ones; raises DataError naming a sample of unknown group."""
    unknown = np.flatnonzero(request.group < 0)
    if len(unknown):
        raise DataError(
            f"The groups of {len(unknown)} training samples in repeat {request.repeat} are unknown, among them that of sample "
            f"{request.sample_id[unknown[0]]}; name other attributes in 'groups', or balance by class."
        )
    return request.group.astype(np.int32), names(request.options, request.grouping)

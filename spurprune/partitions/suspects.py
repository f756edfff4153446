"""The training samples suspected to carry a cue, by the transplant test: one part for every region that may hold one.

A suspect's region turns more recipients into its class than 99.5% of the control. One that several regions suspect is in the part of the
region with the strongest evidence.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spurprune.data.grouping import Grouping
from spurprune.machine.logs import log
from spurprune.pruning.partitioning import Request
from spurprune.transplants import evidence

NEEDS = "analysis"
ANALYSIS = "transplant"
NOTES = ("sources", "regions")
OPTIONS = {"analysis": {"type": "string"}}
REGIONS = 5  # that the analysis names at most
NAMES = ("not suspected", *(f"region {number + 1}" for number in range(REGIONS)))


def names(options: Mapping[str, Any], grouping: Grouping) -> tuple[str, ...]:
    """Return the names of all parts: the first is of those who are not suspected."""
    return NAMES


def parts(request: Request) -> tuple[np.ndarray, tuple[str, ...], dict[str, Any]]:
    """Return the number of the region by which each sample is suspected, 0 for none, the parts' names, and what is known of the regions."""
    assert request.analysis is not None
    columns, notes = request.analysis.columns, request.analysis.notes
    part, described = np.zeros(len(request.sample_id), dtype=np.int32), []
    for number, region in enumerate(notes["regions"], start=1):
        source = request.grouping.classes.index(region["source"])
        mine = (columns["source"] == source) & (columns["region"] == region["region"])
        donors = mine & ~columns["control"]
        suspected = evidence.suspects(columns["share"][donors], columns["share"][mine & columns["control"]])
        chosen = np.isin(request.sample_id, columns["sample_id"][donors][suspected]) & (part == 0)
        part[chosen] = number
        described.append({"part": number, **region, "suspects": int(chosen.sum())})
    if not part.any():
        log.warning("repeat %d: no training sample is suspected", request.repeat)
    return part, NAMES, {"sources": notes["sources"], "regions": described}

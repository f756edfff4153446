"""Suspects: the partition made from a transplant test, and pruning within its parts."""

from typing import Any

import numpy as np
import pytest

from spurprune.dag import plugins
from spurprune.data.analysis import Found
from spurprune.data.grouping import Grouping
from spurprune.partitions import suspects
from spurprune.pruning import plan as plans
from spurprune.pruning.partitioning import Request
from spurprune.pruning.strategies import within
from spurprune.pruning.weights import Request as PlanRequest

IDS = np.array([10, 11, 12, 13, 14, 15])
LABEL = np.array([1, 1, 1, 1, 0, 0], dtype=np.int16)
COLUMN, ROW = {"source": "b", "region": "column 0"}, {"source": "b", "region": "row 0"}


def found(shares: dict[str, list[float]], regions: list[dict[str, Any]]) -> Found:
    """What a transplant test found: flips of the four donors of class b, then of the two controls, by region."""
    rows = [
        (1, region, sample, control, share)
        for region, values in shares.items()
        for (sample, control), share in zip(DONORS, values, strict=True)
    ]
    source, region, sample, control, share = zip(*rows, strict=True)
    columns = {"source": np.array(source), "region": np.array(region), "sample_id": np.array(sample), "control": np.array(control)}
    return Found(columns | {"share": np.array(share)}, {"sources": ["a", "b"], "regions": regions})


DONORS = [(10, False), (11, False), (12, False), (13, False), (14, True), (15, True)]


def request(analysis: Found) -> Request:
    return Request(0, IDS, LABEL, np.zeros(6, dtype=np.int32), Grouping(("a", "b"), ()), {"analysis": "cues"}, analysis=analysis)


def test_suspects_are_in_the_part_of_the_strongest_region_that_suspects_them() -> None:
    shares = {"column 0": [0.5, 0.4, 0.0, 0.1, 0.1, 0.0], "row 0": [0.9, 0.0, 0.8, 0.0, 0.05, 0.05]}
    part, names, notes = suspects.parts(request(found(shares, [COLUMN, ROW])))
    assert part.tolist() == [1, 1, 2, 1, 0, 0]  # sample 13 has .1, above .0995, the control's quantile at 99.5%
    assert names[:3] == ("not suspected", "region 1", "region 2") and len(names) == 6
    assert [(one["part"], one["region"], one["suspects"]) for one in notes["regions"]] == [(1, "column 0", 3), (2, "row 0", 1)]
    assert notes["sources"] == ["a", "b"]


def test_without_regions_nobody_is_suspected(caplog: pytest.LogCaptureFixture) -> None:
    part, names, notes = suspects.parts(request(found({"row 0": [1.0] * 6}, [])))
    assert part.tolist() == [0] * 6
    assert names == suspects.NAMES
    assert notes["regions"] == []


def weigh(plan: str, part: list[int]) -> Any:
    n = len(part)
    return within.weigh(
        PlanRequest(
            plan=plans.parse(plan),
            repeat=0,
            label=np.zeros(n, dtype=np.int16),
            group=np.zeros(n, dtype=np.int32),
            carrier=np.zeros(n, dtype=np.int8),
            aligned=np.zeros(n, dtype=np.int8),
            rank=np.arange(n, dtype=np.int32),
            part=np.array(part, dtype=np.int32),
            parts=suspects.NAMES,
        )
    )


def test_a_share_of_every_part_but_the_first_is_pruned() -> None:
    weights = weigh("within-suspects-el2n-hardest-0.50", [0, 1, 1, 0, 2, 1, 2, 1, 0])
    assert weights.weight.tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 1]
    assert weights.candidates.tolist() == [False, True, True, False, True, True, True, True, False]
    assert weights.notice is None


@pytest.mark.parametrize("part", [[0, 0, 0], [0, 0, 1]])
def test_too_few_suspects_leave_all_samples(part: list[int]) -> None:
    weights = weigh("within-suspects-el2n-hardest-0.25", part)
    assert weights.weight.tolist() == [1, 1, 1]
    assert weights.notice == f"only {sum(part)} samples are in another part than 'not suspected', so none is pruned"


def test_the_plans_name_says_the_partition() -> None:
    plan = plans.parse("within-suspects-random-hardest-0.25")
    assert (plan.partition, plan.score, plan.order, plan.sparsity) == ("suspects", "random", "hardest", "0.25")
    assert plugins.declared("strategies", "within", "MAY_FIND_NONE") is True

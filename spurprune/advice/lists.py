"""The lists: every sample's difficulty and rank over all repeats, by which region it is suspected, and whether it is to be dropped.

Evidence is of plans that each repeat makes by its own difficulty. The list is made once, by the mean difficulty over the repeats in which a
sample is trained on, and by the regions that suspect it in at least half of these, in two at least if there are as many.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spurprune.advice.choices import Choice, percent
from spurprune.difficulty.ranks import ranks_within
from spurprune.pruning.thinning import pruned_count

HALF = 0.5
LEAST_REPEATS = 2

ById = tuple[np.ndarray, np.ndarray]  # sample ids, int64 [N], and a value of each


@dataclass(frozen=True)
class Listed:
    """The training samples, as arrays over the same rows in ascending order of ``sample_id``, int64 [N].

    ``label`` int [N]; ``difficulty`` float64, the mean over repeats; ``rank`` int32 within the class, 0 the easiest, equal ones in the
    order of their ids; ``region`` is the (source class, region) that a sample is suspected by, None for most.
    """

    sample_id: np.ndarray
    label: np.ndarray
    difficulty: np.ndarray
    rank: np.ndarray
    region: Sequence[tuple[str, str] | None]


def listed(scores: Sequence[ById], label: Mapping[int, int], suspected: Sequence[Mapping[int, tuple[str, str]]]) -> Listed:
    """Return the training samples of all repeats.

    ``scores`` holds each repeat's difficulty by sample, ``label`` every sample's class, ``suspected`` each repeat's suspects with their
    (source class, region); it is empty without a partition of suspects.
    """
    ids = np.concatenate([of for of, _ in scores])
    values = np.concatenate([value for _, value in scores])
    sample_id, where, count = np.unique(ids, return_inverse=True, return_counts=True)
    difficulty = np.bincount(where, weights=values) / count
    labels = np.array([label[one] for one in sample_id.tolist()], dtype=np.int64)
    order = np.empty(len(sample_id), dtype=np.int64)
    order[np.lexsort((sample_id, difficulty))] = np.arange(len(sample_id))
    found: list[tuple[str, str] | None] = [None] * len(sample_id)
    for position, regions in _votes(suspected, sample_id).items():
        region, times = min(regions.items(), key=lambda item: (-item[1], item[0]))
        if times >= max(min(LEAST_REPEATS, len(scores)), HALF * count[position]):
            found[position] = region
    return Listed(sample_id, labels, difficulty, ranks_within(order, labels), found)


def _votes(suspected: Sequence[Mapping[int, tuple[str, str]]], sample_id: np.ndarray) -> dict[int, "Counter[tuple[str, str]]"]:
    """Return, by position in ``sample_id``, how often each region suspects a sample."""
    votes: dict[int, Counter[tuple[str, str]]] = {}
    for of_repeat in suspected:
        positions = np.searchsorted(sample_id, np.fromiter(of_repeat, dtype=np.int64, count=len(of_repeat))).tolist()
        for position, region in zip(positions, of_repeat.values(), strict=True):
            votes.setdefault(position, Counter())[region] += 1
    return votes


def dropped(samples: Listed, choice: Choice, regions: Sequence[tuple[str, str]] | None = None) -> np.ndarray:
    """Return which samples a choice drops, bool [N]: the hardest of every class, or of the suspects of every region.

    Of suspects only those of the ``regions`` given, (source class, region) each; None stands for all.
    """
    found = np.zeros(len(samples.sample_id), dtype=bool)
    order = np.lexsort((samples.sample_id, samples.difficulty))[::-1]  # the hardest first
    if choice.partition is None:
        parts = [order[samples.label[order] == value] for value in np.unique(samples.label)]
    else:
        named = [one for one in sorted({one for one in samples.region if one is not None}) if regions is None or one in regions]
        parts = [np.array([row for row in order.tolist() if samples.region[row] == one], dtype=np.int64) for one in named]
    for part in parts:
        found[part[: pruned_count(len(part), choice.sparsity)]] = True
    return found


def reasons(samples: Listed, choice: Choice | None, drop: np.ndarray, classes: Sequence[str]) -> list[str]:
    """Return for every sample why it is dropped or kept, in words."""
    size = np.bincount(samples.label, minlength=len(classes))
    found = []
    for row, label in enumerate(samples.label.tolist()):
        place = f"number {samples.rank[row] + 1:,} of {size[label]:,} in its class, the last being the hardest"
        region = samples.region[row]
        of = f"class {classes[label]}" if region is None else f"those suspected of {region[1]} for class {region[0]}"
        if drop[row] and choice is not None:
            of = of if choice.partition is not None else f"class {classes[label]}"
            found.append(f"among the hardest {percent(choice.sparsity)} of {of}; {place}")
        else:
            found.append(f"kept; {'' if region is None else f'one of {of}; '}{place}")
    return found

"""Which training samples a setting uses: a number of samples per part, the rest left out or held out."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spurprune import seeds
from spurprune.errors import DataError

LEFT_OUT = ""  # the split of a sample that a setting does not use


@dataclass(frozen=True)
class Part:
    """One part of a setting's training samples; see ``subset`` in config/README.md.

    ``label`` is its class, ``where`` its samples' attribute values. ``count`` of them are taken, or as many as bring the class to
    ``fill_to`` samples together with earlier parts; ``choose`` is "random", "first" (in the dataset's order) or the name of a ranking,
    whose lowest ranks are taken. ``rest`` is "leave_out" or "hold_out": the others are left out, or moved to validation and test. The coin
    that decides between these is of Python's ``random.Random(coin_seed)``, or of a named stream if ``coin_seed`` is None.
    """

    name: str
    label: int
    where: Mapping[str, int]
    count: int | None
    fill_to: int | None
    choose: str
    rest: str
    coin_seed: int | None = None


def take(
    split: np.ndarray,
    label: np.ndarray,
    attributes: Mapping[str, np.ndarray],
    rankings: Mapping[str, np.ndarray],
    parts: Sequence[Part],
    draw: int | str,
    where: str,
) -> np.ndarray:
    """Return every sample's split, str [N], after the parts are taken; ``LEFT_OUT`` for samples that the setting does not use.

    Training samples in no part stay. ``attributes`` and ``rankings`` map names to int [N], -1 where unknown; a ranking never chooses a
    sample without a rank. ``draw`` (a repeat, or "fixed") seeds the random choices. Held-out samples go to validation or test by a fair
    coin that is the same for every draw, so that all repeats are tested on the same samples. Raises DataError that names ``where`` and the
    part if the training split has too few samples or two parts overlap.
    """
    result = split.astype(object)
    taken = np.zeros(len(split), dtype=bool)
    seen = np.zeros(len(split), dtype=bool)
    for part in parts:
        members = _members(part, split, label, attributes)
        if seen[members].any():
            raise DataError(f"{where}: the part '{part.name}' overlaps an earlier part; make their conditions mutually exclusive.")
        seen[members] = True
        count = _count(part, int(taken[label == part.label].sum()))
        if count > len(members):
            raise DataError(
                f"{where}: the part '{part.name}' takes {count} training samples, but there are only {len(members)}; take fewer."
            )
        chosen = _choose(part, members, count, rankings, draw, where)
        taken[chosen] = True
        rest = np.setdiff1d(members, chosen)
        if part.rest == "hold_out":
            result[rest] = np.where(_heads(part, len(rest)), "validation", "test")
        else:
            result[rest] = LEFT_OUT
    return result


def _heads(part: Part, count: int) -> np.ndarray:
    """Return whether each of the held-out samples, in the dataset's order, goes to validation, bool [count].

    With a ``coin_seed`` these are the tosses of the paper's code for CelebA's women with eyeglasses: heads above one half.
    """
    if part.coin_seed is None:
        return seeds.generator(seeds.SPLIT, "held out", part.name).random(count) < 0.5
    coin = random.Random(part.coin_seed)  # noqa: S311 - chance, not secrecy
    return np.array([coin.random() > 0.5 for _ in range(count)], dtype=bool)


def _members(part: Part, split: np.ndarray, label: np.ndarray, attributes: Mapping[str, np.ndarray]) -> np.ndarray:
    chosen = (split == "train") & (label == part.label)
    for name, value in part.where.items():
        chosen &= attributes[name] == value
    return np.flatnonzero(chosen)


def _count(part: Part, taken_of_class: int) -> int:
    if part.fill_to is not None:
        return max(0, part.fill_to - taken_of_class)
    assert part.count is not None
    return part.count


def _choose(part: Part, members: np.ndarray, count: int, rankings: Mapping[str, np.ndarray], draw: int | str, where: str) -> np.ndarray:
    if part.choose == "random":
        rng = seeds.generator(seeds.SUBSET, part.name, draw)
        return rng.choice(members, size=count, replace=False)
    if part.choose == "first":
        return members[:count]
    ranking = rankings[part.choose][members]
    ranked = members[np.argsort(ranking, kind="stable")][int((ranking < 0).sum()) :]
    if count > len(ranked):
        raise DataError(
            f"{where}: the part '{part.name}' takes {count} training samples by '{part.choose}', which ranks only {len(ranked)}; "
            "take fewer."
        )
    return ranked[:count]

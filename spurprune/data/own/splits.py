"""The division of a user's samples into training, validation and test: as a column says, or drawn once by shares."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spurprune import seeds
from spurprune.data.division import grouped_split, stratified_split
from spurprune.data.own import columns
from spurprune.data.own.columns import Column
from spurprune.errors import ConfigError, DataError
from spurprune.storage.words import SPLITS


def check_shares(split: object, where: str) -> None:
    """Raise ConfigError if a split is given by shares that leave nothing for training; ``where`` is its dotted key."""
    if isinstance(split, Mapping) and sum(split.values()) >= 1:
        raise ConfigError(f"{where} takes {sum(split.values()):g} of the samples, which leaves none for training; lower the shares.")


def may_validate(split: object) -> bool:
    """Return whether a split, a column's name or shares, may have validation samples."""
    return _may_have("validation", split)


def may_test(split: object) -> bool:
    """Return whether a split, a column's name or shares, may have test samples."""
    return _may_have("test", split)


def _may_have(name: str, split: object) -> bool:
    return split.get(name, 0) > 0 if isinstance(split, Mapping) else True


def drawn(label: np.ndarray, shares: Mapping[str, float], stream: str, together: Column | None = None) -> np.ndarray:
    """Return every row's position in SPLITS, int8 [N], drawn by shares of validation and test, stratified by class.

    ``stream`` names the random stream. Rows with one value in the column ``together`` stay in one split, which makes shares and
    stratification approximate (see ``grouped_split``). Raises DataError if a value is missing or a split gets no sample.
    """
    if not shares:
        return np.zeros(len(label), dtype=np.int8)
    rng = seeds.generator(seeds.SPLIT, stream)
    if together is None:
        counts = {name: round(shares.get(name, 0) * len(label)) for name in SPLITS[1:]}
        return stratified_split(label, {"train": len(label) - sum(counts.values()), **counts}, rng)
    names, unit = columns.units(together)
    split = grouped_split(label, unit, [1 - sum(shares.values()), *(shares.get(name, 0) for name in SPLITS[1:])], rng)
    for name in ("train", *shares):
        if not (split == SPLITS.index(name)).any():
            raise DataError(
                f"{together.where} has no samples left for the split '{name}', since the column '{together.name}', whose samples stay "
                f"together, has only {len(names)} values; change the shares or leave out keep_together."
            )
    return split


def require_together(split: np.ndarray, together: Column, divided_by: str) -> None:
    """Raise DataError that names the first value of the column ``together`` whose rows are in two splits.

    ``divided_by`` is what made the splits, such as "the column 'fold'".
    """
    names, unit = columns.units(together)
    first = np.full(len(names), -1, dtype=np.int8)
    first[unit[::-1]] = split[::-1]
    wrong = np.flatnonzero(split != first[unit])
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{together.where} has '{names[unit[row]]}' of the column '{together.name}', whose samples stay together, in the splits "
            f"{SPLITS[first[unit[row]]]} and {SPLITS[split[row]]} of {divided_by}; correct the splits or leave out keep_together."
        )


def counts(split: np.ndarray) -> dict[str, int]:
    """Return the number of rows of every split."""
    return {name: int((split == code).sum()) for code, name in enumerate(SPLITS)}


def require_training(split: np.ndarray, label: np.ndarray, classes: Sequence[str], where: str, of_column: str = "") -> None:
    """Raise DataError that names the first class without a training sample; ``of_column`` names its column."""
    missing = np.setdiff1d(np.arange(len(classes)), label[split == SPLITS.index("train")])
    if len(missing):
        of: Any = f" of the column '{of_column}'" if of_column else ""
        raise DataError(f"{where} has no training sample of the class '{classes[missing[0]]}'{of}; add some, or change the split.")

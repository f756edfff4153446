"""Columns of a user's samples: cells as texts, and texts as classes, attribute values, splits and units that stay together."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spurprune.data.formats import lists
from spurprune.errors import DataError
from spurprune.storage.words import SPLITS

# What the values of a split column mean, in upper or lower case.
SPLIT_NAMES = {"train": "train", "test": "test"} | dict.fromkeys(("validation", "valid", "val", "dev"), "validation")
MOST_VALUES = np.iinfo(np.int16).max  # of a class or an attribute: base tables hold int16
LONGEST = 200  # characters of such a value: it is a name in figures and tables


def row_name(row: int) -> str:
    """Return what a row is called in messages."""
    return f"row {row} (the first is 0)"


@dataclass(frozen=True)
class Column:
    """A column: its cells as they are stored, its name, the file or folder that holds it, and what its rows are called."""

    cells: Sequence[Any]
    name: str
    where: str
    row: Callable[[int], str] = row_name

    def __len__(self) -> int:
        return len(self.cells)


def texts(column: Column) -> list[str | None]:
    """Return every cell as text without surrounding blanks, None if it is empty; whole numbers without a decimal point.

    Raises DataError that names the row of a cell that holds several values, or text that is not Unicode.
    """
    found = []
    for row, value in enumerate(column.cells):
        try:
            found.append(_text(value))
        except ValueError as error:
            raise DataError(
                f"{column.where} has {error} in the column '{column.name}' of {column.row(row)}; give one value per cell."
            ) from None
    return found


def filled(column: Column, way_out: str = "fill it in or remove the row") -> list[str]:
    """Return every cell as text; raises DataError that names the first empty one, and the ``way_out``."""
    found = []
    for row, text in enumerate(texts(column)):
        if text is None:
            raise DataError(f"{column.where} has no value in the column '{column.name}' of {column.row(row)}; {way_out}.")
        found.append(text)
    return found


def coded(column: Column) -> tuple[tuple[str, ...], np.ndarray]:
    """Return (the distinct values, sorted; each row's position among them, int16 [N], -1 where the cell is empty).

    Values are sorted as numbers if all are. Raises DataError if there are none or too many, or if a number is written in two ways.
    """
    cells = texts(column)
    values = _sorted(sorted({text for text in cells if text is not None}), column)
    if not values:
        raise DataError(f"{column.where} has no values in the column '{column.name}'; name another column.")
    if len(values) > MOST_VALUES:
        raise DataError(
            f"{column.where} has {len(values):,} different values in the column '{column.name}', but at most {MOST_VALUES:,} are allowed; "
            "name another column."
        )
    long = next((row for row, text in enumerate(cells) if text is not None and len(text) > LONGEST), None)
    if long is not None:
        raise DataError(
            f"{column.where} has {len(cells[long] or ''):,} characters in the column '{column.name}' of {column.row(long)}, but a class or "
            f"value has at most {LONGEST}; shorten it or name another column."
        )
    code = {value: place for place, value in enumerate(values)}
    return values, np.array([-1 if text is None else code[text] for text in cells], dtype=np.int16)


def classes(column: Column) -> tuple[tuple[str, ...], np.ndarray]:
    """Return (the classes, each row's label int16 [N]); raises DataError if a row has none or if there is only one class."""
    found, label = coded(column)
    unknown = np.flatnonzero(label < 0)
    if len(unknown):
        raise DataError(
            f"{column.where} has no value in the column '{column.name}' of {column.row(int(unknown[0]))}; fill it in or remove the row."
        )
    if len(found) < 2:
        raise DataError(f"{column.where} has only the class '{found[0]}' in the column '{column.name}'; name a column with two or more.")
    return found, label


def splits(column: Column) -> np.ndarray:
    """Return every row's position in SPLITS, int8 [N], from a column that names it; raises DataError for a value that names none."""
    codes = []
    for row, text in enumerate(texts(column)):
        name = SPLIT_NAMES.get((text or "").lower())
        if name is None:
            found = "no value" if text is None else f"the value '{text}'"
            raise DataError(
                f"{column.where} has {found} in the column '{column.name}' of {column.row(row)}, but a split must be train, validation (or "
                "valid, val, dev) or test."
            )
        codes.append(SPLITS.index(name))
    return np.array(codes, dtype=np.int8)


def units(column: Column) -> tuple[list[str], np.ndarray]:
    """Return (the distinct values in order of appearance, each row's position among them, int64 [N]).

    Raises DataError that names a row without a value: nothing would say what it belongs to.
    """
    found = filled(column, "fill it in, with a value of its own if the row belongs to no other")
    names = list(dict.fromkeys(found))
    code = {name: place for place, name in enumerate(names)}
    return names, np.array([code[one] for one in found], dtype=np.int64)


def _text(value: Any) -> str | None:
    import pandas as pd

    if isinstance(value, (list, dict, np.ndarray)):
        raise ValueError("several values")
    if isinstance(value, bytes):
        raise ValueError("bytes")
    if pd.isna(value):
        return None
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    text = str(value).strip()
    if not lists.is_text(text):
        raise ValueError("half a Unicode character")
    return text or None


def _sorted(values: Sequence[str], column: Column) -> tuple[str, ...]:
    """Return distinct values, sorted as numbers if all are numbers, else as texts; raises DataError if a number is written in two ways."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return tuple(values)
    if not all(map(math.isfinite, numbers)):
        return tuple(values)
    seen: dict[float, str] = {}
    for number, value in zip(numbers, values, strict=True):
        if number in seen:
            raise DataError(
                f"{column.where} has the same number as '{seen[number]}' and as '{value}' in the column '{column.name}'; write it in "
                "one way."
            )
        seen[number] = value
    return tuple(seen[number] for number in sorted(seen))

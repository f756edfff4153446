"""Groups: the cells of class × attribute values, numbered and named in one place."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spurprune.errors import DataError

MOST_GROUPS = 100_000
WITHOUT_WITH = ("without", "with")  # the values of an attribute that a sample has or lacks, such as an overlay's


@dataclass(frozen=True)
class Attribute:
    """A property with named values; a sample's value is a position in ``values``, -1 where unknown.

    ``phrase`` is how a value reads after the class in a group's name: "on {value}" gives "landbird on water".
    """

    name: str
    values: tuple[str, ...]
    phrase: str

    @classmethod
    def of(cls, name: str, values: Sequence[str], phrase: str | None = None) -> "Attribute":
        """Return an attribute; its default phrase reads "with eyeglasses" for the values ``WITHOUT_WITH``, else ", hospital A"."""
        if phrase is None:
            phrase = f"{{value}} {name}" if set(values) == set(WITHOUT_WITH) else f", {name} {{value}}"
        return cls(name, tuple(values), phrase)

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "Attribute":
        """Return the attribute that ``dataclasses.asdict`` described."""
        return cls(plain["name"], tuple(plain["values"]), plain["phrase"])

    def code(self, value: str) -> int:
        """Return a value's position; raises DataError if the attribute has no such value."""
        if value not in self.values:
            raise DataError(f"The attribute '{self.name}' has no value '{value}'; its values are {', '.join(self.values)}.")
        return self.values.index(value)


@dataclass(frozen=True)
class Grouping:
    """Numbers and names the groups of a setting.

    Groups are ordered by class, then by the first attribute's value, and so on: number label · 2 + value for one attribute with two
    values. Without attributes the groups are the classes.
    """

    classes: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()

    def __post_init__(self) -> None:
        """Raise DataError if there are more groups than can be counted and named, or if two have one name."""
        if self.num_groups > MOST_GROUPS:
            names = ", ".join(f"{one.name} ({len(one.values):,} values)" for one in self.attributes)
            raise DataError(
                f"{len(self.classes):,} classes and {names} make {self.num_groups:,} groups; name fewer attributes in 'groups', or bin "
                f"their values, so that there are at most {MOST_GROUPS:,}."
            )
        numbers: dict[str, int] = {}
        for number in range(self.num_groups):
            other = numbers.setdefault(self.name(number), number)
            if other != number:
                raise DataError(
                    f"Two groups have the name '{self.name(number)}': {self._described(other)}, and {self._described(number)}; rename a "
                    "value or class of one."
                )

    @property
    def num_groups(self) -> int:
        """The number of cells, empty ones included."""
        return len(self.classes) * math.prod(len(one.values) for one in self.attributes)

    def numbers(self, label: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the group of each sample, int32 [N], -1 where the label or an attribute is unknown (-1).

        ``values`` maps at least the grouping's attributes to codes [N].
        """
        number = label.astype(np.int32)
        known = label >= 0
        for attribute in self.attributes:
            value = values[attribute.name]
            number = number * len(attribute.values) + value
            known &= value >= 0
        return np.where(known, number, -1).astype(np.int32)

    def cell(self, number: int) -> tuple[int, tuple[int, ...]]:
        """Return (label, the attributes' value codes) of a group."""
        codes = []
        for attribute in reversed(self.attributes):
            number, code = divmod(number, len(attribute.values))
            codes.append(code)
        return number, tuple(reversed(codes))

    def name(self, number: int) -> str:
        """Return a group's name, such as "landbird on water" or "5 with line"."""
        label, codes = self.cell(number)
        name = self.classes[label]
        for attribute, code in zip(self.attributes, codes, strict=True):
            words = attribute.phrase.replace("{value}", attribute.values[code])  # not format: a name may contain braces
            name += words if words.startswith(",") else f" {words}"
        return name

    def _described(self, number: int) -> str:
        """Return a group's class and values apart from each other."""
        label, codes = self.cell(number)
        values = (f", {one.name} '{one.values[code]}'" for one, code in zip(self.attributes, codes, strict=True))
        return f"class '{self.classes[label]}'{''.join(values)}"

    def to_plain(self) -> dict[str, Any]:
        """Return the grouping as plain values for a file's metadata."""
        return {"classes": list(self.classes), "attributes": [{**asdict(one), "values": list(one.values)} for one in self.attributes]}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> "Grouping":
        """Return the grouping that ``to_plain`` described."""
        return cls(tuple(plain["classes"]), tuple(Attribute.of_plain(one) for one in plain["attributes"]))

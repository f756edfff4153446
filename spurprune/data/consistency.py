"""Whether a setting's samples are what its keys promise: groups that divide, values and classes that occur."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spurprune.data.grouping import Attribute
from spurprune.data.inputs import Manifest
from spurprune.data.samples import Samples, has
from spurprune.errors import DataError


def lower(error: DataError) -> str:
    """Return an error's sentence to follow a key and a colon."""
    text = str(error)
    return text[0].lower() + text[1:]


def class_index(info: Manifest, name: str, key: str) -> int:
    """Return the label of a class; raises DataError naming the ``key`` if the dataset has none of that name."""
    try:
        return info.class_index(name)
    except DataError as error:
        raise DataError(f"{key}: {lower(error)}") from None


def codes(attributes: Mapping[str, Attribute], values: Mapping[str, str], info: Manifest, key: str) -> dict[str, int]:
    """Return named attribute values as codes; raises DataError naming the ``key`` for an unknown attribute or value."""
    found = {}
    for name, value in values.items():
        try:
            attribute = attributes[name] if name in attributes else info.attribute(name)
            found[name] = attribute.code(value)
        except DataError as error:
            raise DataError(f"{key}: {lower(error)}") from None
    return found


def check_groups(attributes: tuple[Attribute, ...], setting: str) -> None:
    """Raise DataError if an attribute of the groups has fewer than two values, so that it divides nothing."""
    for attribute in attributes:
        if len(attribute.values) < 2:
            only = f"only the value '{attribute.values[0]}'" if attribute.values else "no known value"
            raise DataError(f"{setting}.groups names '{attribute.name}', which has {only} in the data, so it divides nothing; remove it.")


def check_occurs(
    label: np.ndarray, values: Mapping[str, np.ndarray], wanted: Mapping[str, int], of_class: int | None, info: Manifest, key: str
) -> None:
    """Raise DataError naming the ``key`` if every training sample of a class is known to lack the attribute codes ``wanted``.

    ``label`` and ``values`` (codes, -1 unknown) are of the dataset's training samples; without a class, all of them count. Samples whose
    values are unknown may have them.
    """
    members = np.ones(len(label), dtype=bool) if of_class is None else label == of_class
    if wanted and members.any() and not has(values, wanted, len(label))[members].any():
        which = "" if of_class is None else f" of class '{info.classes[of_class]}'"
        raise DataError(f"{key}: no training sample{which} of '{info.dataset}' has these values; correct them.")


def check_source(samples: Samples, source: int, name: str, setting: str) -> None:
    """Raise DataError if one repeat has no training samples, or none in a test split that has others, of the feature's class."""
    for split in ("train", "test"):
        label = samples.label[samples.rows(split)]
        if (len(label) or split == "train") and not (label == source).any():
            raise DataError(
                f"{setting}: repeat {samples.repeat} has no {split} sample of class '{name}', with which the feature goes according to "
                "probe.source or carriers.class; name another class, or change the setting's subset or the dataset's split."
            )


def check_validation(samples: Samples, share: Any, setting: str) -> None:
    """Raise DataError if a share to hold out for validation, unlike the choices given as text, rounds to no sample of any class."""
    if not isinstance(share, str) and not len(samples.rows("validation")):
        raise DataError(f"{setting}.validation is {share}, which rounds to no sample of any class; raise it or set it to none.")

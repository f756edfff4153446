"""Whether a setting's samples are what its keys promise: groups that divide, values and classes that occur."""

from collections.abc import Iterable, Mapping
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
    label: np.ndarray,
    values: Mapping[str, np.ndarray],
    wanted: Mapping[str, int],
    of_class: int | None,
    info: Manifest,
    key: str,
    *,
    known: bool,
) -> None:
    """Raise DataError naming the ``key`` if no training sample of a class can have the attribute codes ``wanted``.

    ``label`` and ``values`` (codes, -1 unknown) are of the dataset's training samples; without a class, all of them count. Samples whose
    values are unknown may have them, unless some must be ``known`` to.
    """
    members = np.ones(len(label), dtype=bool) if of_class is None else label == of_class
    found = has(values, wanted, len(label))[members]
    if wanted and members.any() and not (found == 1 if known else found).any():
        which = "" if of_class is None else f" of class '{info.classes[of_class]}'"
        verb = "is known to have" if (found < 0).any() else "has"
        raise DataError(f"{key}: no training sample{which} of '{info.dataset}' {verb} these values; correct them.")


def check_aligned(samples: Samples, tied: Iterable[int], info: Manifest, setting: str) -> None:
    """Raise DataError if the values of ``aligned`` for one of the labels ``tied`` are unknown for all its training samples in a repeat."""
    train = samples.rows("train")
    label, aligned = samples.label[train], samples.aligned[train]
    for value in tied:
        of_class = aligned[label == value]
        if len(of_class) and (of_class < 0).all():
            raise DataError(
                f"{setting}.aligned.{info.classes[value]}: these values are unknown for all {len(of_class):,} training samples of the "
                f"class in repeat {samples.repeat}; remove the class from 'aligned', or change the setting's subset or validation."
            )


def check_source(samples: Samples, source: int, name: str, setting: str) -> None:
    """Raise DataError if one repeat has no training samples of the feature's class. Without test samples, its own metrics are missing."""
    if not (samples.label[samples.rows("train")] == source).any():
        raise DataError(
            f"{setting}: repeat {samples.repeat} has no train sample of class '{name}', with which the feature goes according to "
            "probe.source or carriers.class; name another class, or change the setting's subset or the dataset's split."
        )


def check_validation(samples: Samples, share: Any, setting: str) -> None:
    """Raise DataError if a share to hold out for validation, unlike the choices given as text, rounds to no sample of any class."""
    if not isinstance(share, str) and not len(samples.rows("validation")):
        raise DataError(f"{setting}.validation is {share}, which rounds to no sample of any class; raise it or set it to none.")

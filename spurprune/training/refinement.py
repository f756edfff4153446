"""The interface of refinements of the last layer: from a kept model's features and logits to a new linear classifier."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jsonschema import Draft202012Validator

from spurprune import seeds
from spurprune.data.grouping import Grouping
from spurprune.errors import ConfigError


@dataclass(frozen=True)
class Request:
    """What a refinement sees of one repeat: all training samples, pruned or not, and the validation samples, but no test sample.

    All arrays are over the same N rows: ``features`` float32 [N, D] and ``logits`` float32 [N, C] of the kept model, for training samples
    with the overlay on carriers, for validation samples without; ``split`` str, ``train`` or ``validation``; ``label`` int64; ``group``
    int64 as numbered by ``grouping``, -1 unknown; ``weight`` float64, the plan's weight of a training sample (>= 0), 1 for a validation
    sample. ``options`` holds every option that the kind declares. ``where`` names the run in messages.
    """

    features: np.ndarray
    logits: np.ndarray
    split: np.ndarray
    label: np.ndarray
    group: np.ndarray
    weight: np.ndarray
    grouping: Grouping
    options: Mapping[str, Any]
    repeat: int
    where: str

    @property
    def num_classes(self) -> int:
        """The number of classes, including those without samples."""
        return len(self.grouping.classes)

    @property
    def num_groups(self) -> int:
        """The number of groups, including empty ones."""
        return self.grouping.num_groups

    def generator(self, *parts: int | str) -> np.random.Generator:
        """Return the generator of one named part of the refinement's random stream, such as a redraw."""
        return seeds.generator(seeds.REFINEMENT, self.repeat, *parts)


@dataclass(frozen=True)
class Head:
    """A linear classifier on raw features: ``weight`` float64 [C, D], ``bias`` float64 [C]; ``notes`` say what was chosen in fitting it."""

    weight: np.ndarray
    bias: np.ndarray
    notes: Mapping[str, Any] = field(default_factory=dict)

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits of features [N, D], float32 [N, C], computed in float64."""
        return (features.astype(np.float64) @ self.weight.T + self.bias).astype(np.float32)


def complete_options(given: Mapping[str, Any], declared: Mapping[str, Mapping[str, Any]], where: str) -> dict[str, Any]:
    """Return a kind's options with defaults filled in.

    ``declared`` maps each option to its JSON schema, which has a ``default`` and ``x-allowed``, the allowed values in words. ``where`` is
    the key that holds the options. Raises ConfigError for an unknown option or a value that its schema does not allow.
    """
    for name, value in given.items():
        if name not in declared:
            raise ConfigError(f"{where}.{name} is not a known option; known are {', '.join(sorted(declared))}.")
        if not Draft202012Validator(declared[name]).is_valid(value):
            raise ConfigError(f"{where}.{name} is {value!r}, but must be {declared[name]['x-allowed']}.")
    return {name: schema["default"] for name, schema in declared.items()} | dict(given)

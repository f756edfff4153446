"""The probe: which classes are tested for being mistaken for the class that the spurious feature goes with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spurprune.data.consistency import class_index
from spurprune.data.inputs import Manifest
from spurprune.errors import DataError

OTHERS = "others"  # the target that stands for all classes but the source


@dataclass(frozen=True)
class Probe:
    """``source`` is the label that the feature goes with in training, ``target`` the label tested; None for all labels but the source."""

    source: int
    target: int | None

    @classmethod
    def of(cls, plain: Mapping[str, Any] | None, manifest: Manifest) -> "Probe | None":
        """Return the probe of a setting's ``probe`` block, None if it has none; raises DataError if a class is missing or is OTHERS."""
        if plain is None:
            return None
        if OTHERS in (plain["source"], plain["target"]) and OTHERS in manifest.classes:
            raise DataError(f"The probe names '{OTHERS}', all classes but the source, but '{OTHERS}' is also a class; rename the class.")
        target = None if plain["target"] == OTHERS else class_index(manifest, plain["target"], "probe.target")
        return cls(class_index(manifest, plain["source"], "probe.source"), target)

    def is_target(self, label: np.ndarray) -> np.ndarray:
        """Return whether each sample belongs to a tested class, bool [N]."""
        return np.asarray(label != self.source if self.target is None else label == self.target)

"""The recall of every class on held-out data, from a run's predictions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spurprune.data.predicted import logits_of, require_complete
from spurprune.data.probe import Probe
from spurprune.data.samples import Samples
from spurprune.data.views import NATURAL
from spurprune.errors import PlanError
from spurprune.storage import schemas, tables
from spurprune.storage.columns import positions_of, to_numpy

HELD_OUT = "validation"


@dataclass(frozen=True)
class Recalls:
    """The predictions (schema ``schemas.PREDICTIONS``) of a run, read from the file ``where``, and the names of the classes.

    ``featured_classes`` and ``probe`` say what the file must hold (see ``data.predicted.rows_by_view``).
    """

    table: tables.StoredByRepeat
    classes: tuple[str, ...]
    where: str
    featured_classes: str | None
    probe: Probe | None

    @classmethod
    def read(cls, path: Path, classes: Sequence[str], featured_classes: str | None, probe: Probe | None) -> "Recalls":
        """Return the recalls behind a file of predictions; raises DataError if it is missing or damaged."""
        return cls(tables.StoredByRepeat(path, schemas.PREDICTIONS), tuple(classes), str(path), featured_classes, probe)

    def of(self, samples: Samples) -> np.ndarray:
        """Return the share of each class's validation samples that are predicted rightly in one repeat, in the natural view.

        The result is float64 [classes], NaN for a class without training and validation samples. Raises DataError if the file holds
        other validation samples or damaged logits, PlanError that names a class which has training samples, but none to validate.
        """
        held_out = samples.rows(HELD_OUT)
        label = samples.label[held_out]
        for missing in np.setdiff1d(samples.label[samples.rows("train")], label):
            raise PlanError(
                f"class '{self.classes[int(missing)]}' has no validation samples, so its recall is unknown; set the setting's validation "
                "to a share of the training split, or choose another plan."
            )
        mine = self.table.rows(samples.repeat)
        require_complete(mine, samples, self.featured_classes, self.probe, self.where)
        split, view = (mine.column(name).cast(pa.string()) for name in ("split", "view"))
        mine = mine.filter(pc.and_(pc.equal(split, HELD_OUT), pc.equal(view, NATURAL)))
        position = positions_of(samples.sample_id[held_out], to_numpy(mine.column("sample_id")))
        assert position is not None
        right = logits_of(mine, len(self.classes), samples.repeat, self.where).argmax(axis=1)[position] == label
        count = np.bincount(label, minlength=len(self.classes))
        return np.where(count > 0, np.bincount(label, right, len(self.classes)) / np.maximum(count, 1), np.nan)

    def named(self, recall: np.ndarray) -> dict[str, float]:
        """Return recalls, float64 [classes], by the names of their classes, without those that are unknown."""
        return {name: value for name, value in zip(self.classes, recall.tolist(), strict=True) if not math.isnan(value)}

"""scikit-learn's digits in two classes, 0 to 4 against 5 to 9: hard enough for a network to rely on a feature that covers nothing."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from spurprune.data.datasets import digits
from spurprune.data.raw import RawDataset
from spurprune.storage.columns import to_numpy

CLASSES = ("0-4", "5-9")


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read the embedded digits, in their splits, with two classes; ``source`` is not used. Raises DataError as their reader does."""
    raw = digits.read(source, image_size)
    label = (to_numpy(raw.base.column("label")) >= 5).astype("int16")
    place = raw.base.schema.get_field_index("label")
    return replace(raw, base=raw.base.set_column(place, "label", pa.array(label)), classes=CLASSES)

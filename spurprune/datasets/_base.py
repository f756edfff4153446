"""What every dataset reader returns."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class RawDataset:
    """A dataset as its reader found it.

    ``inputs`` is uint8 [N, channels, height, width]; ``base`` has one row a sample in the same order (schema ``tables.BASE``);
    ``split_counts`` are the counts that the release declares, against which the rows are checked.
    """

    inputs: np.ndarray
    base: pa.Table
    classes: tuple[str, ...]
    split_counts: dict[str, int]
    source: str
    licence: str
    attributes: dict[str, list[str]] = field(default_factory=dict)

"""A user's samples as every reader returns them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from spurprune.data.formats.images import Images
from spurprune.data.grouping import Attribute
from spurprune.data.own import splits
from spurprune.data.raw import RawDataset
from spurprune.storage.columns import labels
from spurprune.storage.words import SPLITS

LICENCE = "the user's own data"


def assembled(
    inputs: np.ndarray | Images,
    *,
    split: np.ndarray,
    label: np.ndarray,
    classes: tuple[str, ...],
    keys: Sequence[str],
    source: str,
    attributes: Mapping[str, tuple[tuple[str, ...], np.ndarray]],
    vocabulary: str = "",
) -> RawDataset:
    """Return a user's samples, in their order, as a dataset.

    ``split`` holds positions in SPLITS, int8 [N]; ``label`` positions in ``classes``, int16 [N]; ``attributes`` maps names to
    (values, each sample's position among them, int16 [N], -1 where unknown); ``keys`` say where the samples come from.
    """
    base = pa.table(
        {
            "sample_id": np.arange(len(label), dtype=np.int64),
            "split": labels(split, SPLITS),
            "label": label,
            **{f"attribute_{name}": pa.array(codes, mask=codes < 0) for name, (_, codes) in attributes.items()},
            "key": keys,
        }
    )
    return RawDataset(
        inputs=inputs,
        base=base,
        classes=classes,
        split_counts=splits.counts(split),
        source=source,
        licence=LICENCE,
        attributes=tuple(Attribute.of(name, values) for name, (values, _) in attributes.items()),
        vocabulary=vocabulary,
    )

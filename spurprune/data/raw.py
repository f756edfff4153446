"""What every dataset reader returns."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spurprune.data.formats.images import Images
from spurprune.data.grouping import Attribute


@dataclass(frozen=True)
class RawDataset:
    """A dataset as its reader returns it.

    ``inputs`` are uint8 images [N, channels, height, width], images still to be decoded, int32 tokens [N, 2 + length] (length,
    position of the second sentence, token ids), or float32 vectors [N, D]; ``base`` has one row per sample in the same order (schema
    ``schemas.BASE``), with a column ``attribute_{name}`` for each of the ``attributes``; ``split_counts`` are the counts that the release
    declares, against which the rows are checked, 0 for a split that it lacks; ``vocabulary`` is the fingerprint of the tokenizer
    (``spurprune.data.tokens.fingerprint``) where the inputs are tokens.
    """

    inputs: np.ndarray | Images
    base: pa.Table
    classes: tuple[str, ...]
    split_counts: dict[str, int]
    source: str
    licence: str
    attributes: tuple[Attribute, ...] = ()
    vocabulary: str = ""

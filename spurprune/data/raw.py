"""What every dataset reader returns."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from spurprune.data.formats.images import ImageFiles


@dataclass(frozen=True)
class RawDataset:
    """A dataset as its reader found it.

    ``inputs`` are uint8 images [N, channels, height, width], images that are still files, or int32 tokens [N, 2 + length] (length,
    position of the second sentence, token ids); ``base`` has one row a sample in the same order (schema ``schemas.BASE``);
    ``split_counts`` are the counts that the release declares, against which the rows are checked; ``vocabulary`` is the fingerprint of
    the tokenizer (``spurprune.data.tokens.fingerprint``) where the inputs are tokens.
    """

    inputs: np.ndarray | ImageFiles
    base: pa.Table
    classes: tuple[str, ...]
    split_counts: dict[str, int]
    source: str
    licence: str
    attributes: dict[str, list[str]] = field(default_factory=dict)
    vocabulary: str = ""

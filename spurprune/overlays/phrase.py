"""A phrase at the end of a pair's second sentence (the paper appends "never" to the hypothesis, App. A.4)."""

from collections.abc import Sequence

import numpy as np

from spurprune.data.tokens import COUNTS
from spurprune.errors import DataError

TAKES = ("sentences",)
OPTIONS = {
    "text": {"type": "string", "minLength": 1, "maxLength": 200, "x-allowed": "a word or a phrase of at most 200 characters, such as never"}
}


def apply_(inputs: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    """Insert the phrase's token ids before the last separator of every pair, int32 [N, 2 + L], in place, and return the pairs.

    The length grows by that of the phrase. Where it does not fit, the second sentence loses its last tokens, so that the phrase stays
    whole. Raises DataError if a second sentence is missing or too short for that.
    """
    tokens = inputs[:, COUNTS:]
    length, second_start = inputs[:, 0], inputs[:, 1]
    start = np.minimum(length - 1, tokens.shape[1] - 1 - len(ids))
    if (start < second_start).any():
        row = int(np.argmax(start < second_start))
        raise DataError(
            f"A phrase of {len(ids)} tokens does not fit into the second of two sentences that have {length[row]} of {tokens.shape[1]} "
            "tokens together; shorten overlay.text or raise image_size."
        )
    rows = np.arange(len(inputs))
    separator = tokens[rows, length - 1]
    for offset, token in enumerate(ids):
        tokens[rows, start + offset] = token
    tokens[rows, start + len(ids)] = separator
    inputs[:, 0] = start + len(ids) + 1
    return inputs

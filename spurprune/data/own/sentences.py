"""A user's texts, one or two of each sample, as the tokens of an encoder."""

from collections.abc import Sequence

import numpy as np

from spurprune.data import tokens
from spurprune.data.own import columns
from spurprune.data.own.columns import Column
from spurprune.errors import DataError


def encoded(given: Sequence[Column], tokenizer: str, length: int | None) -> tuple[np.ndarray, str]:
    """Return (sequences of at most ``length`` tokens, int32 [N, 2 + length], as in ``tokens.encode``; the vocabulary's fingerprint).

    ``given`` are one or two columns of texts. Raises DataError if a row has no text, if ``length`` is None or leaves no room for a text,
    or if there is no such tokenizer.
    """
    where = given[0].where
    if length is None:
        raise DataError(f"The texts of {where} are cut to one length, so image_size must be a number of tokens, not null.")
    found = tokens.load(tokenizer)
    shortest = tokens.special_tokens(found, pairs=len(given) == 2) + len(given)
    if length < shortest:
        raise DataError(
            f"The texts of {where} need an image_size of {shortest} tokens or more, not {length}, to keep a word of each; raise it."
        )
    read = [columns.filled(column) for column in given]
    return tokens.encode(found, read[0], read[1] if len(read) == 2 else None, length), tokens.fingerprint(found)

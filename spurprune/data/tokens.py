"""Token sequences: tokenizers in files of their own, and pairs of sentences as arrays. No torch, so that preparing data needs none."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from spurprune.errors import DataError, first_sentence

COUNTS = 2  # leading columns of a sequence: its length, and the position of its second sentence's first token
PAIRS_AT_ONCE = 4096


def load(name: str) -> Tokenizer:
    """Return the tokenizer of a local folder, from its tokenizer.json, or else that of a name on Hugging Face's hub.

    It neither pads nor truncates, even where its file says so, as those of sentence encoders do. Files from the hub are kept in its
    cache. Raises DataError if there is none, which is so for a name that is not cached where there is no network.
    """
    folder = Path(name)
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json")) if folder.is_dir() else Tokenizer.from_pretrained(name)
    except Exception as error:  # tokenizers raises this itself for files that are missing or damaged
        raise DataError(
            f"There is no tokenizer at '{name}' ({first_sentence(error)}); give a folder that holds its tokenizer.json, or a name on "
            "Hugging Face's hub and a connection to it."
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def fingerprint(tokenizer: Tokenizer) -> str:
    """Return the sha256 of a vocabulary, all tokens in the order of their ids: what an encoder and its inputs must agree in."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the ids of a text alone, without the tokens that begin and end a sequence; raises DataError if it has none."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    if not ids:
        raise DataError(f"The text {text!r} has no tokens; choose another.")
    return ids


def encode_pairs(tokenizer: Tokenizer, first: Sequence[str], second: Sequence[str], length: int) -> np.ndarray:
    """Return pairs of sentences as int32 [N, 2 + length]: number of tokens, position of the second sentence, token ids, zeros.

    Pairs that are longer than ``length`` lose tokens at the end of whichever sentence is then the longer, as transformers' tokenizers do
    with ``truncation="longest_first"``.
    """
    tokenizer.enable_truncation(length, strategy="longest_first")
    result = np.zeros((len(first), COUNTS + length), dtype=np.int32)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        for row, encoded in zip(result[part], tokenizer.encode_batch(list(zip(first[part], second[part], strict=True))), strict=True):
            count = len(encoded.ids)
            row[0] = count
            row[1] = encoded.type_ids.index(1) if 1 in encoded.type_ids else count
            row[COUNTS : COUNTS + count] = encoded.ids
    tokenizer.no_truncation()
    return result

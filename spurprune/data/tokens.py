"""Tokenizers, and texts or pairs of them as arrays of tokens; free of torch, which preparing data does not need."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular

COUNTS = 2  # leading columns of a sequence: its length, and the position of its second sentence's first token
PAIRS_AT_ONCE = 4096


def load(name: str) -> Tokenizer:
    """Return the tokenizer from a local folder's tokenizer.json, or the one of that name on Hugging Face's hub.

    Padding and truncation are switched off, even if its file asks for them, as those of sentence encoders do. Files from the hub are
    cached. Raises DataError if it cannot be loaded, for instance because it is not cached and there is no network.
    """
    folder = Path(name)
    require_regular(folder / "tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json")) if folder.is_dir() else Tokenizer.from_pretrained(name)
    except Exception as error:  # tokenizers raises plain Exceptions for missing or damaged files
        raise DataError(
            f"No tokenizer could be loaded from '{name}' ({first_sentence(error)}); name a folder that holds tokenizer.json, or, with a "
            "network connection, a tokenizer on Hugging Face's hub."
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def fingerprint(tokenizer: Tokenizer) -> str:
    """Return the SHA-256 of a vocabulary (all tokens in order of their ids), on which an encoder and its inputs must agree."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the ids of a text alone, without the special tokens around a sequence; raises DataError if it has none."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    if not ids:
        raise DataError(f"The text {text!r} has no tokens; choose another.")
    return ids


def special_tokens(tokenizer: Tokenizer, pairs: bool) -> int:
    """Return the number of special tokens around a text, or around the two of a pair."""
    count: int = tokenizer.num_special_tokens_to_add(pairs)
    return count


def encode(tokenizer: Tokenizer, first: Sequence[str], second: Sequence[str] | None, length: int) -> np.ndarray:
    """Return texts, or pairs of them, as int32 [N, 2 + length]: number of tokens, position of the second text, token ids, zeros.

    A single text's second one begins where it ends. Longer sequences are truncated to ``length`` tokens, pairs one by one from the end of
    the currently longer text, as by transformers' tokenizers with ``truncation="longest_first"``.
    """
    tokenizer.enable_truncation(length, strategy="longest_first")
    result = np.zeros((len(first), COUNTS + length), dtype=np.int32)
    for start in range(0, len(first), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        texts = list(first[part]) if second is None else list(zip(first[part], second[part], strict=True))
        for row, encoded in zip(result[part], tokenizer.encode_batch(texts), strict=True):
            count = len(encoded.ids)
            row[0] = count
            row[1] = encoded.type_ids.index(1) if second is not None and 1 in encoded.type_ids else count
            row[COUNTS : COUNTS + count] = encoded.ids
    tokenizer.no_truncation()
    return result

"""Samples of a user's data that are equal once prepared: under two labels, in two splits, or merely twice."""

import hashlib

import numpy as np
import pyarrow as pa

from spurprune.data.inputs import KINDS, EncodedInputs, Rows
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage.columns import to_numpy

WORDS = {"images": "images", "sentences": "texts", "vectors": "vectors"}
DIGEST_BYTES = 16
ROWS_AT_ONCE = 1024


def check(inputs: Rows, rows: pa.Table, classes: tuple[str, ...], dataset: str, keep: bool) -> None:
    """Report equal samples in the log; unless ``keep``, raise DataError if equal images or texts have two labels or are in two splits.

    ``inputs`` [N, …] are samples as they are trained on: images decoded and resized, texts cut; ``rows`` are their base table. Equal
    vectors never stop, since vectors of few values coincide.
    """
    kind = KINDS[str(inputs.dtype)]
    equal = _equal(inputs)
    label, split = to_numpy(rows.column("label")), to_numpy(rows.column("split"))
    _, split_code = np.unique(split, return_inverse=True)
    found = []
    for codes, what in ((label, "have two labels"), (split_code, "are in two splits, so that a network is tested on what it has learned")):
        number, pair = _differing(equal, codes)
        if number:
            shown = " and ".join(f"'{rows.column('key')[one]}' ({classes[label[one]]}, {split[one]})" for one in pair)
            found.append(f"{number:,} {WORDS[kind]} of '{dataset}' equal others once prepared but {what}, such as {shown}")
    again = len(equal) - len(np.unique(equal))
    if again:
        log.warning("%s: %d of %d %s equal an earlier one", dataset, again, len(equal), WORDS[kind])
    for sentence in found if keep or kind == "vectors" else found[1:]:
        log.warning("%s", sentence)
    if found and not keep and kind != "vectors":
        raise DataError(f"{found[0]}; remove or correct them, or set datasets.{dataset}.duplicates to keep.")


def _equal(inputs: Rows) -> np.ndarray:
    """Return a number per sample that equal samples share, int64 [N], by their hashes; files of equal images are equal."""
    digests = bytearray()
    for start in range(0, len(inputs), ROWS_AT_ONCE):
        positions = np.arange(start, min(start + ROWS_AT_ONCE, len(inputs)))
        for row in inputs.files(positions) if isinstance(inputs, EncodedInputs) else inputs[positions]:
            digests += hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=DIGEST_BYTES).digest()
    found = np.frombuffer(bytes(digests), dtype=f"S{DIGEST_BYTES}").view(f"V{DIGEST_BYTES}")
    numbers: np.ndarray = np.unique(found, return_inverse=True)[1]
    return numbers


def _differing(equal: np.ndarray, codes: np.ndarray) -> tuple[int, tuple[int, int]]:
    """Return (the samples that equal one with another code, the first two that do), two zeros if there are none."""
    order = np.lexsort((np.arange(len(equal)), equal))
    starts = np.flatnonzero(np.diff(equal[order], prepend=-1))
    low, high = (reduce.reduceat(codes[order], starts) for reduce in (np.minimum, np.maximum))
    differs = (low != high)[equal]
    if not differs.any():
        return 0, (0, 0)
    first = int(np.argmax(differs))
    second = int(np.argmax((equal == equal[first]) & (codes != codes[first])))
    return int(differs.sum()), (first, second)

"""Checksums against accidental damage: a CRC-32 per piece of a large file, so that a reader checks the piece it reads.

CRC-32 finds every flip of up to three bits in a piece of up to 11 kB, of up to two in any, every damaged run of up to 32 bits, and all but
one in 4 · 10⁹ of other damages. It is no protection against forgery. zlib's is as fast on processors without instructions for SHA-256.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

DIGEST = "digest"  # the key under which a sealed record holds the SHA-256 of all its other entries
DIGITS = 8  # hexadecimal, per checksum


def checksum(data: np.ndarray | bytes, start: int = 0) -> int:
    """Return the CRC-32 of bytes or of an array's bytes, which must be contiguous; ``start`` is the one of what comes before."""
    return zlib.crc32(data.data if isinstance(data, np.ndarray) else data, start)


def to_text(checksums: Iterable[int]) -> str:
    """Return checksums as one text of hexadecimal digits, eight for each."""
    return "".join(f"{one:0{DIGITS}x}" for one in checksums)


def of_text(text: str) -> list[int]:
    """Return the checksums that ``to_text`` described; raises ValueError for any other text."""
    if len(text) % DIGITS:
        raise ValueError(f"its checksums have {len(text)} digits")
    return np.frombuffer(bytes.fromhex(text), dtype=">u4").tolist()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of JSON values with its digest, by which ``unsealed`` recognises any change of a name or value."""
    return dict(content) | {DIGEST: _digest(content)}


def unsealed(found: Any) -> dict[str, Any]:
    """Return the record that ``sealed`` sealed, as read from JSON; raises ValueError, with a clause that says why, if it is another."""
    if not isinstance(found, dict) or DIGEST not in found:
        raise ValueError("it has no digest, so it is damaged or was written by an older version")
    content = {name: value for name, value in found.items() if name != DIGEST}
    if found[DIGEST] != _digest(content):
        raise ValueError("its content does not match its digest")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

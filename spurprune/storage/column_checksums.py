"""Checksums of table columns: the same for the same values, however they are chunked or encoded."""

import json
import zlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def crc_of(column: pa.ChunkedArray) -> int:
    """Return the CRC-32 of a column's values, nulls included.

    It finds accidental damage (every error of up to 32 bits in a row, others but one in 2³²); it does not protect against forgery.
    """
    kind, crc = column.type, zlib.crc32(f"{len(column)} values, {column.null_count} nulls".encode())
    if column.null_count:
        crc = _add(crc, (_values(chunk) for chunk in pc.is_valid(column).chunks))
        column = column.drop_null()
    if pa.types.is_dictionary(kind):
        words, codes = _words(column)
        return _add(zlib.crc32(json.dumps(words).encode(), crc), codes)
    if pa.types.is_string(kind):
        crc = _add(crc, (_values(pc.binary_length(chunk)) for chunk in column.chunks))
        return _add(crc, (_characters(chunk) for chunk in column.chunks))
    if pa.types.is_list(kind):
        crc = _add(crc, (_values(pc.list_value_length(chunk)) for chunk in column.chunks))
        return _add(crc, (_values(chunk.flatten()) for chunk in column.chunks))
    return _add(crc, (_values(chunk) for chunk in column.chunks))


def _add(crc: int, arrays: Iterable[np.ndarray]) -> int:
    for array in arrays:
        crc = zlib.crc32(np.ascontiguousarray(array).data, crc)
    return crc


def _values(chunk: pa.Array) -> np.ndarray:
    return chunk.to_numpy(zero_copy_only=False)


def _characters(chunk: pa.StringArray) -> np.ndarray:
    """Return the UTF-8 bytes of all values, one after the other."""
    _, offsets, data = chunk.buffers()
    if data is None or not len(chunk):
        return np.empty(0, dtype=np.uint8)
    bounds = np.frombuffer(offsets, dtype=np.int32)[[chunk.offset, chunk.offset + len(chunk)]]
    return np.frombuffer(data, dtype=np.uint8)[bounds[0] : bounds[1]]


def _words(column: pa.ChunkedArray) -> tuple[list[str], list[np.ndarray]]:
    """Return the words that occur, sorted, and every chunk's values as positions among them, int32."""
    used = [chunk.dictionary.take(pc.unique(chunk.indices)) for chunk in column.chunks if len(chunk)]
    words = sorted({word for one in used for word in one.to_pylist()})
    place = {word: position for position, word in enumerate(words)}
    codes = []
    for chunk in column.chunks:
        table = np.array([place.get(word, -1) for word in chunk.dictionary.to_pylist()], dtype=np.int32)
        codes.append(table[_values(chunk.indices)] if len(chunk) else np.empty(0, dtype=np.int32))
    return words, codes

"""Pickles of published data: arrays as NumPy writes them, and nothing that could run code, hang or fill the memory."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spurprune.data.formats import pickles
from spurprune.errors import DataError

# What NumPy's pickles begin with: an array without elements, to which a state is given.
EMPTY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"


def state(shape: bytes, code: bytes, content: bytes) -> bytes:
    """Return a pickle of an array of a shape and type with some bytes."""
    dtype = b"cnumpy\ndtype\n(S'" + code + b"'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb"
    return EMPTY + b"(I1\n(" + shape + b"t" + dtype + b"I0\nS'" + content + b"'\ntb."


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i8", "f4", "?"])
def test_arrays_come_back_as_they_were(protocol: int, dtype: str, tmp_path: Path) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    (tmp_path / "x").write_bytes(pickle.dumps({"plain": array, b"other way": array.T, "text": ["a", 1]}, protocol=protocol))
    found = pickles.load(tmp_path / "x", pickles.NUMPY_ARRAYS)
    assert np.array_equal(found["plain"], array) and np.array_equal(found[b"other way"], array.T) and found["text"] == ["a", 1]
    assert np.asarray(found["plain"]).dtype == array.dtype.newbyteorder("=")


def test_the_state_of_these_tests_is_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(state(b"I2\nI2\n", b"u1", b"abcd"))
    assert np.array_equal(pickles.load(tmp_path / "x", pickles.NUMPY_ARRAYS), [[97, 98], [99, 100]])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (state(b"I1000000000000\n", b"u1", b"abcd"), "does not match array size"),
        (state(b"I-4\n", b"u1", b"abcd"), "refused or damaged"),
        (state(b"I1000000000000\n", b"V0", b""), "an array in it is of the type 'V0'"),
        (state(b"I1000000000000\n", b"O8", b""), "an array in it is of the type 'O8'"),
        (b"cnumpy\nndarray\n(I1000000000000\ntR.", "refused or damaged"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I1000000000000\ntS'b'\ntR.", "made in another way than NumPy's"),
        (b"c_codecs\nencode\n(Vabc\nS'bz2'\ntR.", "it encodes other things than an array's bytes"),
        (b"c_codecs\nencode\n(Vabc\nS'idna'\ntR.", "it encodes other things than an array's bytes"),
        (b"cnumpy\ndtype\n(S'u1'\ntR(I3\nS'x'\nNNNI-1\nI-1\nI0\ntb.", "has the byte order 'x'"),
        (b"]r\xff\xff\xff\x7f.", "it remembers more objects than it has bytes"),
        (b"cos\nsystem\n(S'true'\ntR.", "it asks for os.system"),
        (b"\x80\x05\x8c\xff", "refused or damaged"),
        (b"(" * 100_000, "refused or damaged"),
        (b"", "refused or damaged"),
    ],
)
def test_anything_else_is_refused(content: bytes, reason: str, tmp_path: Path, assert_one_sentence: Callable[[str], None]) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=reason) as error:
        pickles.load(tmp_path / "x", pickles.NUMPY_ARRAYS)
    assert_one_sentence(str(error.value))

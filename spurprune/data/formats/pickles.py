"""Unpickling of published data files with an allow-list, so that a file from the internet cannot run code or fill the memory.

What the list allows are not NumPy's own functions, which take any shape, but functions that take what NumPy pickles: an array's bytes,
their type and a shape that fits them.
"""

import io
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular

PLAIN_TYPE = re.compile("[?biuf][1248]|b1")  # NumPy's code of numbers
ARRAY_VERSION = 1  # of the state of a pickled array


class Array(np.ndarray):
    """An array as NumPy pickles it, whose state is checked before it is taken."""

    def __setstate__(self, state: Any, /) -> None:
        """Take a state; raises ValueError unless its bytes fill its shape."""
        version, shape, dtype, is_fortran, content = state
        if version != ARRAY_VERSION or not isinstance(dtype, _Type) or not isinstance(content, bytes):
            raise ValueError("an array in it has no plain numbers")
        super().__setstate__((version, shape, dtype.plain(), is_fortran, content))  # checks the shape


class _Type:
    """The type of an array's values."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code.decode("ascii") if isinstance(code, bytes) else str(code)
        self.order = "|"
        if not PLAIN_TYPE.fullmatch(self.code):
            raise ValueError(f"an array in it is of the type {self.code!r:.40}")

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else str(order)
        if self.order not in ("|", "<", ">", "="):
            raise ValueError(f"an array in it has the byte order {self.order!r:.40}")

    def plain(self) -> "np.dtype[Any]":
        return np.dtype(self.code if self.order == "|" else f"{self.order}{self.code}")


def _empty(kind: Any, shape: Any, code: Any) -> Array:
    """Return the empty array to which NumPy's pickles give their state."""
    if kind is not Array or shape != (0,):
        raise ValueError("an array in it is made in another way than NumPy's")
    return np.empty(0, dtype=np.int8).view(Array)


def _encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """Return the bytes of an array, which pickles of protocol 2 hold as text."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise ValueError("it encodes other things than an array's bytes")
    return text.encode("latin1")


# What NumPy arrays are rebuilt from, under their names in old and new releases.
NUMPY_ARRAYS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _empty,
    ("numpy._core.multiarray", "_reconstruct"): _empty,
    ("_codecs", "encode"): _encoded,
}


class _AllowListUnpickler(pickle.Unpickler):
    allowed: Mapping[tuple[str, str], Callable[..., Any]]

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no data file needs") from None


def load(path: Path, allowed: Mapping[tuple[str, str], Callable[..., Any]] | None = None) -> Any:
    """Return the content of a pickle made of built-in containers and what ``allowed`` maps (module, name) to.

    Strings of Python 2 are returned as bytes, arrays as ``Array``. Raises DataError that names the file if it is missing, damaged, or asks
    for anything else.
    """
    require_regular(path)
    try:
        content = path.read_bytes()
        _require_bounded(content)
        unpickler = _AllowListUnpickler(io.BytesIO(content), encoding="bytes")
        unpickler.allowed = allowed or {}
        return unpickler.load()
    except FileNotFoundError:
        raise DataError(f"{path} is missing; place it there.") from None
    except Exception as error:  # a damaged pickle calls what is allowed with anything
        raise DataError(f"{path} is refused or damaged ({first_sentence(error)}); use an original copy.") from error


def _require_bounded(content: bytes) -> None:
    """Raise pickle.UnpicklingError if a place in the list of remembered objects is beyond what a file of its size can remember."""
    for code, place, _ in pickletools.genops(content):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and (place or 0) > len(content):
            raise pickle.UnpicklingError("it remembers more objects than it has bytes")

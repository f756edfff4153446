"""Unpickling of published data files with an allow-list, so that a file from the internet cannot run code."""

import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any

from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular

# What NumPy arrays are rebuilt from, under their names in old and new releases.
NUMPY_ARRAYS = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("_codecs", "encode"),
    }
)


class _AllowListUnpickler(pickle.Unpickler):
    allowed: Collection[tuple[str, str]] = ()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no data file needs")
        return super().find_class(module, name)


def load(path: Path, allowed: Collection[tuple[str, str]] = ()) -> Any:
    """Return the content of a pickle made of built-in containers and the ``allowed`` (module, name) pairs only.

    Strings of Python 2 are returned as bytes. Raises DataError that names the file if it is missing, damaged, or asks for anything else.
    """
    require_regular(path)
    try:
        with open(path, "rb") as stream:
            unpickler = _AllowListUnpickler(stream, encoding="bytes")
            unpickler.allowed = allowed
            return unpickler.load()
    except FileNotFoundError:
        raise DataError(f"{path} is missing; place it there.") from None
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, AttributeError, ImportError) as error:
        raise DataError(f"{path} is refused or damaged ({first_sentence(error)}); use an original copy.") from error

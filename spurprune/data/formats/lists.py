"""Lists of samples in text files, users' and releases': UTF-8 text is read, and anything else is refused in one sentence."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular

# How files that are no UTF-8 text begin.
OTHERS = {
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"PK\x03\x04": "a ZIP archive or a workbook",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PAR1": "a Parquet file",
}
BLOCK = 1 << 20  # bytes read at once


def require_text(path: Path, what: str = "") -> None:
    """Raise DataError for a file that is no UTF-8 text by how it begins, or because it holds a zero byte; ``what`` stands before its path.

    Bytes that are not UTF-8 are noticed when it is read. Raises OSError if it cannot be read.
    """
    with open(path, "rb") as stream:
        block = stream.read(BLOCK)
        other = next((kind for sign, kind in OTHERS.items() if block.startswith(sign)), None)
        while block and other is None:
            other = "UTF-16 or no text" if b"\0" in block else None
            block = stream.read(BLOCK)
    if other is not None:
        raise DataError(f"{f'{what} ' if what else ''}{path} is {other}, but must be UTF-8 text; save it as that.")


@contextmanager
def reading(path: Path) -> Iterator[TextIO]:
    """Open a release's list for reading, with line ends as they are.

    Raises DataError that names it if it is no regular file, no UTF-8 text or cannot be parsed: if the block raises csv.Error, ValueError,
    OverflowError, RecursionError or OSError.
    """
    require_regular(path)
    try:
        require_text(path)
        with open(path, encoding="utf-8-sig", newline="") as stream:
            yield stream
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({first_sentence(error)}); use an original copy.") from error
    except (csv.Error, ValueError, OverflowError, RecursionError, OSError) as error:
        raise DataError(f"{path} is damaged or of another format ({first_sentence(error)}); use an original copy.") from error


def is_text(value: str) -> bool:
    """Return whether a string, such as JSON's escapes make, is Unicode text, without halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True

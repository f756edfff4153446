"""Files that are read must be regular: a pipe would wait for ever for a writer, and a device need not end."""

from pathlib import Path

from spurprune.errors import DataError


def require_regular(path: Path, what: str = "") -> None:
    """Raise DataError that names ``path`` if something other than a regular file is there; links are followed, and it may be missing.

    ``what`` stands before the path in the sentence, such as "The image". Raises OSError if the path cannot be looked up.
    """
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "no regular file"
        raise DataError(f"{f'{what} ' if what else ''}{path} cannot be read, since it is {kind}; put a file in its place.")


def require_regular_in(folder: Path) -> None:
    """Raise DataError that names the first entry of a folder that is neither a regular file nor a folder; links are followed."""
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            require_regular(path)

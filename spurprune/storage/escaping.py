"""Text from the configuration and from users' data, made literal where markup would be read."""

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BREAK = re.compile(r"\s*[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]\s*")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters, and halves of characters, which no file can hold
# What Markdown may read as markup; '_' only where a letter or digit does not stand on both sides, ':' and '.' only in addresses.
_MARKDOWN = re.compile(r"[\\`*\[\]<>|#~&$@]|(?<![^\W_])_+|_+(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE)


def one_line(text: str) -> str:
    """Return a text with a space for every line break or tab, and U+FFFD for other characters that cannot be shown."""
    return _UNSEEN.sub("\ufffd", _BREAK.sub(" ", text).strip())


def markdown(text: str) -> str:
    """Return GitHub-flavoured Markdown that shows a text literally, within a heading or a table's cell."""
    return _MARKDOWN.sub(lambda found: "".join(f"\\{one}" for one in found[0]), one_line(text))


def rst(text: str) -> str:
    """Return reStructuredText that shows a text literally, within a paragraph or a list's item."""
    return "".join(one if one.isalnum() or one == " " else f"\\{one}" for one in one_line(text))


def rst_list(path: str) -> str:
    """Return a file of findings, one line ``- sentence`` each, as a list in reStructuredText."""
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    return "".join(f"- {rst(line.removeprefix('- '))}\n" for line in lines if line)


def inert(value: Any) -> Any:
    """Return plain values whose texts hold no HTML, by character references; Snakemake puts parameters into its report as they are."""
    return _each(value, lambda text: html.escape(text, quote=False))


def revived(value: Any) -> Any:
    """Return the plain values of which ``inert`` made these."""
    return _each(value, html.unescape)


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {_each(key, change): _each(one, change) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each(one, change) for one in value]
    return value

"""Errors that a user can act on: one clear sentence that names the key, file or sample and the way out."""

import re
import unicodedata

UNWRITTEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, separators of lines and paragraphs
ESCAPE = re.compile(r"\\(?:[abfnrtv0]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})")  # how Python writes such characters, and bytes
LITERAL = re.compile(r"""(?<!\w)[bru]{0,2}(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")  # how Python writes text and bytes
MOST_QUOTED = 12  # characters of such a text that are quoted although it holds escapes
MOST_CHARACTERS = 300  # of another library's message
LONGEST, END = 2000, 300  # characters of a sentence, which may quote data, and of its end, which has the way out


class SpurpruneError(Exception):
    """Base of every error that a user can fix; its text is one complete sentence.

    Control characters in it, as data may hold them, become escapes; what makes it longer than a reader would read is left out.
    """

    def __init__(self, text: str = "") -> None:
        """Take the sentence."""
        text = escaped(text)
        super().__init__(text if len(text) <= LONGEST else f"{text[: LONGEST - END]}…{text[-END:]}")


class ConfigError(SpurpruneError):
    """The configuration is wrong; the text names the key, its value and what is allowed."""


class DataError(SpurpruneError):
    """An input or intermediate file is missing, damaged, not what the workflow wrote, or violates an invariant."""


class DownloadError(DataError):
    """A file could not be downloaded from any of its URLs; the text names each and what went wrong."""


class PlanError(SpurpruneError):
    """A pruning plan cannot be carried out, for instance because it would empty a class."""


class TrainingError(SpurpruneError):
    """Training cannot continue, for instance because the loss became NaN."""


def first_sentence(error: BaseException) -> str:
    """Return the first sentence of another library's message without its full stop, to quote it within another sentence.

    It ends before a long text with escapes: that is the content of a file, which tells a reader nothing.
    """
    text = " ".join(escaped(" ".join(str(error).split())).split())
    raw = next((one for one in LITERAL.finditer(text) if len(one.group()) > MOST_QUOTED and ESCAPE.search(one.group())), None)
    if raw is not None:
        text = text[: raw.start()]
    text = text.split(". ")[0].rstrip(" .:,;(=") or type(error).__name__
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def escaped(text: str) -> str:
    """Return a text whose control characters, line ends and halves of characters are escapes."""
    if text.isprintable():
        return text
    return "".join(ascii(one)[1:-1] if unicodedata.category(one) in UNWRITTEN else one for one in text)

"""What became of one attack."""

from dataclasses import dataclass

CLEAR = "clear"  # refused in one sentence
SAME = "same"  # accepted, rightly: the change is none, or makes another valid input
SILENT = "silent"  # accepted, although it must be refused, or although the result differs where it must not
REFUSED = "refused"  # refused, although it is valid
UNCLEAR = "unclear"  # refused, but not in one sentence
TRACEBACK = "traceback"  # another exception
HANG = "hang"  # no answer in time

GOOD = (CLEAR, SAME)


@dataclass(frozen=True)
class Outcome:
    """One attack: its kind, what it was made on, what was changed, what became of it (one of the above), and the message or why."""

    kind: str
    subject: str
    change: str
    outcome: str
    detail: str = ""


def is_one_sentence(text: str) -> bool:
    """Return whether a message is exactly one sentence on one line."""
    marks = (". ", "! ", "? ")
    return text == text.strip() and "\n" not in text and text.endswith(".") and not any(mark in text[:-1] for mark in marks)

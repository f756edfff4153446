"""Why metrics of a run have no value: kept in the notes of a metrics file, for the log, for selections and for readers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Missing:
    """A metric of one split that is undefined in some repeats, and the reason as a clause."""

    split: str
    metric: str
    reason: str
    repeats: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """What is missing where and why, without a full stop."""
        which = "repeat" if len(self.repeats) == 1 else "repeats"
        return f"{self.metric} of the {self.split} split is missing in {which} {', '.join(map(str, self.repeats))}: {self.reason}"

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain values for a file's metadata."""
        return {"split": self.split, "metric": self.metric, "reason": self.reason, "repeats": list(self.repeats)}


def joined(found: Iterable[Missing]) -> list[Missing]:
    """Return one record for all repeats in which a metric is missing for the same reason, in order of appearance."""
    repeats: dict[tuple[str, str, str], list[int]] = {}
    for one in found:
        repeats.setdefault((one.split, one.metric, one.reason), []).extend(one.repeats)
    return [Missing(*key, tuple(of_key)) for key, of_key in repeats.items()]


def reason_in(notes: Mapping[str, Any], split: str, metric: str, repeat: int) -> str | None:
    """Return why a metric is missing in a repeat according to a metrics file's ``notes``, None if they do not say."""
    for one in notes.get("missing", ()):
        if one["split"] == split and one["metric"] == metric and repeat in one["repeats"]:
            return str(one["reason"])
    return None

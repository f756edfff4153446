"""What metrics of a run lack: values, and samples of unknown group; kept in the notes of a metrics file, for the log and for readers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar


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
        return f"{self.metric} of the {self.split} split is missing in {_in_words(self.repeats)}: {self.reason}"

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain values for a file's metadata."""
        return {"split": self.split, "metric": self.metric, "reason": self.reason, "repeats": list(self.repeats)}


@dataclass(frozen=True)
class Ungrouped:
    """``unknown`` of all ``samples`` of one split are of unknown group in some repeats, so what is measured by group leaves them out."""

    split: str
    unknown: int
    samples: int
    repeats: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """How many samples are left out of what, without a full stop."""
        which = f"{self.unknown:,} of {self.samples:,} {self.split} samples"
        left_out = "group_accuracy, worst_group_accuracy and accuracy_weighted leave them out"
        return f"the group of {which} is unknown in {_in_words(self.repeats)}, so {left_out}"

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain values for a file's metadata."""
        return {"split": self.split, "unknown": self.unknown, "samples": self.samples, "repeats": list(self.repeats)}


Kind = TypeVar("Kind", Missing, Ungrouped)


def joined(found: Iterable[Kind]) -> list[Kind]:
    """Return one record for all repeats whose records are otherwise equal, in order of appearance."""
    repeats: dict[Kind, list[int]] = {}
    for one in found:
        repeats.setdefault(replace(one, repeats=()), []).extend(one.repeats)
    return [replace(one, repeats=tuple(of_one)) for one, of_one in repeats.items()]


def _in_words(repeats: tuple[int, ...]) -> str:
    return f"{'repeat' if len(repeats) == 1 else 'repeats'} {', '.join(map(str, repeats))}"


def reason_in(notes: Mapping[str, Any], split: str, metric: str, repeat: int) -> str | None:
    """Return why a metric is missing in a repeat according to a metrics file's ``notes``, None if they do not say."""
    for one in notes.get("missing", ()):
        if one["split"] == split and one["metric"] == metric and repeat in one["repeats"]:
            return str(one["reason"])
    return None


def ungrouped_in(notes: Mapping[str, Any]) -> list[Ungrouped]:
    """Return the samples of unknown group according to a metrics file's ``notes``."""
    return [Ungrouped(one["split"], one["unknown"], one["samples"], tuple(one["repeats"])) for one in notes.get("unknown_groups", ())]

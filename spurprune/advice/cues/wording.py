"""Simple cues in words, as a table of the page, and as JSON values."""

from collections.abc import Sequence

from spurprune.advice.cues.gathering import Cues
from spurprune.advice.cues.judging import Cue
from spurprune.advice.page import Grid

HEADING = "Simple cues"
MOST = 30  # that are shown
LONGEST = 12  # names of properties in a sentence


def note(found: Cues) -> str:
    """Return what was looked for, and how to take it."""
    if not found.tested:
        return "No simple property was tested: samples have none that is measured, or there are too few of them."
    names = list(found.properties)
    listed = ", ".join(names[:LONGEST]) + (f" and {len(names) - LONGEST} more" if len(names) > LONGEST else "")
    number = len(found.found)
    what = "none is" if not number else "1 is" if number == 1 else f"{number:,} are"
    shown = f" The first {MOST} are shown." if number > MOST else ""
    return (
        f"Tested: {listed}. A property is a cue of a class if training samples of the class differ from others in it, and if among "
        "validation samples of one class the network gives the class higher odds where the property is so. Of "
        f"{found.tested:,} pairs of a property and a class, {what}.{shown} These are hints to look at, since a property may belong to a "
        "class; they decide nothing."
    )


def sentences(found: Cues, classes: Sequence[str]) -> list[str]:
    """Return a sentence for each cue that is shown."""
    return [
        f"{_upper(property_of(one))} goes with class {classes[one.of]}: it is so in {one.pairs:.0%} of pairs of a training sample of the "
        f"class and another one, and among validation samples of one class the network's odds for the class are {one.fold:.3g} times as "
        f"high there as at the property's other end (q = {one.q:.2g})."
        for one in found.found[:MOST]
    ]


def grid(found: Cues, classes: Sequence[str]) -> Grid | None:
    """Return the table; None without a cue."""
    rows = [
        (
            property_of(one),
            classes[one.of],
            f"{100 * one.pairs:.1f}",
            f"{one.fold:.3g}",
            f"{one.q:.2g}",
        )
        for one in found.found[:MOST]
    ]
    header = (
        "property",
        "goes with class",
        "so in pairs of a training sample of the class and another (%)",
        "odds of the class, over those at the property's other end",
        "q",
    )
    return Grid(header, rows, numbers=frozenset({2, 3, 4})) if rows else None


def property_of(one: Cue) -> str:
    """Return a cue's property in its direction."""
    return one.name if one.is_named_high else f"{'higher' if one.is_higher else 'lower'} {one.name}"


def to_plain(found: Cues, classes: Sequence[str]) -> dict[str, object]:
    """Return what was found as JSON values."""
    return {
        "properties": list(found.properties),
        "tested": found.tested,
        "found": [
            {
                "property": property_of(one),
                "class": classes[one.of],
                "pairs": one.pairs,
                "odds_ratio": one.fold,
                "p": one.p,
                "q": one.q,
            }
            for one in found.found
        ],
    }


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]

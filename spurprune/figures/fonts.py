"""Characters that the figures' font lacks, such as Chinese ones and emoji: shown by an installed font that has them, else as boxes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from spurprune.machine.logs import log

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LACKING = re.compile(r"Glyph (\d+) \(.*missing from font")  # Matplotlib's warning
BOXES = re.compile("last ?resort", re.IGNORECASE)  # fonts that have a box for every character
MOST_NAMED = 10  # characters that a message names


def drawn(figure: Figure, draw: Callable[[], object], family: str) -> None:
    """Call ``draw``, which draws a figure in the font ``family``, again with other fonts if that lacks characters.

    Logs a warning for characters that no installed font has; fonts that cannot be drawn with are not used.
    """
    lacking = _lacking(draw)
    if not lacking:
        return
    fonts = _that_have(lacking)
    try:
        if fonts:
            _use(figure, [family, *fonts])
            lacking = _lacking(draw)
    except Exception as error:  # fonts of some kinds cannot be embedded
        log.warning("the fonts %s are not used: %s", ", ".join(fonts), error)
        _use(figure, [family])
        _lacking(draw)
    if lacking:
        named = " ".join(chr(one) for one in sorted(lacking)[:MOST_NAMED])
        log.warning("no installed font has %s, which the figure shows as boxes; install a font that does and rerun", named)


def _use(figure: Figure, families: list[str]) -> None:
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_fontfamily(families)


def _lacking(draw: Callable[[], object]) -> set[int]:
    """Draw, and return the numbers of the characters that the fonts lack, instead of warnings; others are passed on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        draw()
    found = {one: _LACKING.match(str(one.message)) for one in caught}
    for one, lacks in found.items():
        if lacks is None:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return {int(lacks[1]) for lacks in found.values() if lacks is not None}


def _that_have(characters: Collection[int]) -> list[str]:
    """Return the names of installed fonts that have some characters, as few as a greedy choice in alphabetical order needs."""
    from matplotlib.font_manager import fontManager

    left, chosen = set(characters), []
    for entry in sorted(fontManager.ttflist, key=lambda one: (one.name, one.fname)):
        has = left & _usable(entry.fname, left) if left and not BOXES.search(entry.name) else set()
        if has:
            left -= has
            chosen.append(entry.name)
    return chosen


def _usable(file: str, characters: Collection[int]) -> set[int]:
    """Return which characters a font has and can be drawn with; none if they are pictures, as coloured emoji are."""
    from matplotlib.font_manager import get_font

    try:
        font = get_font(file)
        has = set(font.get_charmap()) & set(characters)
        font.set_size(10, 72)
        for one in has:
            font.load_char(one)
    except Exception:  # a font file may be anything
        return set()
    return has


def has_all(family: str, text: str) -> bool:
    """Return whether an installed font has all characters of a text, line ends left out."""
    from matplotlib.font_manager import findfont, get_font

    return {ord(one) for one in text if one != "\n"} <= set(get_font(findfont(family)).get_charmap())

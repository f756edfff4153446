"""Seeded changes of a file's bytes, as a failing disk, a broken copy or a mistake makes them."""

import re
from collections.abc import Callable

import numpy as np

Change = Callable[[bytes, bytes, np.random.Generator], tuple[bytes, str]]  # (content, another file of its kind, random) -> (new, words)


def flip(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Flip one bit anywhere."""
    return _flipped(content, int(rng.integers(len(content))), rng)


def flip_early(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Flip one bit near the start, where formats have their headers."""
    return _flipped(content, int(rng.integers(min(len(content), 400))), rng)


def _flipped(content: bytes, place: int, rng: np.random.Generator) -> tuple[bytes, str]:
    bit = int(rng.integers(8))
    return content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :], f"bit {bit} of byte {place} flipped"


def several(content: bytes, other: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Flip two to nine bits."""
    count = int(rng.integers(2, 10))
    for _ in range(count):
        content, _words = flip(content, other, rng)
    return content, f"{count} bits flipped"


def truncate(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Cut the end off, sometimes all or only one byte."""
    kept = int(rng.choice([0, len(content) - 1, int(rng.integers(len(content)))]))
    return content[:kept], f"cut to {kept} of {len(content)} bytes"


def zeros(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Fill a block with zeros, as after a power cut."""
    return _block(content, lambda size: bytes(size), rng, "zeros")


def noise(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Fill a block with random bytes."""
    return _block(content, rng.bytes, rng, "noise")


def repeated(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Copy one block over another."""
    source = int(rng.integers(len(content)))
    return _block(content, lambda size: (content[source:] + content)[:size], rng, f"those from {source}")


def _block(content: bytes, fill: Callable[[int], bytes], rng: np.random.Generator, words: str) -> tuple[bytes, str]:
    size = min(int(rng.choice([1, 16, 512, 4096])), len(content))
    place = int(rng.integers(len(content) - size + 1))
    return content[:place] + fill(size) + content[place + size :], f"{size} bytes at {place} replaced by {words}"


def append(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Append bytes: zeros, random ones, or the file's own."""
    size = int(rng.choice([1, 8, 512]))
    more = [bytes(size), rng.bytes(size), content[:size]][int(rng.integers(3))]
    return content + more, f"{len(more)} bytes appended"


def insert(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Shift everything after one place by a byte."""
    place = int(rng.integers(len(content) + 1))
    return content[:place] + rng.bytes(1) + content[place:], f"a byte inserted at {place}"


def swap(content: bytes, other: bytes, _: np.random.Generator) -> tuple[bytes, str]:
    """Put another run's file of the same kind in its place."""
    return other, "replaced by another run's file"


def part_of_other(content: bytes, other: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Continue as another run's file, as when two processes write one file."""
    place = int(rng.integers(1, min(len(content), len(other))))
    return content[:place] + other[place:], f"another run's file from byte {place} on"


def digit(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change one digit of readable text within the file."""
    return _character(content, rb"\d", b"0123456789", rng)


def letter(content: bytes, _: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    """Change one letter of readable text within the file."""
    return _character(content, rb"[A-Za-z]", b"abcdefghijklmnopqrstuvwxyzAFN", rng)


def _character(content: bytes, pattern: bytes, allowed: bytes, rng: np.random.Generator) -> tuple[bytes, str]:
    places = [found.start() for found in re.finditer(pattern, content[:20_000])]
    if not places:
        return content, "nothing to change"
    place, new = int(rng.choice(places)), bytes([int(rng.choice(list(allowed)))])
    return content[:place] + new + content[place + 1 :], f"{content[place : place + 1]!r} at {place} became {new!r}"


ALL: tuple[Change, ...] = (
    flip,
    flip_early,
    several,
    truncate,
    zeros,
    noise,
    repeated,
    append,
    insert,
    swap,
    part_of_other,
    digit,
    letter,
)

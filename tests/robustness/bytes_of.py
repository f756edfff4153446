"""Damage to the bytes of a file."""

import random


def flip(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Flip one bit."""
    place, bit = rng.randrange(len(content)), rng.randrange(8)
    changed = bytearray(content)
    changed[place] ^= 1 << bit
    return f"bit {bit} of byte {place} flipped", bytes(changed)


def truncate(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Keep only the beginning."""
    length = rng.randrange(len(content))
    return f"cut after {length} of {len(content)} bytes", content[:length]


def blank(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Replace a block by zeros, as a lost page of a disk."""
    size = min(len(content), rng.choice((16, 64, 512, 4096)))
    start = rng.randrange(len(content) - size + 1)
    return f"{size} bytes from {start} on zeroed", content[:start] + bytes(size) + content[start + size :]


def append(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Add bytes at the end."""
    extra = rng.randbytes(rng.choice((1, 8, 100)))
    return f"{len(extra)} bytes appended", content + extra


def swap(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Exchange two blocks of equal size."""
    size = max(1, min(len(content) // 4, rng.choice((8, 64, 512))))
    first = rng.randrange(len(content) // 2 - size + 1)
    second = rng.randrange(len(content) // 2, len(content) - size + 1)
    a, b = content[first : first + size], content[second : second + size]
    changed = content[:first] + b + content[first + size : second] + a + content[second + size :]
    return f"{size} bytes at {first} and {second} exchanged", changed


DAMAGE = (flip, flip, flip, truncate, blank, append, swap)  # flips are the most frequent


def damaged(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Return one damage, in words, and the damaged content."""
    return rng.choice(DAMAGE)(content, rng)

"""Overlays as a repeat sees them: one that is drawn differs between repeats."""

from collections.abc import Mapping
from typing import Any

from spurprune.dag import plugins


def is_drawn(overlay: Mapping[str, Any] | None) -> bool:
    """Return whether every repeat has an overlay of its own: it takes a seed, and its block gives none."""
    return overlay is not None and plugins.declared("overlays", overlay["name"], "SEEDED", False) and overlay.get("seed") is None


def at_repeat(overlay: Mapping[str, Any] | None, repeat: int) -> Mapping[str, Any] | None:
    """Return an overlay's block for one repeat, whose number is the seed of an overlay that is drawn."""
    return {**overlay, "seed": repeat} if overlay is not None and is_drawn(overlay) else overlay

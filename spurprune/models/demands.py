"""What a setting's network demands of images and batches, known without importing it.

A network's module declares SMALLEST, the pixels per side that it takes, and BATCH_NORM, whether it has batch normalisation; either may be a
mapping by ``architecture``.
"""

from collections.abc import Mapping
from typing import Any

from spurprune.dag import plugins


def smallest(model: Mapping[str, Any]) -> int:
    """Return the fewest pixels per side of images that a setting's block ``model`` takes; 0 if any number will do."""
    return int(_declared(model, "SMALLEST", 0))


def least_batch(model: Mapping[str, Any]) -> int:
    """Return the fewest samples that a batch in training may have: two with batch normalisation, since one has no variance."""
    return 2 if _declared(model, "BATCH_NORM", False) else 1


def _declared(model: Mapping[str, Any], constant: str, default: Any) -> Any:
    value = plugins.declared("models", model["name"], constant, default)
    return value.get(model["architecture"], default) if isinstance(value, Mapping) else value

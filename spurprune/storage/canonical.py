"""One form and one hash for equal configurations: keys are sorted, so that reordering them changes nothing."""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> Any:
    """Return the value with the keys of all mappings sorted; lists keep their order."""
    if isinstance(value, dict):
        return {str(key): canonical(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return value


def config_hash(value: Any) -> str:
    """Return a 16-digit hash of a JSON-like value that does not depend on the order of keys."""
    return hashlib.sha256(json.dumps(canonical(value), sort_keys=True).encode()).hexdigest()[:16]

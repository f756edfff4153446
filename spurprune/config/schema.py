"""JSON schemas of the configuration, and their violations as sentences."""

import difflib
import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from spurprune.config.settings import BaseLoader
from spurprune.errors import ConfigError

SCHEMAS = Path(__file__).resolve().parents[2] / "workflow" / "schemas"


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = yaml.load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"), Loader=BaseLoader)  # noqa: S506 - safe loader
    return Draft202012Validator(schema)


def validate(value: Any, name: str, where: str) -> None:
    """Validate a value against ``workflow/schemas/{name}.schema.yaml``; raises ConfigError that names key, value and what is allowed."""
    error = best_match(_validator(name).iter_errors(value))
    if error is not None:
        raise ConfigError(_sentence(error, where))


def _sentence(error: ValidationError, where: str) -> str:
    key = ".".join([*([where] if where else []), *(str(part) for part in error.absolute_path)])
    shown = json.dumps(error.instance, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    hint = error.schema.get("x-allowed") if isinstance(error.schema, dict) else None
    match error.validator:
        case "additionalProperties":
            allowed = sorted(error.schema["properties"])
            unknown = next(k for k in error.instance if k not in allowed and not _matches_pattern(k, error.schema))
            close = difflib.get_close_matches(str(unknown), allowed, n=1)
            guess = f" (did you mean '{close[0]}'?)" if close else ""
            return f"{_join(key, str(unknown))} is no known key{guess}; allowed are {', '.join(allowed)}."
        case "required":
            missing = next(k for k in error.validator_value if k not in error.instance)
            return f"{_join(key, missing)} is missing; it is required."
        case "type":
            kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
            return f"{key} is {shown}, but must be {hint or 'of type ' + ' or '.join(kinds)}."
        case "enum":
            return f"{key} is {shown}, but must be one of {', '.join(map(str, error.validator_value))}."
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
            return f"{key} is {shown}, but must be {hint or words[str(error.validator)] + ' ' + str(error.validator_value)}."
        case _:
            return f"{key} is {shown}, but must be {hint or error.message}."


def _join(key: str, last: str) -> str:
    return f"{key}.{last}" if key else last


def _matches_pattern(key: str, schema: dict[str, Any]) -> bool:
    import re

    return any(re.search(pattern, str(key)) for pattern in schema.get("patternProperties", {}))

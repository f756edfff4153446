"""JSON schemas of the configuration, and their violations as sentences."""

import difflib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance

from spurprune.config.settings import StrictLoader
from spurprune.errors import ConfigError

SCHEMAS = Path(__file__).resolve().parents[2] / "workflow" / "schemas"

TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number (YAML reads 1e-3 as text, so write 1.0e-3)",
    "object": "a mapping",
    "string": "text, quoted if it looks like a number",
}


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = yaml.load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"), Loader=StrictLoader)  # noqa: S506 - a subclass of the safe loader
    return Draft202012Validator(schema)


def validate(value: Any, name: str, where: str) -> None:
    """Validate a value against ``workflow/schemas/{name}.schema.yaml``; raises ConfigError that names key, value and what is allowed."""
    _require_text_keys(value, where)
    errors = list(_validator(name).iter_errors(value))
    if errors:
        raise ConfigError(_sentence(_narrowed(max(errors, key=relevance)), where))


def _require_text_keys(value: Any, where: str) -> None:
    """Raise ConfigError for a key that YAML read as a number, a truth value or a date, which JSON has not."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        if isinstance(value, Mapping) and not isinstance(key, str):
            raise ConfigError(f'{_join(where, str(key))} is a key that YAML does not read as text; write it quoted, as "{key}".')
        _require_text_keys(inner, _join(where, str(key)))


def _narrowed(error: ValidationError) -> ValidationError:
    """Return the error within the one of several alternatives that the value's ``name`` chooses, else the error as it is."""
    if error.validator != "oneOf" or not isinstance(error.instance, dict) or not error.context:
        return error
    branches: Any = error.validator_value
    alternatives: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        alternatives.setdefault(inner.relative_schema_path[0], []).append(inner)
    chosen = [
        errors
        for branch, errors in alternatives.items()
        if "name" in branches[branch].get("properties", {}) and not any(list(e.relative_path) == ["name"] for e in errors)
    ]
    return _narrowed(max(chosen[0], key=relevance)) if len(chosen) == 1 and "name" in error.instance else error


def _sentence(error: ValidationError, where: str) -> str:
    key = ".".join([*([where] if where else []), *(str(part) for part in error.absolute_path)])
    shown = json.dumps(error.instance, ensure_ascii=False, default=str)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    schema: Any = error.schema
    rule: Any = error.validator_value
    instance: Any = error.instance
    hint = schema.get("x-allowed")
    if "propertyNames" in error.absolute_schema_path:
        return f"{_join(key, str(instance))} is no allowed name; use {hint}."
    match error.validator:
        case "additionalProperties":
            allowed = sorted(schema["properties"])
            unknown = next(name for name in instance if name not in allowed)
            close = difflib.get_close_matches(unknown, allowed, n=1)
            guess = f" (did you mean '{close[0]}'?)" if close else ""
            return f"{_join(key, unknown)} is no known key{guess}; allowed are {', '.join(allowed)}."
        case "required":
            missing = next(name for name in rule if name not in instance)
            return f"{_join(key, missing)} is missing; it is required."
        case "type":
            kinds = rule if isinstance(rule, list) else [rule]
            return f"{key} is {shown}, but must be {hint or ' or '.join(TYPES[kind] for kind in kinds)}."
        case "enum":
            return f"{key} is {shown}, but must be one of {', '.join(map(str, rule))}."
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
            return f"{key} is {shown}, but must be {hint or words[error.validator] + ' ' + str(rule)}."
        case _:
            return f"{key} is {shown}, but must be {hint or error.message}."


def _join(key: str, last: str) -> str:
    return f"{key}.{last}" if key else last

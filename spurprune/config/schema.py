"""JSON schemas of the configuration, and their violations as sentences."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, relevance
from jsonschema.validators import extend

from spurprune.config.known import shown, unknown_key
from spurprune.config.reading import join, parse
from spurprune.dag import kinds, plugins
from spurprune.data import catalogue
from spurprune.errors import ConfigError

SCHEMAS = Path(__file__).resolve().parents[2] / "workflow" / "schemas"

CHOOSING = ("name", "kind", "reader")  # the keys by which a block chooses one of several alternatives
ALTERNATIVES = {"$ref", "oneOf", "anyOf", "allOf"}  # the keywords of a schema that consists of others
TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number (YAML reads 1e-3 as text, so write 1.0e-3)",
    "object": "a mapping",
    "string": "text, quoted if it is a number, yes, no, on or off",
}


def _whole_match(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Apply the keyword ``pattern`` to whole texts: JSON schema's own finds a match anywhere, and its $ matches before a line's end."""
    if validator.is_type(instance, "string") and not re.fullmatch(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _is_whole(checker: Any, instance: Any) -> bool:
    """Return whether a value is written as a whole number; JSON schema's own check takes 2.0 for one."""
    return isinstance(instance, int) and not isinstance(instance, bool)


def _is_number(checker: Any, instance: Any) -> bool:
    return isinstance(instance, (int, float)) and not isinstance(instance, bool) and math.isfinite(instance)


Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _whole_match},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_whole, "number": _is_number}),
)


@cache
def load(name: str) -> dict[str, Any]:
    """Return ``workflow/schemas/{name}.schema.yaml`` with what plugins and kinds declare filled in."""
    path = SCHEMAS / f"{name}.schema.yaml"
    filled: dict[str, Any] = _filled(parse(path.read_text(encoding="utf-8"), str(path)))
    return filled


@cache
def _validator(name: str, part: str | None) -> Any:
    schema = load(name)
    return Validator(schema if part is None else {**schema["properties"][part], "$defs": schema.get("$defs", {})})


def _filled(node: Any) -> Any:
    """Return a schema node with the placeholders ``x-own-datasets``, ``x-kinds``, ``x-names`` and ``x-plugins`` filled in."""
    if isinstance(node, list):
        return [_filled(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "x-own-datasets" in node:
        return catalogue.own_schema()
    if "x-kinds" in node:
        return kinds.schema_of({"figures": kinds.figure_kinds, "tables": kinds.table_kinds}[node["x-kinds"]]())
    if "x-names" in node:
        return {"enum": [name for kind in node["x-names"] for name in plugins.names(kind)]}
    if "x-plugins" in node:
        return _plugin_blocks(node["x-plugins"], node.get("x-key", "name"), node.get("x-common", {}), node.get("x-nullable", False))
    return {key: _filled(value) for key, value in node.items()}


def _plugin_blocks(kind: str, key: str, common: Mapping[str, Any], nullable: bool) -> dict[str, Any]:
    """Return the schema of a block that names a plugin under ``key`` and gives it the options that it declares.

    Options with a declared default may be omitted.
    """
    blocks, shown = [], []
    for name in plugins.names(kind):
        options = {**common, **plugins.declared(kind, name, "OPTIONS", {})}
        required = [option for option, schema in options.items() if "default" not in schema]
        blocks.append(
            {
                "type": "object",
                "additionalProperties": False,
                "required": [key, *required],
                "properties": {key: {"const": name}, **options},
            }
        )
        words = [f", {option}" if option in required else f"[, {option}]" for option in options]
        shown.append(f"{{{key}: {name}{''.join(words)}}}")
    if nullable:
        blocks.insert(0, {"type": "null"})
        shown.insert(0, "null")
    return {"oneOf": blocks, "x-allowed": " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)}


def validate_options(options: Any, kind: str, name: str, where: str) -> None:
    """Validate a plugin's options against what it declares, which may refer to ``$defs`` of the configuration's schema.

    Raises ConfigError that names key, value and what is allowed.
    """
    declared = plugins.declared(kind, name, "OPTIONS", {})
    required = [option for option, schema in declared.items() if "default" not in schema]
    found = {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": declared,
        "$defs": load("config")["$defs"],
    }
    errors = list(Validator(found).iter_errors(options))
    if errors:
        raise ConfigError(_sentence(_narrowed(max(errors, key=relevance)), where))


def validate(value: Any, name: str, where: str, part: str | None = None) -> None:
    """Validate a value against ``workflow/schemas/{name}.schema.yaml``, or against its property ``part``.

    Raises ConfigError that names key, value and what is allowed.
    """
    errors = list(_validator(name, part).iter_errors(value))
    if errors:
        raise ConfigError(_sentence(_narrowed(max(errors, key=relevance)), where))


def require_setting_keys(block: Mapping[str, Any], where: str, also: Iterable[str]) -> None:
    """Raise ConfigError for the first key of a setting that is neither the schema's nor one of ``also``."""
    allowed = [*load("setting")["properties"], *also]
    for key in block:
        if key not in allowed:
            raise ConfigError(unknown_key(join(where, key), key, allowed))


def validate_partial(value: Any, where: str, part: str | None = None) -> None:
    """Validate a block that is merged into settings, or into their property ``part``: it may lack any key, but have no wrong one.

    Raises ConfigError that names key, value and what is allowed.
    """
    errors = list(_partial_validator(part).iter_errors(value))
    if errors:
        raise ConfigError(_sentence(_narrowed(max(errors, key=relevance)), where))


@cache
def _partial_validator(part: str | None) -> Any:
    whole = load("setting")
    return Validator(_partial(whole if part is None else whole["properties"][part]))


def _partial(node: Any) -> Any:
    """Return a schema without required keys; of alternatives, which these tell apart, any may then apply."""
    if isinstance(node, list):
        return [_partial(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    found = {}
    for key, value in node.items():
        if key == "properties":
            found[key] = {name: _partial(inner) for name, inner in value.items()}
        elif key != "required":
            found["anyOf" if key == "oneOf" else key] = _partial(value)
    return found


def below(schemas: Iterable[Any], key: str | None) -> list[Any]:
    """Return the schemas that apply to the value at a mapping's ``key``, or to a list's items if it is None, in any alternative.

    Blocks that are partial, and so not fully described where they stand, have the schemas of what they are merged into.
    """
    found: list[Any] = []
    for node in _alternatives(schemas):
        if key is None:
            found.append(node.get("items", {}))
            continue
        properties = node.get("properties", {})
        if key == "setting_defaults" and key in properties:
            found.append(load("setting"))
        elif key == "training" and properties.get(key, {}) == {"type": "object"}:  # of a method
            found.append(load("setting")["properties"][key])
        elif key in properties:
            found.append(properties[key])
        elif isinstance(node.get("additionalProperties"), dict):
            found.append(node["additionalProperties"])
    return found


def accepts(node: Any, value: Any) -> bool:
    """Return whether a schema, one of those that ``below`` returns, accepts a value; one without any rule accepts none."""
    return any(one and Validator(one).is_valid(value) for one in _alternatives([node]) if not one.keys() & ALTERNATIVES)


def _alternatives(schemas: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield every schema and those that it refers to or consists of."""
    for node in schemas:
        if not isinstance(node, dict):
            continue
        yield node
        if "$ref" in node:
            yield from _alternatives([load("config")["$defs"][node["$ref"].rpartition("/")[2]]])
        for keyword in ("oneOf", "anyOf", "allOf"):
            yield from _alternatives(node.get(keyword, ()))
        yield from _alternatives([node["then"]] if "then" in node else ())


def _narrowed(error: ValidationError) -> ValidationError:
    """Return the error within the alternative that the value chooses by its name, kind or reader, or as the only mapping."""
    if error.validator not in ("oneOf", "anyOf") or not isinstance(error.instance, dict) or not error.context:
        return error
    branches: Any = error.validator_value
    alternatives: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        alternatives.setdefault(inner.relative_schema_path[0], []).append(inner)
    mappings = [branch for branch in alternatives if branches[branch].get("type") == "object"]
    if len(mappings) == 1:
        return _narrowed(max(alternatives[mappings[0]], key=relevance))
    for key in CHOOSING:
        chosen = [
            errors
            for branch, errors in alternatives.items()
            if key in branches[branch].get("properties", {}) and not any(list(e.relative_path) == [key] for e in errors)
        ]
        if len(chosen) == 1 and key in error.instance:
            return _narrowed(max(chosen[0], key=relevance))
    fitting = [errors for branch, errors in alternatives.items() if branch in mappings and all(e.relative_path for e in errors)]
    if fitting and not any(key in error.instance for key in CHOOSING):  # it has no key that is wrong, but a value
        return _narrowed(max(fitting[0], key=relevance))
    return error


def _unknown_in_all(instance: Any, branches: Iterable[Mapping[str, Any]]) -> str | None:
    """Return a mapping's first key that none of the alternatives knows; None without one, or where no alternative is a mapping."""
    known = {name for branch in branches for name in branch.get("properties", {})}
    return next((name for name in instance if name not in known), None) if known and isinstance(instance, Mapping) else None


def _sentence(error: ValidationError, where: str) -> str:
    key = ".".join([*([where] if where else []), *(str(part) for part in error.absolute_path)])
    found = shown(error.instance)
    schema: Any = error.schema
    rule: Any = error.validator_value
    instance: Any = error.instance
    hint = schema.get("x-allowed")
    if "propertyNames" in error.absolute_schema_path:
        return f"{join(key, str(instance))} is not a valid name; use {hint}."
    match error.validator:
        case "additionalProperties":
            unknown = next(name for name in instance if name not in schema["properties"])
            return unknown_key(join(key, unknown), unknown, schema["properties"])
        case "anyOf" if (unknown := _unknown_in_all(instance, rule)) is not None:
            return unknown_key(join(key, unknown), unknown, {name for branch in rule for name in branch.get("properties", {})})
        case "required":
            missing = next(name for name in rule if name not in instance)
            return f"{join(key, missing)} is missing; it is required."
        case "type":
            kinds = rule if isinstance(rule, list) else [rule]
            return f"{key} is {found}, but must be {hint or ' or '.join(TYPES[kind] for kind in kinds)}."
        case "enum":
            return f"{key} is {found}, but must be one of {', '.join(map(str, rule))}."
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
            return f"{key} is {found}, but must be {hint or words[error.validator] + ' ' + str(rule)}."
        case _:
            return f"{key} is {found}, but must be {hint or error.message}."

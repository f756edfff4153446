"""The raw configuration: the main file, the files merged over it, and what the command line sets."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spurprune.config import schema
from spurprune.config.reading import parse, read_yaml, require_plain
from spurprune.errors import ConfigError

MAIN = Path("config") / "config.yaml"
WRITTEN_NULLS = ("~", "null", "Null", "NULL")  # what a file does not take for text either, unless it is quoted
NULLS = (None, "", "~", "null", "None")  # how a command line, YAML, and Snakemake's own calls of itself write null


def from_files(main: Path | None, configfiles: Iterable[Path], set_values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the files merged over ``main``, in order, and what ``--config`` sets over these; raises ConfigError.

    Without ``main`` the files are all there is. ``set_values`` are as Snakemake parsed them.
    """
    raw = {} if main is None else read_yaml(main, "")
    for path in configfiles:
        raw = merged(raw, read_yaml(path, ""))
    return merged(raw, typed(set_values or {}))


def require_main(folder: Path, project: Path) -> Path:
    """Return the main file, looked up in the working directory ``folder`` as Snakemake does.

    Raises ConfigError if it is not there; ``project`` is the folder that holds one.
    """
    main = folder / MAIN
    if not main.exists():
        raise ConfigError(f"{MAIN} was not found from here ({folder}); start Snakemake in {project}, or give it '--directory {project}'.")
    return MAIN


def nearby(path: Path) -> Path:
    """Return a path as a user in the working directory writes it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``over`` merged into it key by key, as Snakemake merges a --configfile: mappings deeply, all else replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        result[key] = merged(old if isinstance(old, Mapping) else {}, value) if isinstance(value, Mapping) else value
    return result


def typed(set_values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``--config`` sets, with numbers, true, false and null where these are meant: Snakemake makes most of them text.

    A text becomes what YAML reads in it where the schema allows that and no text. Raises ConfigError for values that are none of JSON's.
    """
    require_plain(set_values, "")
    result: dict[str, Any] = _typed(dict(set_values), [schema.load("config")])
    return result


def _typed(value: Any, schemas: list[Any]) -> Any:
    """Return a value whose texts are typed by the schemas that may apply to it."""
    if isinstance(value, Mapping):
        return {key: _typed(inner, schema.below(schemas, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner, schema.below(schemas, None)) for inner in value]
    if value in NULLS and any(schema.accepts(one, None) for one in schemas):
        return None
    if value in WRITTEN_NULLS and any(schema.accepts(one, value) for one in schemas):
        return None  # for the schema to refuse, as in a file
    if not isinstance(value, str) or any(schema.accepts(one, value) for one in schemas):
        return value
    read = _as_yaml(value)
    return read if any(schema.accepts(one, read) for one in schemas) else value


def _as_yaml(value: str) -> Any:
    """Return what YAML reads in a text, the text itself if that is no single plain value."""
    try:
        read = parse(f"value: {value}", "--config")["value"]
    except ConfigError:
        return value
    return value if isinstance(read, (list, Mapping)) else read

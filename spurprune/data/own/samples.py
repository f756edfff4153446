"""Which columns of a user's samples hold what: options that the readers of tables share, and what they make of them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spurprune.data.own import photos, splits
from spurprune.data.own.columns import Column
from spurprune.errors import ConfigError

KINDS = {"image": "images", "text": "sentences", "vectors": "vectors"}  # the keys that hold samples, and what these are
Columns = Callable[[str], Column]  # a column by its name


def check(options: Mapping[str, Any], where: str, keys: Iterable[str]) -> None:
    """Raise ConfigError that names the key below ``where`` if options do not fit each other; ``keys`` are those that may hold samples."""
    keys, separator = list(keys), "', '"
    if sum(key in options for key in keys) != 1:
        named = f"'{separator.join(keys[:-1])}' and '{keys[-1]}'"
        raise ConfigError(f"{where} must have one of {named}; name the one that holds the samples.")
    if ("tokenizer" in options) != ("text" in options):
        problem = "needs a 'tokenizer', that of the encoder" if "text" in options else "has a 'tokenizer', which is for 'text'"
        raise ConfigError(f"{where} {problem}; {'name it' if 'text' in options else 'remove it'}.")
    if "intensity" in options and "image" not in options:
        raise ConfigError(f"{where}.intensity is for images, but '{where}' holds {kind(options)}; remove it.")
    named_once = [options["label"], options.get("split"), *sample_columns(options), *options.get("attributes", ())]
    used = [name for name in named_once if isinstance(name, str)]
    twice = next((name for name in used if used.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{where} takes the column '{twice}' for two things; name another column for one of them.")
    together = options.get("keep_together")
    if together is not None and together in (options["label"], options.get("split")):
        raise ConfigError(f"{where}.keep_together is '{together}', the column of the labels or the splits; name another one.")
    splits.check_shares(options.get("split"), f"{where}.split")
    photos.check_intensity(options, where)


def kind(options: Mapping[str, Any]) -> str:
    """Return what samples are: "images", "sentences" or "vectors"."""
    return next(kind for key, kind in KINDS.items() if key in options)


def sample_columns(options: Mapping[str, Any]) -> list[str]:
    """Return the columns of images or texts; none if vectors lie elsewhere."""
    given = options.get("image", options.get("text", []))
    return [given] if isinstance(given, str) else list(given)


def column_names(options: Mapping[str, Any]) -> list[str]:
    """Return all columns that the options name, each once."""
    named = [options["label"], options.get("split"), options.get("keep_together")]
    named += [*sample_columns(options), *options.get("attributes", ())]
    return list(dict.fromkeys(name for name in named if isinstance(name, str)))


def together(options: Mapping[str, Any], column: Columns) -> Column | None:
    """Return the column of what stays in one split, if there is one."""
    return column(options["keep_together"]) if "keep_together" in options else None

"""A table of samples, with images or feature vectors beside it: a csv, tsv, parquet or json lines file, one row per sample."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spurprune import seeds
from spurprune.data.division import stratified_split
from spurprune.data.formats import photos
from spurprune.data.formats.images import ImageFiles
from spurprune.data.grouping import Attribute
from spurprune.data.raw import RawDataset
from spurprune.errors import ConfigError, DataError, first_sentence
from spurprune.storage.columns import labels
from spurprune.storage.regular import require_regular
from spurprune.storage.words import SPLITS

if TYPE_CHECKING:
    import pandas as pd

# A literal: planning reads it without importing this module.
OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "label"],
    "properties": {
        "path": {
            "type": "string",
            "pattern": r".+\.(?i:csv|tsv|parquet|jsonl)",
            "x-allowed": "a file whose name ends in .csv, .tsv, .parquet or .jsonl",
        },
        "label": {"type": "string", "minLength": 1, "x-allowed": "the name of a column, quoted if it is a number"},
        "split": {
            "type": ["string", "object"],
            "additionalProperties": False,
            "properties": {
                "validation": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "test": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            },
            "x-allowed": "the name of a column, or shares such as {validation: 0.1, test: 0.2}",
        },
        "attributes": {
            "type": "array",
            "maxItems": 100,
            "uniqueItems": True,
            "items": {"type": "string", "minLength": 1, "x-allowed": "the name of a column, quoted if it is a number"},
            "x-allowed": "a list of at most 100 different columns",
        },
        "image": {"type": "string", "minLength": 1, "x-allowed": "the name of a column, quoted if it is a number"},
        "vectors": {"type": "string", "pattern": r".+\.(?i:npy)", "x-allowed": "a file whose name ends in .npy"},
    },
}
# What the values of a split column mean, in upper or lower case.
SPLIT_NAMES = {"train": "train", "test": "test"} | dict.fromkeys(("validation", "valid", "val", "dev"), "validation")
MOST_VALUES = np.iinfo(np.int16).max  # of a class or an attribute: base tables hold int16


def check(options: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError that names the key below ``where`` if options do not fit each other."""
    if ("image" in options) == ("vectors" in options):
        raise ConfigError(f"{where} must have either 'image' or 'vectors'; name the one that holds the samples.")
    used = [options["label"], options.get("split"), options.get("image"), *options.get("attributes", ())]
    columns = [name for name in used if isinstance(name, str)]
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{where} takes the column '{twice}' for two things; name another column for one of them.")
    shares = options.get("split")
    if isinstance(shares, Mapping) and sum(shares.values()) >= 1:
        raise ConfigError(f"{where}.split takes {sum(shares.values()):g} of the samples, which leaves none for training; lower the shares.")


def kind(options: Mapping[str, Any]) -> str:
    """Return what samples are: "images" or "vectors"."""
    return "images" if "image" in options else "vectors"


def validated(options: Mapping[str, Any]) -> bool:
    """Return whether there may be a validation split; a column of splits may name it."""
    shares = options.get("split", {})
    return isinstance(shares, str) or shares.get("validation", 0) > 0


def files(options: Mapping[str, Any]) -> list[Path]:
    """Return the table and the file of vectors, if they exist; image files are not listed."""
    named = [_path(options), *([_vectors_path(options)] if "vectors" in options else [])]
    return [path for path in named if path.is_file()]


def read(options: Mapping[str, Any], image_size: int | None) -> RawDataset:
    """Read the table's rows in order; see ``datasets`` in config/README.md for the options.

    Images become RGB, resized to ``image_size`` pixels per side; vectors are kept as they are, and ``image_size`` must be None. The
    classes are the distinct values of the label column, an attribute's values those of its column, sorted, as numbers if all are. A
    sample's key is its image's path or its row, counted from 0. Raises DataError that names file, column and row.
    """
    path = _path(options)
    frame = _frame(path, _columns(options))
    classes, label = _classes(frame[options["label"]], path)
    split = _split(options.get("split", {}), frame, label, path)
    missing = np.setdiff1d(np.arange(len(classes)), label[split == SPLITS.index("train")])
    if len(missing):
        raise DataError(
            f"{path} has no training sample of the class '{classes[missing[0]]}' of the column '{options['label']}'; add some, or "
            "change the split."
        )
    attributes = {name: _coded(frame[name], path) for name in options.get("attributes", ())}
    inputs: ImageFiles | np.ndarray
    if "image" in options:
        keys = _image_names(frame[options["image"]], path)
        inputs = _images(keys, path, image_size)
    else:
        keys = [str(row) for row in range(len(frame))]
        inputs = _vectors(_vectors_path(options), path, len(frame), image_size)
    base = pa.table(
        {
            "sample_id": np.arange(len(frame), dtype=np.int64),
            "split": labels(split, SPLITS),
            "label": label,
            **{f"attribute_{name}": pa.array(codes, mask=codes < 0) for name, (_, codes) in attributes.items()},
            "key": keys,
        }
    )
    return RawDataset(
        inputs=inputs,
        base=base,
        classes=classes,
        split_counts={name: int((split == code).sum()) for code, name in enumerate(SPLITS)},
        source=str(path),
        licence="the user's own data",
        attributes=tuple(Attribute.of(name, values) for name, (values, _) in attributes.items()),
    )


def _path(options: Mapping[str, Any]) -> Path:
    return Path(options["path"])


def _vectors_path(options: Mapping[str, Any]) -> Path:
    return _path(options).parent / options["vectors"]


def _columns(options: Mapping[str, Any]) -> list[str]:
    """Return the columns that the options name, each once."""
    named = [options["label"], options.get("split"), options.get("image"), *options.get("attributes", ())]
    return list(dict.fromkeys(name for name in named if isinstance(name, str)))


def _frame(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    """Return some columns of the table, with values as in the file, all texts in csv and tsv."""
    import pandas as pd

    require_regular(path, "The table")
    if not path.is_file():
        raise DataError(f"The table {path} is missing; place it there, or change the dataset's 'path'.")
    try:
        ending = path.suffix.lower()
        if ending == ".parquet":
            _require_columns(pq.read_schema(path).names, columns, path)
            frame = pd.read_parquet(path, columns=list(columns), dtype_backend="numpy_nullable")  # keeps whole numbers whole beside nulls
        elif ending == ".jsonl":
            frame = pd.DataFrame(_json_rows(path), dtype=object)
        else:
            frame = _separated(path, "," if ending == ".csv" else "\t")
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"The table {path} is damaged or of another format ({first_sentence(error)}); save it again.") from error
    if frame.empty:
        raise DataError(f"{path} has no rows; give a table with one row per sample.")
    _require_columns(list(frame.columns), columns, path)
    return frame


def _require_columns(found: Sequence[str], wanted: Sequence[str], path: Path) -> None:
    for name in wanted:
        if name not in found:
            raise DataError(f"{path} has no column '{name}'; its columns are {', '.join(map(str, found))}.")
        if found.count(name) > 1:
            raise DataError(f"{path} has several columns '{name}'; rename all but one.")


def _separated(path: Path, separator: str) -> "pd.DataFrame":
    """Return the rows of a csv or tsv file as texts; raises ValueError that says what is wrong."""
    import pandas as pd

    try:  # the header is read as a row, so that pandas neither renames columns nor takes one as an index
        lines = pd.read_csv(path, sep=separator, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except pd.errors.ParserError as error:
        raise ValueError(str(error).rpartition("C error: ")[2]) from error
    return lines[1:].set_axis(lines.iloc[0].tolist(), axis=1)


def _json_rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    with open(path, encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise ValueError(f"line {number}: {error}") from error
                if not isinstance(row, dict):
                    raise ValueError(f"line {number} is not a JSON object")
                rows.append(row)
    return rows


def _text(value: Any) -> str | None:
    """Return a cell as text without surrounding blanks, None if it is empty; whole numbers without a decimal point."""
    import pandas as pd

    if isinstance(value, (list, dict, np.ndarray)):
        raise ValueError("several values")
    if pd.isna(value):
        return None
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value).strip() or None


def _texts(column: "pd.Series[Any]", path: Path) -> list[str | None]:
    texts = []
    for row, value in enumerate(column):
        try:
            texts.append(_text(value))
        except ValueError as error:
            raise DataError(f"{path} has {error} in the column '{column.name}' of {_row(row)}; give one value per cell.") from None
    return texts


def _coded(column: "pd.Series[Any]", path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Return (the distinct values, sorted; each row's position among them, int16 [N], -1 where the cell is empty)."""
    texts = _texts(column, path)
    values = _sorted(sorted({text for text in texts if text is not None}), path, str(column.name))
    if not values:
        raise DataError(f"{path} has no values in the column '{column.name}'; name another column.")
    if len(values) > MOST_VALUES:
        raise DataError(
            f"{path} has {len(values):,} different values in the column '{column.name}', but at most {MOST_VALUES:,} are allowed; name "
            "another column."
        )
    code = {value: place for place, value in enumerate(values)}
    return values, np.array([-1 if text is None else code[text] for text in texts], dtype=np.int16)


def _sorted(values: Sequence[str], path: Path, column: str) -> tuple[str, ...]:
    """Return distinct values, sorted as numbers if all are numbers, else as texts; raises DataError if a number is written in two ways."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return tuple(values)
    if not all(map(math.isfinite, numbers)):
        return tuple(values)
    seen: dict[float, str] = {}
    for number, value in zip(numbers, values, strict=True):
        if number in seen:
            raise DataError(
                f"{path} has the same number as '{seen[number]}' and as '{value}' in the column '{column}'; write it in one way."
            )
        seen[number] = value
    return tuple(seen[number] for number in sorted(seen))


def _classes(column: "pd.Series[Any]", path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Return (the classes, each row's label int16 [N]); raises DataError if a row has none or if there is only one class."""
    classes, label = _coded(column, path)
    unknown = np.flatnonzero(label < 0)
    if len(unknown):
        raise DataError(f"{path} has no value in the column '{column.name}' of {_row(unknown[0])}; fill it in or remove the row.")
    if len(classes) < 2:
        raise DataError(f"{path} has only the class '{classes[0]}' in the column '{column.name}'; name a column with two or more.")
    return classes, label


def _split(given: str | Mapping[str, float], frame: "pd.DataFrame", label: np.ndarray, path: Path) -> np.ndarray:
    """Return every row's position in SPLITS, int8 [N], from a column that names it, or drawn by the shares of validation and test."""
    return _named_split(frame[given], path) if isinstance(given, str) else _drawn_split(label, given)


def _named_split(column: "pd.Series[Any]", path: Path) -> np.ndarray:
    """Return every row's position in SPLITS, int8 [N], from a column that names it."""
    codes = []
    for row, text in enumerate(_texts(column, path)):
        name = SPLIT_NAMES.get((text or "").lower())
        if name is None:
            found = "no value" if text is None else f"the value '{text}'"
            raise DataError(
                f"{path} has {found} in the column '{column.name}' of {_row(row)}, but a split must be train, validation (or valid, val, "
                "dev) or test."
            )
        codes.append(SPLITS.index(name))
    return np.array(codes, dtype=np.int8)


def _drawn_split(label: np.ndarray, shares: Mapping[str, float]) -> np.ndarray:
    """Return every row's position in SPLITS, int8 [N], drawn by a fixed seed, stratified by class."""
    counts = {name: round(shares.get(name, 0) * len(label)) for name in SPLITS[1:]}
    counts = {"train": len(label) - sum(counts.values()), **counts}
    return stratified_split(label, counts, seeds.generator(seeds.SPLIT, "table"))


def _image_names(column: "pd.Series[Any]", path: Path) -> list[str]:
    names = [str(value) for value in column.where(column.notna(), "")]
    empty = next((row for row, name in enumerate(names) if not name), None)
    if empty is not None:
        raise DataError(f"{path} names no image in the column '{column.name}' of {_row(empty)}; fill it in or remove the row.")
    return names


def _images(names: list[str], path: Path, image_size: int | None) -> ImageFiles:
    """Return the images with these names, relative to the table."""
    if image_size is None:
        raise DataError(f"The images of {path} are brought to one size, so image_size must be a number of pixels, not null.")
    return ImageFiles(path.parent, names, image_size, partial(photos.square, side=image_size), "table: bilinear resize")


def _vectors(path: Path, table: Path, count: int, image_size: int | None) -> np.ndarray:
    """Return the vectors, float32 [N, D]; raises DataError unless the file holds one for each of the table's ``count`` rows."""
    if image_size is not None:
        raise DataError(f"The vectors of {path} are kept as they are, so image_size must be null, not {image_size}.")
    require_regular(path, "The file of vectors")
    if not path.is_file():
        raise DataError(f"The vectors {path} are missing; place them there, or change the dataset's 'vectors'.")
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(vectors, np.ndarray):
            raise ValueError("it is an archive of arrays")
    except Exception as error:  # NumPy parses a damaged header as Python, with errors of many kinds
        raise DataError(f"{path} is damaged or not an NPY file ({first_sentence(error)}); save the vectors again.") from error
    if vectors.ndim != 2 or vectors.dtype not in (np.float32, np.float64) or not vectors.shape[1]:
        raise DataError(f"{path} holds {vectors.dtype} {vectors.shape}, but vectors must be float32 or float64 of shape (rows, length).")
    if len(vectors) != count:
        raise DataError(f"{path} holds {len(vectors):,} vectors, but {table} has {count:,} rows; give one vector for every row.")
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, which is refused later
        return np.asarray(vectors, dtype=np.float32)


def _row(row: int) -> str:
    return f"row {row} (the first is 0)"

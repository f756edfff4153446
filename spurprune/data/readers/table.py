"""A table with one row per sample, and images or feature vectors beside it or texts in it: csv, tsv, parquet or json lines."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spurprune.data.formats import lists
from spurprune.data.formats.images import Images
from spurprune.data.own import columns, photos, samples, sentences, splits
from spurprune.data.own.assembly import assembled
from spurprune.data.own.columns import Column
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular

if TYPE_CHECKING:
    import pandas as pd

# A literal: planning reads it without importing this module. Definitions are those of the configuration's schema.
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
        "label": {"$ref": "#/$defs/column"},
        "split": {"$ref": "#/$defs/column_or_shares"},
        "attributes": {"$ref": "#/$defs/columns"},
        "image": {"$ref": "#/$defs/column"},
        "vectors": {"type": "string", "pattern": r".+\.(?i:npy)", "x-allowed": "a file whose name ends in .npy"},
        "text": {"$ref": "#/$defs/text_columns"},
        "tokenizer": {"$ref": "#/$defs/tokenizer"},
        "keep_together": {"$ref": "#/$defs/column"},
        "intensity": {"$ref": "#/$defs/intensity"},
    },
}


def check(options: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError that names the key below ``where`` if options do not fit each other."""
    samples.check(options, where, samples.KINDS)


def kind(options: Mapping[str, Any]) -> str:
    """Return what samples are: "images", "sentences" or "vectors"."""
    return samples.kind(options)


def validated(options: Mapping[str, Any]) -> bool:
    """Return whether there may be a validation split; a column of splits may name it."""
    return splits.may_validate(options.get("split", {}))


def tested(options: Mapping[str, Any]) -> bool:
    """Return whether there may be a test split; a column of splits may name it."""
    return splits.may_test(options.get("split", {}))


def files(options: Mapping[str, Any]) -> list[Path]:
    """Return the table, the file of vectors and a tokenizer's file, if they exist; image files are not listed."""
    named = [_path(options), *([_vectors_path(options)] if "vectors" in options else [])]
    named += [Path(options["tokenizer"], "tokenizer.json")] if "tokenizer" in options else []
    return [path for path in named if path.is_file()]


def originals(options: Mapping[str, Any]) -> Path | None:
    """Return the folder below which samples' keys are paths of image files; None without images."""
    return _path(options).parent if "image" in options else None


def read(options: Mapping[str, Any], image_size: int | None) -> RawDataset:
    """Read the table's rows in order; see ``datasets`` in config/README.md for the options.

    Images become RGB, resized to ``image_size`` pixels per side; texts are cut to as many tokens; vectors are kept as they are, and
    ``image_size`` must be None. The classes are the distinct values of the label column, an attribute's values those of its column, sorted,
    as numbers if all are. A sample's key is its image's path or its row, counted from 0. Raises DataError that names file, column and row.
    """
    path = _path(options)
    frame = _frame(path, samples.column_names(options))

    def column(name: str) -> Column:
        return Column(frame[name].tolist(), name, str(path))

    classes, label = columns.classes(column(options["label"]))
    split = _split(options.get("split", {}), column, label, samples.together(options, column))
    splits.require_training(split, label, classes, str(path), options["label"])
    inputs: Images | np.ndarray
    vocabulary, keys = "", [str(row) for row in range(len(frame))]
    if "image" in options:
        keys = _image_names(column(options["image"]))
        inputs = photos.files(path.parent, keys, options, image_size, str(path))
    elif "text" in options:
        inputs, vocabulary = sentences.encoded([column(name) for name in samples.sample_columns(options)], options["tokenizer"], image_size)
    else:
        inputs = _vectors(_vectors_path(options), path, len(frame), image_size)
    return assembled(
        inputs,
        split=split,
        label=label,
        classes=classes,
        keys=keys,
        source=str(path),
        attributes={name: columns.coded(column(name)) for name in options.get("attributes", ())},
        vocabulary=vocabulary,
    )


def _path(options: Mapping[str, Any]) -> Path:
    return Path(options["path"])


def _vectors_path(options: Mapping[str, Any]) -> Path:
    return _path(options).parent / options["vectors"]


def _frame(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    """Return some columns of the table, with values as in the file, all texts in csv and tsv."""
    require_regular(path, "The table")
    if not path.is_file():
        raise DataError(f"The table {path} is missing; place it there, or change the dataset's 'path'.")
    ending = path.suffix.lower()
    try:
        if ending != ".parquet":
            lists.require_text(path, "The table")
        if ending == ".parquet":
            _require_columns(pq.read_schema(path).names, columns, path)
            frame = _parquet(path, columns)
        elif ending == ".jsonl":
            frame = _json_lines(path, columns)
        else:
            frame = _separated(path, "," if ending == ".csv" else "\t")
    except UnicodeDecodeError as error:
        raise DataError(f"The table {path} is not UTF-8 text ({first_sentence(error)}); save it as UTF-8.") from error
    except (OSError, ValueError, OverflowError, RecursionError, pa.ArrowException) as error:
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


def _parquet(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    """Return some columns of a Parquet file; whole numbers stay whole beside nulls."""
    import pandas as pd

    table = pq.read_table(path, columns=list(dict.fromkeys(columns)), partitioning=None)
    table.validate(full=True)
    whole = {
        getattr(pa, name)(): getattr(pd, f"{name.replace('u', 'U').replace('int', 'Int')}Dtype")()
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    }
    frame: pd.DataFrame = table.to_pandas(types_mapper=whole.get, ignore_metadata=True)
    return frame


def _json_lines(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    """Return some columns of a file of JSON objects, one a line; raises ValueError that names the line that is none."""
    import pandas as pd

    names: dict[str, None] = {}
    rows = []
    with open(path, encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except RecursionError:
                    raise ValueError(f"line {number} is nested too deeply") from None
                except ValueError as error:
                    raise ValueError(f"line {number}: {error}") from error
                if not isinstance(row, dict):
                    raise ValueError(f"line {number} is not a JSON object")
                names.update(dict.fromkeys(row))
                rows.append([row.get(name) for name in columns])
    if rows:
        _require_columns(list(names), columns, path)
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


def _split(given: str | Mapping[str, float], column: samples.Columns, label: np.ndarray, together: Column | None) -> np.ndarray:
    """Return every row's position in SPLITS, int8 [N], from a column that names it, or drawn by the shares of validation and test."""
    if not isinstance(given, str):
        return splits.drawn(label, given, "table", together)
    split = columns.splits(column(given))
    if together is not None:
        splits.require_together(split, together, f"the column '{given}'")
    return split


def _image_names(column: Column) -> list[str]:
    """Return every row's image; raises DataError that names a row without one, and an image that two rows have."""
    names = [str(value) for value in column.cells]
    seen: dict[str, int] = {}
    for row, name in enumerate(columns.texts(column)):
        if name is None:
            raise DataError(
                f"{column.where} names no image in the column '{column.name}' of {column.row(row)}; fill it in or remove the row."
            )
        first = seen.setdefault(os.path.normpath(names[row]), row)
        if first != row:
            raise DataError(
                f"{column.where} names the image '{names[row]}' in {column.row(first)} and again in row {row}; remove one of them."
            )
    return names


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

"""A dataset of Hugging Face's library ``datasets``, saved to a folder or in the library's cache: images or texts in Arrow tables."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spurprune.data.formats import arrow_folders, images
from spurprune.data.formats.images import DamagedImageError, Images, Preparation
from spurprune.data.own import columns, photos, samples, sentences, splits
from spurprune.data.own.assembly import assembled
from spurprune.data.own.columns import SPLIT_NAMES, Column
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError, first_sentence
from spurprune.machine.logs import log
from spurprune.storage.regular import require_regular
from spurprune.storage.words import SPLITS

# A literal: planning reads it without importing this module. Definitions are those of the configuration's schema.
OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "label"],
    "properties": {
        "path": {"type": "string", "minLength": 1, "x-allowed": "a folder, or the name of a dataset in the library's cache"},
        "config": {"type": "string", "minLength": 1, "x-allowed": "the name of one of the cached dataset's configurations"},
        "label": {"$ref": "#/$defs/column"},
        "split": {"$ref": "#/$defs/column_or_shares"},
        "splits": {
            "type": "object",
            "additionalProperties": False,
            "required": ["train"],
            "properties": {
                "train": {"type": "string", "minLength": 1, "x-allowed": "the name of one of the dataset's splits"},
                "validation": {"type": "string", "minLength": 1, "x-allowed": "the name of one of the dataset's splits"},
                "test": {"type": "string", "minLength": 1, "x-allowed": "the name of one of the dataset's splits"},
            },
            "x-allowed": "a mapping such as {train: train, validation: validation_matched}",
        },
        "attributes": {"$ref": "#/$defs/columns"},
        "image": {"$ref": "#/$defs/column"},
        "text": {"$ref": "#/$defs/text_columns"},
        "tokenizer": {"$ref": "#/$defs/tokenizer"},
        "keep_together": {"$ref": "#/$defs/column"},
        "intensity": {"$ref": "#/$defs/intensity"},
    },
}
SAMPLES = ("image", "text")
# Asks the library, in a process of its own that stays off the network, for the Arrow files of a cached dataset. Nothing is downloaded or
# converted, so that no dataset's files are decoded by the library.
ASK = """
import json, sys
import datasets
found = datasets.load_dataset(*sys.argv[1:])
print(json.dumps({split: [one["filename"] for one in part.cache_files] for split, part in found.items()}))
"""
ASK_SECONDS = 300
# What the fields of an image may be; null if no row has it.
BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_null)
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)


def check(options: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError that names the key below ``where`` if options do not fit each other."""
    samples.check(options, where, SAMPLES)


def kind(options: Mapping[str, Any]) -> str:
    """Return what samples are: "images" or "sentences"."""
    return samples.kind(options)


def validated(options: Mapping[str, Any]) -> bool:
    """Return whether there may be a validation split; without shares, the dataset may have one."""
    if "splits" in options:
        return "validation" in options["splits"]
    return splits.may_validate(options.get("split", "unknown"))


def tested(options: Mapping[str, Any]) -> bool:
    """Return whether there may be a test split; without shares, the dataset may have one."""
    if "splits" in options:
        return "test" in options["splits"]
    return splits.may_test(options.get("split", "unknown"))


def files(options: Mapping[str, Any]) -> list[Path]:
    """Return the files of a saved dataset that name the others, and a tokenizer's file, if they exist."""
    folder = Path(options["path"])
    named = [folder / name for name in ("dataset_dict.json", "state.json", "dataset_info.json")]
    named += sorted(folder.glob("*/state.json")) if (folder / "dataset_dict.json").is_file() else []
    named += [Path(options["tokenizer"], "tokenizer.json")] if "tokenizer" in options else []
    return [path for path in named if path.is_file()]


def originals(options: Mapping[str, Any]) -> Path | None:
    """Return None: images lie within the dataset's files."""
    return None


def read(options: Mapping[str, Any], image_size: int | None) -> RawDataset:
    """Read the rows of all splits, training first; see ``datasets`` in config/README.md for the options.

    The dataset's own splits count unless ``split`` divides its only one. Numbers of the library's classes become their names. A sample's
    key is its split's name and its row in it, such as "train[3]". Raises DataError that names the dataset, its column and row.
    """
    path = options["path"]
    of_split = _used(_files(path, options.get("config")), options)
    tables = {split: arrow_folders.read(paths) for split, (_, paths) in of_split.items()}
    table, keys = _joined(tables, path), [f"{split}[{row}]" for split, part in tables.items() for row in range(len(part))]
    names = arrow_folders.features(table)
    _require_columns(table, samples.column_names(options), path)
    table = _sound(table.select(samples.column_names(options)), path)

    def column(name: str) -> Column:
        return Column(_cells(table, name, names.get(name)), name, path, lambda row: keys[row])

    classes, label = columns.classes(column(options["label"]))
    own = np.array([SPLITS.index(of_split[name][0]) for name, part in tables.items() for _ in range(len(part))], dtype=np.int8)
    split = _split(options.get("split"), own, column, label, samples.together(options, column))
    splits.require_training(split, label, classes, path, options["label"])
    inputs: Images | np.ndarray
    vocabulary = ""
    if "image" in options:
        convert, square, words = photos.preparation(options, image_size, path)
        assert image_size is not None
        stored = _images(table.column(options["image"]), path, options["image"])
        _require_different(stored, keys, path)
        inputs = StoredImages(stored, path, keys, image_size, convert, square, _identity(of_split, words))
    else:
        inputs, vocabulary = sentences.encoded([column(name) for name in samples.sample_columns(options)], options["tokenizer"], image_size)
    return assembled(
        inputs,
        split=split,
        label=label,
        classes=classes,
        keys=keys,
        source=path,
        attributes={name: columns.coded(column(name)) for name in options.get("attributes", ())},
        vocabulary=vocabulary,
    )


@dataclass(frozen=True)
class StoredImages:
    """Encoded images in a column of an Arrow table, a struct of bytes and path; see ``Images``.

    ``keys`` names each; where there are no bytes, the file at the path is read, relative to the dataset's folder.
    """

    stored: pa.ChunkedArray
    where: str
    keys: Sequence[str]
    size: int
    convert: Preparation
    square: Preparation
    source: str

    def __len__(self) -> int:
        return len(self.stored)

    def read(self, row: int) -> np.ndarray:
        """Return one image, uint8 [3, size, size]; raises DamagedImageError that names it."""
        found: dict[str, Any] = self.stored[row].as_py() or {}
        name = f"The image {self.keys[row]} of {self.where}"
        content, path = found.get("bytes"), found.get("path") or ""
        if content is None and not path:
            raise DamagedImageError(f"{name} is missing; use a complete copy of the dataset, or set damaged_images to skip.")
        source = Path(self.where, path) if content is None else io.BytesIO(content)
        try:
            if isinstance(source, Path):
                require_regular(source, "The image")
            return images.pixels(source, name, lambda picture: self.square(self.convert(picture)), self.size)
        except FileNotFoundError:
            raise DamagedImageError(
                f"{name} should be in the file {source}, which is missing; use a complete copy, or set damaged_images to skip."
            ) from None
        except OSError as error:
            raise DataError(f"{name} cannot be read from {source} ({error.strerror}); fix that and rerun.") from error

    def identity(self) -> str:
        """Return a hash of the files that hold the images, and of their preparation."""
        return hashlib.sha256(json.dumps([self.source, self.size, len(self)]).encode()).hexdigest()


def _files(path: str, config: str | None) -> dict[str, list[Path]]:
    """Return the Arrow files of every split of a saved or cached dataset."""
    folder = Path(path)
    if folder.is_dir():
        return arrow_folders.files(folder)
    if find_spec("datasets") is None:
        raise DataError(
            f"The dataset {path} is no folder, and reading the cache needs the library datasets, which is not installed; install it by "
            "'pip install datasets', or give the folder to which the dataset's save_to_disk has written."
        )
    given = [path] if config is None else [path, config]
    try:
        done = subprocess.run(
            [sys.executable, "-c", ASK, *given],
            env=os.environ | {"HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"The library datasets did not find {path} in its cache within {ASK_SECONDS} seconds; try again.") from None
    if done.returncode:
        last = ValueError(next(iter(done.stderr.strip().splitlines()[::-1]), "no reason given"))
        raise DataError(
            f"The library datasets does not find {path} in its cache ({first_sentence(last)}); load it once where there is a network, by "
            "its load_dataset, or give the folder to which its save_to_disk has written."
        )
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return {split: [Path(one) for one in paths] for split, paths in found.items()}


def _used(found: Mapping[str, list[Path]], options: Mapping[str, Any]) -> dict[str, tuple[str, list[Path]]]:
    """Return {the dataset's split: (its position's name in SPLITS, its files)} of those that are used, in the order of SPLITS."""
    path, chosen = options["path"], options.get("splits")
    if chosen is None:
        chosen = {}
        for name in found:
            ours = "train" if name == arrow_folders.ALL else SPLIT_NAMES.get(name.lower())
            if ours is None:
                log.info("%s: the split '%s' is not used", path, name)
            elif ours in chosen:
                raise DataError(f"{path} has the splits '{chosen[ours]}' and '{name}' for {ours}; choose by 'splits: {{{ours}: {name}}}'.")
            else:
                chosen[ours] = name
    missing = next((name for name in chosen.values() if name not in found), None)
    if missing is not None or "train" not in chosen:
        problem = f"no split '{missing}'" if missing is not None else "no split 'train'"
        raise DataError(f"{path} has {problem}; choose among {', '.join(found)} by 'splits'.")
    if "split" in options and len(chosen) > 1:
        raise DataError(
            f"{path} has the splits {', '.join(chosen.values())}, so 'split' would be ignored; leave it out, or name one by 'splits'."
        )
    return {chosen[ours]: (ours, found[chosen[ours]]) for ours in SPLITS if ours in chosen}


def _joined(tables: Mapping[str, pa.Table], path: str) -> pa.Table:
    try:
        table = pa.concat_tables(tables.values())
    except pa.ArrowException as error:
        raise DataError(f"The splits of {path} have different columns ({first_sentence(error)}); save them with the same ones.") from error
    if not len(table):
        raise DataError(f"{path} has no rows; give a dataset with one row per sample.")
    return table


def _require_columns(table: pa.Table, wanted: Sequence[str], path: str) -> None:
    for name in wanted:
        if name not in table.column_names:
            raise DataError(f"{path} has no column '{name}'; its columns are {', '.join(table.column_names)}.")


def _sound(table: pa.Table, path: str) -> pa.Table:
    """Return a table whose values have been checked: damaged places in a file would lead beyond its bytes."""
    try:
        table.validate(full=True)
    except pa.ArrowException as error:
        raise DataError(f"The dataset {path} is damaged ({first_sentence(error)}); save it again.") from error
    return table


def _cells(table: pa.Table, name: str, feature: Any) -> list[Any]:
    """Return a column's cells, numbers of classes as their names, None where the library says that there is none (-1)."""
    cells = table.column(name).to_pylist()
    names = feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None
    if not isinstance(names, list):
        return cells
    return [names[cell] if isinstance(cell, int) and 0 <= cell < len(names) else None for cell in cells]


def _split(
    given: str | Mapping[str, float] | None, own: np.ndarray, column: samples.Columns, label: np.ndarray, together: Column | None
) -> np.ndarray:
    """Return every row's position in SPLITS, int8 [N]: by a column, drawn by shares, or the dataset's own."""
    if isinstance(given, Mapping):
        return splits.drawn(label, given, "huggingface", together)
    split = own if given is None else columns.splits(column(given))
    if together is not None:
        splits.require_together(split, together, "the dataset" if given is None else f"the column '{given}'")
    return split


def _images(column: pa.ChunkedArray, path: str, name: str) -> pa.ChunkedArray:
    """Return a column of images; raises DataError unless it holds structs of bytes and path, as the library's images are."""
    kinds = {field.name: field.type for field in column.type} if pa.types.is_struct(column.type) else {}
    content, place = kinds.get("bytes", pa.int8()), kinds.get("path", pa.int8())
    if not any(check(content) for check in BYTES) or not any(check(place) for check in TEXTS):
        raise DataError(
            f"{path} holds {column.type} in the column '{name}', but images must be the library's own, of bytes and path; cast it."
        )
    return column


def _require_different(images: pa.ChunkedArray, keys: Sequence[str], path: str) -> None:
    """Raise DataError that names the first two rows that take their image from one file."""
    first: dict[str, str] = {}
    for key, image in zip(keys, images, strict=True):
        if not image.is_valid or image["bytes"].is_valid or not image["path"].is_valid:
            continue
        other = first.setdefault(os.path.normpath(image["path"].as_py()), key)
        if other != key:
            raise DataError(f"{path} names the image '{image['path'].as_py()}' in {other} and again in {key}; remove one of them.")


def _identity(of_split: Mapping[str, tuple[str, list[Path]]], words: str) -> str:
    found = [(split, str(path), path.stat().st_size, path.stat().st_mtime_ns) for split, (_, paths) in of_split.items() for path in paths]
    return json.dumps([found, words])

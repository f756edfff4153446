"""Datasets of Hugging Face's library ``datasets`` on the disk, read without it: what ``save_to_disk`` writes, and folders of its cache.

Their format is described at https://huggingface.co/docs/datasets/about_arrow: tables as Arrow streams, and their features, such as the
names of classes, as JSON in the schema's metadata.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular

ALL = "all"  # what the only split of a dataset without splits is called
FILE_MAGIC = b"ARROW1"  # of Arrow's file format; streams, which the library writes, have none


def files(folder: Path) -> dict[str, list[Path]]:
    """Return the Arrow files of every split of a saved dataset, or of a folder of the cache, in order; of ALL if it has no splits.

    Raises DataError if the folder holds no dataset.
    """
    try:
        if (folder / "dataset_dict.json").is_file():
            return {split: _saved(folder / split) for split in map(_plain, _json(folder / "dataset_dict.json")["splits"])}
        if (folder / "state.json").is_file():
            return {ALL: _saved(folder)}
        if (folder / "dataset_info.json").is_file():
            return {split: _cached(folder, split) for split in map(_plain, _json(folder / "dataset_info.json")["splits"])}
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(f"The dataset in {folder} is damaged ({type(error).__name__}: {first_sentence(error)}); save it again.") from error
    raise DataError(
        f"{folder} holds no dataset of the library datasets, which would have dataset_dict.json or state.json; give the folder to which "
        "its save_to_disk has written."
    )


def read(paths: Sequence[Path]) -> pa.Table:
    """Return the rows of some Arrow files, memory-mapped; raises DataError that names a damaged or missing one."""
    parts = []
    for path in paths:
        require_regular(path)
        try:
            source = pa.memory_map(str(path))
            is_file = source.read(len(FILE_MAGIC)) == FILE_MAGIC
            source.seek(0)
            parts.append((pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)).read_all())
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{path} is missing, damaged or no Arrow file ({first_sentence(error)}); save the dataset again.") from error
    try:
        return pa.concat_tables(parts)
    except pa.ArrowException as error:
        raise DataError(f"The files beside {paths[0]} have different columns ({first_sentence(error)}); save the dataset again.") from error


def features(table: pa.Table) -> dict[str, Any]:
    """Return what the library says of every column, such as ``{"_type": "ClassLabel", "names": […]}``; empty if it says nothing."""
    try:
        found = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    except (ValueError, AttributeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _json(path: Path) -> Any:
    require_regular(path)
    return json.loads(path.read_text(encoding="utf-8"))


def _plain(name: Any) -> str:
    """Return a name of the dataset's own files; raises ValueError unless it is one, without a folder."""
    if not isinstance(name, str) or not name or name != Path(name).name:
        raise ValueError(f"the name {name!r} is not one of a file")
    return name


def _saved(folder: Path) -> list[Path]:
    found = [folder / _plain(one["filename"]) for one in _json(folder / "state.json")["_data_files"]]
    if not found:
        raise ValueError("it lists no files")
    return found


def _cached(folder: Path, split: str) -> list[Path]:
    pattern = re.compile(rf".+-{re.escape(split)}(?:-\d{{5}}-of-\d{{5}})?\.arrow")
    found = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    if not found:
        raise ValueError(f"there is no Arrow file of the split {split}")
    return found

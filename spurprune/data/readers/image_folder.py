"""A folder of images: a folder for each class, with or without folders of splits above them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spurprune.data.own import columns, photos, splits
from spurprune.data.own.assembly import assembled
from spurprune.data.own.columns import SPLIT_NAMES, Column
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage.words import SPLITS

# A literal: planning reads it without importing this module. Definitions are those of the configuration's schema.
OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path"],
    "properties": {
        "path": {"type": "string", "minLength": 1, "x-allowed": "a folder"},
        "split": {"$ref": "#/$defs/shares"},
        "intensity": {"$ref": "#/$defs/intensity"},
    },
}
UNCOUNTED = frozenset({"thumbs.db", "desktop.ini", "__macosx"})  # what systems leave in folders, beside what begins with a dot


def check(options: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError that names the key below ``where`` if options do not fit each other."""
    splits.check_shares(options.get("split"), f"{where}.split")
    photos.check_intensity(options, where)


def kind(options: Mapping[str, Any]) -> str:
    """Return what samples are: "images"."""
    return "images"


def validated(options: Mapping[str, Any]) -> bool:
    """Return whether there may be a validation split; without shares, there may be a folder of it."""
    return "split" not in options or splits.may_validate(options["split"])


def tested(options: Mapping[str, Any]) -> bool:
    """Return whether there may be a test split; without shares, there may be a folder of it."""
    return "split" not in options or splits.may_test(options["split"])


def files(options: Mapping[str, Any]) -> list[Path]:
    """Return no files: images are too many to watch."""
    return []


def originals(options: Mapping[str, Any]) -> Path | None:
    """Return the folder below which samples' keys are paths of image files."""
    return Path(options["path"])


def read(options: Mapping[str, Any], image_size: int | None) -> RawDataset:
    """Read all images below ``path``/CLASS or ``path``/SPLIT/CLASS, in the order of their paths; see config/README.md.

    The class folders' names are the classes, sorted, as numbers if all are. They may hold further folders. The folders are of splits if
    all have a split's name, such as train and val, one of them train's. A sample's key is its path below ``path``. Raises DataError.
    """
    root = Path(options["path"])
    if not root.is_dir():
        problem = "is no folder" if root.exists() else "is missing"
        raise DataError(f"The folder of images {root} {problem}; place it there, or change the dataset's 'path'.")
    of_splits = _split_folders(root)
    if of_splits and "split" in options:
        raise DataError(f"{root} has folders of splits, such as '{of_splits['train'].name}', so 'split' would be ignored; leave it out.")
    found = [(split, *one) for split, folder in (of_splits or {"train": root}).items() for one in _images(folder)]
    if not found:
        raise DataError(f"{root} has no images in folders of classes; place each class's in a folder of its own.")
    found.sort(key=lambda one: one[2])
    classes, label = columns.coded(Column([name for _, name, _ in found], "class folder", str(root)))
    if len(classes) < 2:
        raise DataError(f"{root} has only the class '{classes[0]}'; place the images of two or more in a folder each.")
    if of_splits:
        split = np.array([SPLITS.index(name) for name, *_ in found], dtype=np.int8)
    else:
        split = splits.drawn(label, options.get("split", {}), "image_folder")
    splits.require_training(split, label, classes, str(root))
    keys = [path.relative_to(root).as_posix() for *_, path in found]
    return assembled(
        photos.files(root, keys, options, image_size, str(root)),
        split=split,
        label=label,
        classes=classes,
        keys=keys,
        source=str(root),
        attributes={},
    )


def _split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of splits by the split's name, none if the folders are of classes.

    Raises DataError if two folders are of one split, or if folders of several splits stand beside others.
    """
    folders = [path for path in _entries(root) if path.is_dir()]
    named = [path for path in folders if path.name.lower() in SPLIT_NAMES]
    found: dict[str, Path] = {}
    for path in named:
        first = found.setdefault(SPLIT_NAMES[path.name.lower()], path)
        if first != path and len(named) == len(folders):
            raise DataError(f"{root} has the folders '{first.name}' and '{path.name}' for one split; join them.")
    if len(named) == len(folders) and "train" in found:
        return found
    if len(named) > 1:
        other = next((path.name for path in folders if path not in named), None)
        problem = f"beside '{other}', which names none" if other else "but none for training"
        raise DataError(f"{root} has folders of splits, such as '{named[0].name}', {problem}; remove or rename one.")
    return {}


def _images(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (class, path) of every image in the class folders of a folder; raises DataError for what does not fit."""
    others = []
    for entry in _entries(folder):
        if not entry.is_dir():
            if photos.is_image(entry):
                raise DataError(f"The image {entry} lies in no class folder; move it into one.")
            others.append(entry)
            continue
        before = len(others)
        count = 0
        for path in _below(entry, ()):
            if photos.is_image(path):
                count += 1
                yield entry.name, path
            else:
                others.append(path)
        if not count:
            found = f", but {others[before].name}" if len(others) > before else ""
            raise DataError(f"The class folder {entry} has no images{found}; add some or remove it.")
    if others:
        log.warning("%s: ignored %d files whose endings are no image's, such as %s", folder, len(others), others[0])


def _below(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    """Yield all files below a folder, links followed; raises DataError for a link that leads back."""
    place = os.path.realpath(folder)
    if place in above:
        raise DataError(f"The folder {folder} leads back to one that holds it; remove the link.")
    for path in _entries(folder):
        if path.is_dir():
            yield from _below(path, (*above, place))
        else:
            yield path


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted, without what systems hide or leave there; raises DataError for a name that is no text."""
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in UNCOUNTED]
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be listed ({error.strerror}); fix that and rerun.") from error
    for path in found:
        try:
            path.name.encode()
        except UnicodeEncodeError:
            raise DataError(f"The folder {folder} holds {path.name!a}, whose name is not UTF-8; rename it.") from None
    return sorted(found)

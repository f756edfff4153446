"""Waterbirds from its official archive (Sagawa et al. 2020): birds of CUB-200-2011 on backgrounds of Places."""

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from spurprune.data.formats import lists, photos
from spurprune.data.formats.images import ImageFiles
from spurprune.data.grouping import Attribute, Grouping
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage.columns import labels

FOLDER = "waterbird_complete95_forest2water2"
CLASSES = ("landbird", "waterbird")  # the column y: 0, 1
ATTRIBUTES = (Attribute.of("background", ("land", "water"), "on {value}"),)  # the column place: 0, 1
SPLITS = ("train", "validation", "test")  # the column split: 0, 1, 2
COLUMNS = ("img_filename", "y", "split", "place")
# Images per split by y, within it by place (Sagawa et al. 2020, for training; all as in metadata.csv).
GROUP_COUNTS = {"train": (3498, 184, 56, 1057), "validation": (467, 466, 133, 133), "test": (2255, 2255, 642, 642)}
# Bird families and kinds of background that reveal the coding of the columns y and place.
BIRDS = {"_Albatross/": 1, "_Gull/": 1, "_Warbler/": 0, "_Sparrow/": 0}
PLACES = {"forest/": 0, "ocean/": 1, "lake/": 1}


def locate(source: Path) -> list[Path]:
    """Return the release's metadata.csv in ``source``, which stands for the images beside it; raises DataError if it is missing."""
    return [_folder(source) / "metadata.csv"]


def unlike_release(source: Path) -> str | None:
    """Return how an unpacked archive differs from the release, a clause without a full stop; None if it is the release.

    Compared are the coding of the columns, the numbers of images by split, class and background, and whether every image is there.
    """
    folder = source / FOLDER
    if not (folder / "metadata.csv").is_file():
        return f"it has no {FOLDER}/metadata.csv"
    try:
        rows = _metadata(folder / "metadata.csv")
    except DataError:
        return "its metadata.csv is not coded as the release's"
    label, split, place = (np.array([int(row[name]) for row in rows], dtype=np.int16) for name in ("y", "split", "place"))
    difference = _difference(split, Grouping(CLASSES, ATTRIBUTES).numbers(label, {"background": place}))
    if difference is not None:
        return f"its metadata.csv has other images by split, class and background than the release: {difference}"
    missing = [row["img_filename"] for row in rows if not (folder / row["img_filename"]).is_file()]
    return f"it lacks {len(missing):,} of the images in its metadata.csv, the first {missing[0]}" if missing else None


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read ``source``/waterbird_complete95_forest2water2 in the order of metadata.csv, resized to ``image_size`` pixels per side.

    Raises DataError if metadata.csv is missing or damaged, codes classes or places differently, or lists all images with other counts
    than the release; warns if it lists fewer.
    """
    folder = _folder(Path(source or "."))
    rows = _metadata(folder / "metadata.csv")
    names = [row["img_filename"] for row in rows]
    label, split, place = (np.array([int(row[name]) for row in rows], dtype=np.int16) for name in ("y", "split", "place"))
    counts = {name: int((split == code).sum()) for code, name in enumerate(SPLITS)}
    _check_counts(split, Grouping(CLASSES, ATTRIBUTES).numbers(label, {"background": place}), folder)
    base = pa.table(
        {
            "sample_id": np.arange(len(rows), dtype=np.int64),
            "split": labels(split, SPLITS),
            "label": label,
            "attribute_background": place,
            "key": names,
        }
    )
    files = ImageFiles(folder, names, image_size, partial(photos.square, side=image_size), "Waterbirds: bilinear resize")
    return RawDataset(
        files,
        base,
        CLASSES,
        counts,
        f"Waterbirds, {FOLDER} (Sagawa, Koh, Hashimoto and Liang 2020)",
        "none stated; made of CUB-200-2011 (non-commercial research) and Places",
        ATTRIBUTES,
    )


def _folder(source: Path) -> Path:
    for folder in (source / FOLDER, source):
        if (folder / "metadata.csv").is_file():
            return folder
    raise DataError(
        f"Waterbirds is not at {source / FOLDER}: unpack {FOLDER}.tar.gz there (metadata.csv and one folder per species), or set "
        "data.waterbirds to the folder that holds it."
    )


def _metadata(path: Path) -> list[dict[str, str]]:
    """Return the rows of metadata.csv once their coding is checked."""
    with lists.reading(path) as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{path} has no column '{missing[0]}'; use an original copy.")
        rows = list(reader)
    short = next((row for row in rows if None in row.values()), None)
    if short is not None:
        raise DataError(f"{path} has a row of fewer columns than its first, that of {short['img_filename']}; use an original copy.")
    for row in rows:
        for name, allowed in (("y", ("0", "1")), ("place", ("0", "1")), ("split", ("0", "1", "2"))):
            if row[name] not in allowed:
                raise DataError(
                    f"{path} codes {name} of {row['img_filename']} as '{row[name]}', but the release as {' or '.join(allowed)}; "
                    "use an original copy."
                )
        for column, filename, known in (("y", row["img_filename"], BIRDS), ("place", row.get("place_filename") or "", PLACES)):
            for part, code in known.items():
                if part in filename and row[column] != str(code):
                    raise DataError(
                        f"{path} codes {column} of {filename} as {row[column]}, but the release as {code}; use an original copy."
                    )
    return rows


def _difference(split: np.ndarray, group: np.ndarray) -> str | None:
    """Return where the images of every group differ in number from the release, in words; None if they do not."""
    found = {name: tuple(np.bincount(group[split == code], minlength=4).tolist()) for code, name in enumerate(SPLITS)}
    differing = [name for name in SPLITS if found[name] != GROUP_COUNTS[name]]
    return "; ".join(f"{name} {found[name]} instead of {GROUP_COUNTS[name]}" for name in differing) or None


def _check_counts(split: np.ndarray, group: np.ndarray, folder: Path) -> None:
    """Check the images of every group against the release: exactly if all are listed, with a warning if fewer."""
    difference = _difference(split, group)
    if difference is None:
        return
    if len(split) >= sum(sum(counts) for counts in GROUP_COUNTS.values()):
        raise DataError(f"{folder / 'metadata.csv'} has other images by y and place than the release: {difference}; use the original.")
    log.warning("%s is an incomplete copy of Waterbirds, by y and place: %s", folder, difference)

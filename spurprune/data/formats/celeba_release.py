"""CelebA's release (Liu, Luo, Wang and Tang 2015): its lists of attributes and splits, and its aligned photos. Shared by its datasets."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from spurprune.data.formats import lists, photos
from spurprune.data.formats.images import ImageFiles
from spurprune.data.grouping import Attribute
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage.columns import labels

SPLITS = ("train", "validation", "test")  # list_eval_partition.txt codes them 0, 1, 2
SPLIT_COUNTS = {"train": 162_770, "validation": 19_867, "test": 19_962}
WIDTH, HEIGHT = 178, 218  # pixels of an aligned photo
ATTRIBUTES = 40

# Images per split by the first attribute, within it by the second. By hair: as in the group-robustness literature (Sagawa et al. 2020, Liu
# et al. 2021, for training). By eyeglasses: counted from the official lists.
GROUP_COUNTS = {
    ("Blond_Hair", "Male"): {
        "train": (71_629, 66_874, 22_880, 1_387),
        "validation": (8_535, 8_276, 2_874, 182),
        "test": (9_767, 7_535, 2_480, 180),
    },
    ("Male", "Eyeglasses"): {
        "train": (92_354, 2_155, 59_895, 8_366),
        "validation": (11_166, 243, 7_318, 1_140),
        "test": (11_930, 317, 6_743, 972),
    },
}

# Where the lists and photos are: side by side, as on Kaggle, or in folders as by the authors and torchvision.
ROOTS = (".", "celeba")
LIST_FOLDERS = (".", "Anno", "Eval")
PHOTO_FOLDERS = ("img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba")


@dataclass(frozen=True)
class Lists:
    """What the lists say about the images, in the order of the list of attributes.

    ``names`` are file names, ``split`` positions in SPLITS int8 [N], ``attributes`` maps official names to 0 or 1, int16 [N].
    """

    names: list[str]
    split: np.ndarray
    attributes: Mapping[str, np.ndarray]

    def split_counts(self) -> dict[str, int]:
        """Return the number of images of every split."""
        return {name: int((self.split == code).sum()) for code, name in enumerate(SPLITS)}


def read(
    source: Path, image_size: int, dataset: str, class_attribute: str, classes: tuple[str, str], attributes: Mapping[str, Attribute]
) -> RawDataset:
    """Read the release: photos still to be decoded, classes by one official attribute (0 or 1).

    ``attributes`` maps official names to ours. Photos are cropped to their central square, resized to ``image_size`` pixels. Raises
    DataError if files are missing or not the release's.
    """
    listed = read_lists(source, dataset)
    check_counts(listed, source)
    counts = listed.split_counts()
    base = pa.table(
        {
            "sample_id": np.arange(len(listed.names), dtype=np.int64),
            "split": labels(listed.split, SPLITS),
            "label": listed.attributes[class_attribute],
            **{f"attribute_{ours.name}": listed.attributes[official] for official, ours in attributes.items()},
            "key": listed.names,
        }
    )
    photos = ImageFiles(
        _photo_folder(source, dataset), listed.names, image_size, partial(prepare, side=image_size), "CelebA: centre 178, bilinear resize"
    )
    return RawDataset(
        photos,
        base,
        classes,
        counts,
        "CelebA, aligned and cropped (Liu, Luo, Wang and Tang 2015)",
        "for non-commercial research",
        tuple(attributes.values()),
    )


def prepare(picture: Image.Image, side: int) -> Image.Image:
    """Return a photo as the group-robustness literature evaluates it: CenterCrop(178), Resize((side, side)).

    Raises ValueError if it is not one of the aligned photos, 178 pixels wide and 218 high.
    """
    if picture.size != (WIDTH, HEIGHT):
        raise ValueError(f"it has {picture.size[0]}×{picture.size[1]} pixels, not {WIDTH}×{HEIGHT} like an aligned photo")
    return photos.square(photos.centre_square(picture, WIDTH), side)


def read_lists(source: Path, dataset: str) -> Lists:
    """Read the lists of attributes and splits, as text or CSV; needs no images.

    Raises DataError if a list is missing or damaged, if a value is not -1 or 1, or if the lists cover different images.
    """
    attribute_list = _find_list(source, dataset, "list_attr_celeba")
    split_list = _find_list(source, dataset, "list_eval_partition")
    names, attributes = _read_attributes(attribute_list)
    split_of = _read_splits(split_list)
    unlisted = next((name for name in names if name not in split_of), None)
    if unlisted is not None or len(split_of) != len(names):
        listed = set(names)
        extra = unlisted or next(name for name in split_of if name not in listed)
        raise DataError(f"{attribute_list} and {split_list} do not list the same images (such as {extra}); use both from one release.")
    return Lists(names, np.array([split_of[name] for name in names], dtype=np.int8), attributes)


def check_counts(listed: Lists, source: Path) -> None:
    """Check the number of images of every split and group against the release.

    Raises DataError if all images are listed but a count differs; warns, with the difference, if fewer are listed.
    """
    found = listed.split_counts()
    total, expected = len(listed.names), sum(SPLIT_COUNTS.values())
    if total < expected:
        differences = ", ".join(f"{SPLIT_COUNTS[name] - found[name]:,} of {SPLIT_COUNTS[name]:,} {name} images" for name in SPLITS)
        log.warning("%s lists %d of CelebA's %d images: it lacks %s; counts by group are not checked", source, total, expected, differences)
        return
    if found != SPLIT_COUNTS:
        raise DataError(f"The lists in {source} have the split sizes {found}, but the release {SPLIT_COUNTS}; use the original listed.")
    for (first, second), counts in GROUP_COUNTS.items():
        one, other = listed.attributes[first], listed.attributes[second]
        for code, name in enumerate(SPLITS):
            mine = listed.split == code
            groups = tuple(int((mine & (one == a) & (other == b)).sum()) for a in (0, 1) for b in (0, 1))
            if groups != counts[name]:
                raise DataError(
                    f"The lists in {source} have {groups} {name} images by {first} and {second} (00, 01, 10, 11), "
                    f"but the release {counts[name]}; use the original listed."
                )


def _find_list(source: Path, dataset: str, stem: str) -> Path:
    for root in ROOTS:
        for folder in LIST_FOLDERS:
            for ending in (".txt", ".csv"):
                path = source / root / folder / f"{stem}{ending}"
                if path.is_file():
                    return path
    raise DataError(
        f"CelebA is not at {source}: place list_attr_celeba.txt, list_eval_partition.txt and the folder img_align_celeba there, or set "
        f"data.{dataset} to the folder that holds them."
    )


def _photo_folder(source: Path, dataset: str) -> Path:
    for root in ROOTS:
        for folder in PHOTO_FOLDERS:
            if (source / root / folder).is_dir():
                return source / root / folder
    raise DataError(
        f"CelebA's images are not at {source}: place the folder img_align_celeba beside the lists, or set data.{dataset} to the folder "
        "that holds it."
    )


def _read_attributes(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the file names and the attributes in GROUP_COUNTS, found by name in the list's header."""
    wanted = sorted({name for pair in GROUP_COUNTS for name in pair})
    rows = _csv_rows(path) if path.suffix == ".csv" else _text_rows(path)
    columns = next(rows, [])
    for name in ("image_id", *wanted):
        if name not in columns:
            raise DataError(f"{path} has no column '{name}', so it is not a list of CelebA's attributes; use an original copy.")
    places = [columns.index(name) for name in wanted]
    image = columns.index("image_id")
    names: list[str] = []
    values: list[list[str]] = []
    for row in rows:
        if len(row) != len(columns):
            raise DataError(f"{path} has {len(row)} values for image {len(names) + 1}, but {len(columns)} columns; use an original copy.")
        names.append(row[image])
        values.append([row[place] for place in places])
    table = np.array(values).reshape(len(names), len(wanted))
    for place, name in enumerate(wanted):
        wrong = np.flatnonzero((table[:, place] != "1") & (table[:, place] != "-1"))
        if len(wrong):
            found = table[wrong[0], place]
            raise DataError(f"{path} codes {name} of {names[wrong[0]]} as '{found}', but CelebA codes it as -1 or 1; use an original copy.")
    if len(set(names)) != len(names):
        raise DataError(f"{path} lists an image twice; use an original copy.")
    return names, {name: (table[:, place] == "1").astype(np.int16) for place, name in enumerate(wanted)}


def _text_rows(path: Path) -> Iterator[list[str]]:
    """Yield the columns' names, then the rows of the official text: a count, the attributes' names, one line per image."""
    with lists.reading(path) as stream:
        first, names = stream.readline().split(), stream.readline().split()
        if len(first) != 1 or not first[0].isdigit() or len(names) != ATTRIBUTES:
            raise DataError(
                f"{path} does not start with the number of images and {ATTRIBUTES} attribute names; use an original copy, or the CSV "
                "variant as list_attr_celeba.csv."
            )
        yield ["image_id", *names]
        count = 0
        for line in stream:
            if line.strip():
                count += 1
                yield line.split()
        if count != int(first[0]):
            raise DataError(f"{path} announces {first[0]} images, but lists {count}; use an original copy.")


def _csv_rows(path: Path) -> Iterator[list[str]]:
    with lists.reading(path) as stream:
        yield from ([value.strip() for value in row] for row in csv.reader(stream) if row)


def _read_splits(path: Path) -> dict[str, int]:
    """Return every image's position in SPLITS, by file name."""
    rows: Iterator[Sequence[str]] = _csv_rows(path) if path.suffix == ".csv" else _split_lines(path)
    columns = list(next(rows, []))
    coded = next((name for name in ("partition", "split") if name in columns), None)
    if "image_id" not in columns or coded is None:
        raise DataError(f"{path} has no columns 'image_id' and 'partition' (or 'split'); use an original copy.")
    image, code = columns.index("image_id"), columns.index(coded)
    result: dict[str, int] = {}
    for row in rows:
        if len(row) != len(columns) or row[code] not in ("0", "1", "2") or row[image] in result:
            raise DataError(f"{path} has the row '{' '.join(row)}', but must list every image once, with 0, 1 or 2; use an original copy.")
        result[row[image]] = int(row[code])
    return result


def _split_lines(path: Path) -> Iterator[list[str]]:
    yield ["image_id", "partition"]
    with lists.reading(path) as stream:
        yield from (line.split() for line in stream if line.strip())

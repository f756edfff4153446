"""Hard ImageNet (Moayeri, Singla and Feizi 2022): fifteen classes of ImageNet with strong spurious surroundings."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from spurprune.data.formats import masks, photos, pickles
from spurprune.data.formats.images import ImageFiles
from spurprune.data.grouping import WITHOUT_WITH, Attribute
from spurprune.data.raw import RawDataset
from spurprune.errors import DataError
from spurprune.machine.logs import log
from spurprune.storage.columns import labels
from spurprune.storage.regular import require_regular

# (name, folder, ImageNet's class index), in the order of the release's labels (hard_imagenet_idx.pkl).
CLASSES = (
    ("dog sled", "n03218198", 537),
    ("howler monkey", "n02492660", 379),
    ("seat belt", "n04162706", 785),
    ("ski", "n04228054", 795),
    ("sunglasses", "n04356056", 837),
    ("swimming cap", "n02807133", 433),
    ("balance beam", "n02777292", 416),
    ("horizontal bar", "n03535780", 602),
    ("patio", "n03899768", 706),
    ("puck", "n04019541", 746),
    ("miniskirt", "n03770439", 655),
    ("space bar", "n04264628", 810),
    ("volleyball", "n04540053", 890),
    ("baseball player", "n09835506", 981),
    ("snorkel", "n04251144", 801),
)
ATTRIBUTES = (Attribute.of("surroundings", WITHOUT_WITH),)
META = ("paths_by_rank.pkl", "hard_imagenet_idx.pkl", "idx_to_wnid.pkl")  # the release's own files, in the folder meta
FOLDERS = {"train": "train", "test": "val"}  # ImageNet's validation images are the test split
TEST_PER_CLASS = 50
TRAIN_PER_CLASS = (732, 1300)  # images per class in ImageNet's training set, minimum and maximum (Russakovsky et al. 2015)

# The Dog Sled training images with minimal spurious features: the numbers in n03218198_<number>.JPEG, as the paper's authors list them.
MINIMAL = (
    *(25473, 25440, 24698, 24493, 23919, 23675, 23027, 23029, 22686, 22351, 22159, 21039, 19583, 16165, 15489),
    *(10906, 10515, 10471, 10400, 10065, 8396, 8387, 8179, 8079, 7993, 7973, 7918, 7693, 230, 263),
    *(736, 745, 945, 991, 1074, 1244, 1348, 1583, 2088, 2299, 3169, 3264, 3444, 3541, 3937),
    *(4186, 4201, 4603, 5428, 5773, 5963, 6119, 6459, 6663, 7033, 7038, 7188, 7212, 7321),
)
MASKS_PER_CLASS = 100  # masks used to check the direction of the ranking, evenly spaced over the ranks


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read the photos of the fifteen classes in ``source``/{train,val}/<wnid>, by class and file name.

    Photos are resized so that their shorter side has ``image_size`` pixels, then cropped to their central square. ``ranking_spurious`` is a
    training image's rank in its class from least to most spurious, from ``meta`` if present; ``ranking_minimal`` is the position in the
    authors' list of Dog Sleds with minimal spurious features; both are null elsewhere. The attribute ``surroundings`` is "with" for every
    test image, since all count as showing the surroundings of their class, and null in training, where it is not annotated.

    Raises DataError if a class is missing or has more images than ImageNet, or if the release's own files contradict the labels or the
    ranking's direction; warns if images are missing.
    """
    root = Path(source or ".")
    names = {split: [_photos_of(root, folder, wnid) for _, wnid, _ in CLASSES] for split, folder in FOLDERS.items()}
    _check_counts({split: [len(files) for files in of_class] for split, of_class in names.items()}, root)
    files = [name for of_class in names.values() for group in of_class for name in group]
    split = [split for split, of_class in names.items() for group in of_class for _ in group]
    label = [code for of_class in names.values() for code, group in enumerate(of_class) for _ in group]
    ranks = _spurious_ranks(root, files)
    tested = np.array(split) == "test"
    base = pa.table(
        {
            "sample_id": np.arange(len(files), dtype=np.int64),
            "split": labels(split, ("train", "validation", "test")),
            "label": np.array(label, dtype=np.int16),
            "attribute_surroundings": pa.array(np.ones(len(files), dtype=np.int16), mask=~tested),
            "ranking_spurious": pa.array([ranks.get(name) for name in files], pa.int32()),
            "ranking_minimal": pa.array(_minimal_ranks(files), pa.int32()),
            "key": files,
        }
    )
    photos = ImageFiles(root, files, image_size, partial(prepare, side=image_size), "Hard ImageNet: shorter side, bilinear; centre")
    return RawDataset(
        photos,
        base,
        tuple(name for name, _, _ in CLASSES),
        {"train": int((~tested).sum()), "validation": 0, "test": int(tested.sum())},
        "Hard ImageNet (Moayeri, Singla and Feizi 2022), photos of ImageNet (Russakovsky et al. 2015)",
        "ImageNet's terms: for non-commercial research",
        ATTRIBUTES,
    )


def prepare(picture: Image.Image, side: int) -> Image.Image:
    """Return a photo as ImageNet's models are evaluated: Resize(side), CenterCrop(side)."""
    return photos.centre_square(photos.shorter_side(picture, side), side)


def _photos_of(root: Path, folder: str, wnid: str) -> list[str]:
    """Return the names below ``root`` of a class's photos, sorted."""
    place = root / folder / wnid
    names = sorted(path.name for path in place.glob("*.JPEG")) if place.is_dir() else []
    if not names:
        raise DataError(
            f"Hard ImageNet's photos are not at {place}: place ImageNet's {folder} there, one folder of .JPEG files per class, or "
            "set data.hard_imagenet to the folder that holds train and val."
        )
    return [f"{folder}/{wnid}/{name}" for name in names]


def _check_counts(found: Mapping[str, list[int]], root: Path) -> None:
    fewest, most = TRAIN_PER_CLASS
    for split, least, highest in (("train", fewest, most), ("test", TEST_PER_CLASS, TEST_PER_CLASS)):
        for (name, wnid, _), count in zip(CLASSES, found[split], strict=True):
            place = root / FOLDERS[split] / wnid
            if count > highest:
                raise DataError(
                    f"{place} holds {count} images of class {name}, but ImageNet at most {highest}; remove what does not belong there."
                )
            if count < least:
                log.warning("%s holds %d images of class %s, but ImageNet at least %d", place, count, name, least)


def _minimal_ranks(files: list[str]) -> list[int | None]:
    """Return every file's position in the authors' list, or None; warns if listed files are missing."""
    rank_of = {f"train/n03218198/n03218198_{number}.JPEG": rank for rank, number in enumerate(MINIMAL)}
    missing = sorted(set(rank_of) - set(files))
    if missing:
        log.warning(
            "%d of the authors' %d Dog Sleds with minimal spurious features are missing, such as %s", len(missing), len(MINIMAL), missing[0]
        )
    return [rank_of.get(name) for name in files]


def _spurious_ranks(root: Path, files: list[str]) -> dict[str, int]:
    """Return training photos' ranks in their class from least (0) to most spurious; none without ``meta``."""
    meta = root / "meta"
    for name in META:
        require_regular(meta / name)
    if not (meta / "paths_by_rank.pkl").is_file():
        log.info("%s does not exist, so no image has a spurious rank", meta / "paths_by_rank.pkl")
        return {}
    _check_labels(meta)
    by_class = _paths_by_rank(meta / "paths_by_rank.pkl")
    ranks = {name: rank for of_class in by_class.values() for rank, name in enumerate(of_class)}
    there = set(files)
    unknown = sum(name.startswith("train/") and name not in ranks for name in files)
    log.info(
        "%d photos have a spurious rank, %d have none; of %d ranks the photo is missing",
        len(ranks.keys() & there),
        unknown,
        len(ranks.keys() - there),
    )
    masks_path = next((path for path in (root / "masks", root / "masks.zip") if path.exists()), None)
    if masks_path is not None:
        _check_direction(masks_path, by_class)
    return ranks


def _check_labels(meta: Path) -> None:
    """Raise DataError if the release's files of label order or wnids, where present, contradict CLASSES."""
    order, wnids = meta / "hard_imagenet_idx.pkl", meta / "idx_to_wnid.pkl"
    if order.is_file():
        found = pickles.load(order)
        if not isinstance(found, list | tuple) or list(found) != [index for _, _, index in CLASSES]:
            raise DataError(f"{order} has another order of labels than the release; use an original copy.")
    if wnids.is_file():
        known = pickles.load(wnids)
        for name, wnid, index in CLASSES:
            if not isinstance(known, dict) or _text(known.get(index)) != wnid:
                raise DataError(f"{wnids} does not map {index} to {wnid} ({name}), as the release does; use an original copy.")


def _paths_by_rank(path: Path) -> dict[int, list[str]]:
    """Return the ranked files of each of the fifteen classes, named train/<wnid>/<file>, by ImageNet's class index."""
    content = pickles.load(path)
    result = {}
    for name, wnid, index in CLASSES:
        paths = content.get(index) if isinstance(content, dict) else None
        if not isinstance(paths, list | tuple) or not paths:
            raise DataError(f"{path} ranks no images of class {index} ({name}); use an original copy.")
        ranked = ["/".join(("train", *PurePosixPath(_text(one)).parts[-2:])) for one in paths]
        foreign = [one for one in ranked if not one.startswith(f"train/{wnid}/")]
        if foreign or len(set(ranked)) != len(ranked):
            raise DataError(f"{path} ranks {(foreign or ranked)[0]} in class {index} ({wnid}) wrongly or twice; use an original copy.")
        result[index] = ranked
    return result


def _check_direction(masks_path: Path, by_class: Mapping[int, list[str]]) -> None:
    """Raise DataError for a ranking along which objects grow.

    That the first rank is the least spurious is inferred, not documented. The smaller the object, the more spurious the image, so the
    object's share must fall along the ranks: the rank correlation, averaged over classes, must be negative.
    """
    chosen = [
        [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, MASKS_PER_CLASS).round().astype(int))] for paths in by_class.values()
    ]
    shares = masks.object_shares(masks_path, (name for names in chosen for name in names))
    of_class = [[shares[name] for name in names if name in shares] for names in chosen]
    correlations = [_rank_correlation(values) for values in of_class if len(values) > 1]
    if not correlations:
        log.warning("%s has no masks of ranked images, so the ranking's direction is not checked", masks_path)
        return
    mean = float(np.mean(correlations))
    log.info("along the ranks, the rank correlation with the object's share of the image is %.2f (mean over classes)", mean)
    if mean >= 0:
        raise DataError(
            f"Along the ranks of paths_by_rank.pkl the objects in {masks_path} grow (rank correlation {mean:.2f}), so it does not rank "
            "from the least to the most spurious; use the release's files."
        )


def _rank_correlation(values: list[float]) -> float:
    """Return Spearman's correlation of values with their positions, ties by mean rank; 0 if all values are equal."""
    array = np.array(values)
    order = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(order[2])
    ranks = (ends - (order[2] + 1) / 2)[order[1]]
    if len(order[0]) == 1:
        return 0.0
    return float(np.corrcoef(np.arange(len(array)), ranks)[0, 1])


def _text(value: Any) -> str:
    """Return a string that Python 2 may have pickled as bytes; an empty one for anything else."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""

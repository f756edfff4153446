"""Hard ImageNet's object masks, from a folder or a zip: how much of an image the object fills."""

import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular


def object_shares(masks: Path, photos: Iterable[str]) -> dict[str, float]:
    """Return the share of every photo with a mask that its object fills, in [0, 1].

    ``photos`` are named ``{split}/{wnid}/{file}``; ``masks`` is a folder or a zip whose members are named ``{split}/{wnid}_{file}``,
    possibly below one more folder. A pixel belongs to the object if any of its channels is above 0. Raises DataError that names a mask
    that cannot be read.
    """
    wanted = {_mask_name(photo): photo for photo in photos}
    if masks.is_dir():
        found = {
            wanted[name]: path for path in sorted(masks.rglob("*")) if path.is_file() and (name := _last_two(path.as_posix())) in wanted
        }
        return {photo: _share(path, str(path)) for photo, path in found.items()}
    require_regular(masks)
    try:
        with zipfile.ZipFile(masks) as archive:
            members = {wanted[name]: member for member in archive.namelist() if (name := _last_two(member)) in wanted}
            result = {}
            for photo, member in members.items():
                with archive.open(member) as stream:
                    result[photo] = _share(stream, f"{masks}: {member}")
            return result
    except zipfile.BadZipFile as error:
        raise DataError(f"{masks} is not a zip file ({first_sentence(error)}); use an original copy.") from error


def _mask_name(photo: str) -> str:
    split, wnid, file = PurePosixPath(photo).parts
    return f"{split}/{wnid}_{file}"


def _last_two(path: str) -> str:
    return "/".join(PurePosixPath(path).parts[-2:])


def _share(source: object, name: str) -> float:
    try:
        with Image.open(source) as picture:  # type: ignore[arg-type]
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise DataError(f"The mask {name} is damaged ({first_sentence(error)}); use an original copy.") from error
    return float((pixels > 0).any(axis=2).mean())

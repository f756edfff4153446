"""Hard ImageNet's object masks, from a folder or a zip: how much of an image the object fills."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from spurprune.data.archives import DAMAGED
from spurprune.data.formats.images import DamagedImageError, decoded
from spurprune.errors import DataError, first_sentence
from spurprune.storage.regular import require_regular

LARGEST = 1 << 26  # bytes of a mask's file, above any of the release's


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
                result[photo] = _share(io.BytesIO(_unpacked(archive, member)), f"{masks}: {member}")
            return result
    except (*DAMAGED, OSError) as error:
        raise DataError(f"{masks} is not a zip file that can be read ({first_sentence(error)}); use an original copy.") from error


def _unpacked(archive: zipfile.ZipFile, member: str) -> bytes:
    """Return a member's bytes; raises zipfile.BadZipFile if it is too large for a mask."""
    with archive.open(member) as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise zipfile.BadZipFile(f"its member {member!r} is larger than a mask")
    return content


def _mask_name(photo: str) -> str:
    split, wnid, file = PurePosixPath(photo).parts
    return f"{split}/{wnid}_{file}"


def _last_two(path: str) -> str:
    return "/".join(PurePosixPath(path).parts[-2:])


def _share(source: Path | BinaryIO, name: str) -> float:
    try:
        if isinstance(source, Path):
            require_regular(source, "The mask")
        pixels = decoded(source, f"The mask {name}", lambda picture: picture.convert("RGB"))
    except DamagedImageError as error:
        raise DataError(f"The mask {name} is damaged or no image; use an original copy.") from error
    except OSError as error:
        raise DataError(f"The mask {name} cannot be read ({error.strerror}); fix that and rerun.") from error
    return float((pixels > 0).any(axis=2).mean())

"""CelebA for classifying gender, with eyeglasses as the attribute (the setting of Sec. 3 of the paper)."""

from pathlib import Path

from spurprune.data.formats import celeba_release
from spurprune.data.grouping import WITHOUT_WITH, Attribute
from spurprune.data.raw import RawDataset

CLASSES = ("Female", "Male")  # the attribute Male: -1, 1
ATTRIBUTES = (Attribute.of("eyeglasses", WITHOUT_WITH),)


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read the aligned photos in the order of the list of attributes, ``image_size`` pixels per side; raises as ``celeba_release.read``."""
    return celeba_release.read(Path(source or "."), image_size, "celeba", "Male", CLASSES, {"Eyeglasses": ATTRIBUTES[0]})

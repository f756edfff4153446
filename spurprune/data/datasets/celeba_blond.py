"""CelebA for classifying blond hair, with gender as the attribute (the benchmark of Sagawa et al. 2020)."""

from pathlib import Path

from spurprune.data.formats import celeba_release
from spurprune.data.grouping import Attribute
from spurprune.data.raw import RawDataset

CLASSES = ("not_blond", "blond")  # the attribute Blond_Hair: -1, 1
ATTRIBUTES = (Attribute.of("gender", ("female", "male"), ", {value}"),)


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read the aligned photos in the order of the list of attributes, ``image_size`` pixels per side; raises as ``celeba_release.read``."""
    return celeba_release.read(Path(source or "."), image_size, "celeba_blond", "Blond_Hair", CLASSES, {"Male": ATTRIBUTES[0]})

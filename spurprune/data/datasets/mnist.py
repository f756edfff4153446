"""MNIST from its official idx files (LeCun, Bottou, Bengio and Haffner 1998)."""

from pathlib import Path

from spurprune.data.formats import idx
from spurprune.data.raw import RawDataset

RELEASE = idx.Release(
    dataset="mnist",
    title="MNIST",
    folder="MNIST",
    classes=tuple(str(digit) for digit in range(10)),
    class_counts={
        "train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
    md5={  # of the unpacked files; their archives have the checksums in torchvision's MNIST.resources
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    source="MNIST, idx files (LeCun, Bottou, Bengio and Haffner 1998)",
    licence="CC BY-SA 3.0",
)


def locate(source: Path) -> list[Path]:
    """Return the release's four files in ``source`` or ``source``/MNIST/raw; raises DataError if any is missing."""
    return idx.locate(RELEASE, source)


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read the 28×28 images in the files' order, 60,000 training then 10,000 test; raises DataError as ``idx.read``."""
    return idx.read(RELEASE, Path(source or "."), image_size)

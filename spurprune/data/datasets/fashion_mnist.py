"""Fashion-MNIST from its official idx files (Xiao, Rasul and Vollgraf 2017)."""

from pathlib import Path

from spurprune.data.formats import idx
from spurprune.data.raw import RawDataset

RELEASE = idx.Release(
    dataset="fashion_mnist",
    title="Fashion-MNIST",
    folder="FashionMNIST",
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    class_counts={"train": (6000,) * 10, "test": (1000,) * 10},
    md5={  # of the unpacked files; their archives have the checksums in torchvision's FashionMNIST.resources
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
    source="Fashion-MNIST, idx files (Xiao, Rasul and Vollgraf 2017)",
    licence="MIT",
)


def locate(source: Path) -> list[Path]:
    """Return the release's four files in ``source`` or ``source``/FashionMNIST/raw; raises DataError if any is missing."""
    return idx.locate(RELEASE, source)


def read(source: Path | None, image_size: int) -> RawDataset:
    """Read the 28×28 images in the files' order, 60,000 training then 10,000 test; raises DataError as ``idx.read``."""
    return idx.read(RELEASE, Path(source or "."), image_size)

"""Data that the project does not hold: in a folder that an environment variable names, or as copies in ``shared/data`` beside it."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def celeba(root: Path, target: Path) -> Path:
    """Return the folder of CelebA's two lists, unpacked into ``target`` from compressed copies if need be; else skip the test."""
    source, lists = os.environ.get("SPURPRUNE_CELEBA"), ("list_attr_celeba.txt", "list_eval_partition.txt")
    if source is not None:
        return Path(source)
    copies = _copies(root, *(f"{name}.gz" for name in lists))
    if copies is None:
        pytest.skip("SPURPRUNE_CELEBA does not name the folder that holds list_attr_celeba.txt and list_eval_partition.txt")
    for name in lists:
        with gzip.open(copies / f"{name}.gz") as packed, open(target / name, "wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    return target


def cifar10(root: Path, target: Path) -> Path:
    """Return the folder that holds cifar-10-batches-py, written into ``target`` from compact copies if need be; else skip the test."""
    source = os.environ.get("SPURPRUNE_CIFAR10")
    if source is not None:
        return Path(source)
    copies = _copies(root, "unpack.py", "cifar10_train_a.parquet", "cifar10_train_b.parquet", "cifar10_test.parquet")
    if copies is None:
        pytest.skip("SPURPRUNE_CIFAR10 does not name the folder that holds cifar-10-batches-py")
    subprocess.run([sys.executable, str(copies / "unpack.py"), str(target), "cifar10"], check=True)
    return target


def _copies(root: Path, *names: str) -> Path | None:
    places = (folder / "shared" / "data" for folder in root.parents)
    return next((place for place in places if all((place / name).is_file() for name in names)), None)

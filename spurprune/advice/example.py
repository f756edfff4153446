"""``python -m spurprune.advice.example FOLDER``: an example of own data, digits as PNG files with a planted cue, and the same without it.

Scikit-learn's digits in two halves, 0 to 4 ("low") and 5 to 9 ("high"), drawn once into 60% for training and 20% each for validation and
testing. In ``planted.csv``, a fifth of the training and validation images of high digits have a bright left column, the *mark*; none of the
low digits has, so that the mark goes with the class. Of the test images of both classes half have it: there it says nothing.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from spurprune.errors import DataError, SpurpruneError
from spurprune.machine import pipes
from spurprune.storage.files import writing

CARRIERS = 0.2  # of the high digits of training and validation
MARKED_IN_TEST = 0.5
SPLITS = ("train", "train", "train", "validation", "test")
SEED = 0


def write(folder: Path) -> tuple[int, int]:
    """Write the images and the tables planted.csv and clean.csv; return how many images each lists, and how many the first marks to train.

    Raises DataError if the folder holds anything, or if it cannot be written.
    """
    from sklearn.datasets import load_digits

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} holds files already; name another folder.")
    images, digit = load_digits(return_X_y=True)
    pixels = np.round(images.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    rng = np.random.default_rng(SEED)
    split = np.empty(len(digit), dtype=object)
    split[rng.permutation(len(digit))] = [SPLITS[place % len(SPLITS)] for place in range(len(digit))]
    half, draw = np.where(digit >= 5, "high", "low"), rng.random(len(digit))
    is_marked = np.where(split == "test", draw < MARKED_IN_TEST, (half == "high") & (draw < CARRIERS))
    for table, marked in (("planted", is_marked), ("clean", np.zeros(len(digit), dtype=bool))):
        files = [_save(folder, table, half[row], digit[row], row, pixels[row], bool(marked[row])) for row in range(len(digit))]
        frame = pd.DataFrame({"file": files, "half": half, "split": split, "mark": np.where(marked, "with", "without")})
        path = folder / f"{table}.csv"
        with writing(path):
            frame.to_csv(path, index=False, lineterminator="\n")
    return len(digit), int((is_marked & (split == "train")).sum())


def _save(folder: Path, table: str, half: str, digit: int, row: int, image: np.ndarray, is_marked: bool) -> str:
    """Write one image; return its path in the folder."""
    shown = image.copy()
    if is_marked:
        shown[:, 0] = 255
    name = f"{table}/{half}/{digit}-{row:04}.png"
    path = folder / name
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shown).save(path)
    return name


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the example where the command line says; returns the exit status, 1 with one sentence on standard error if it fails."""
    parser = argparse.ArgumentParser(prog="python -m spurprune.advice.example", description="An example of own data, with a planted cue.")
    parser.add_argument("folder", type=Path, help="the folder to write, which must be new or empty")
    options = parser.parse_args(arguments)
    try:
        images, carriers = write(options.folder)
        print(f"{options.folder}: {images:,} images, of which {carriers} for training are marked in planted.csv and none in clean.csv")
    except SpurpruneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(pipes.run(main))

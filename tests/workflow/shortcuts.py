"""A user's own vectors with a cue that some samples of one class carry, and the same vectors without it."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

FOLDS = ("train", "train", "train", "val", "test")
CARRIERS = 0.2  # of the high digits' training and validation samples
COLUMN = slice(0, 8)  # the pixels' left column: vectors hold one column after the other


def write(folder: Path) -> None:
    """Write planted.npy and clean.npy, one table for both, and carriers.npy, which no setting reads."""
    images, digit = load_digits(return_X_y=True)
    vectors = (images.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(-1, 64) / 16).astype(np.float32)
    half = np.where(digit >= 5, "high", "low")
    rng = np.random.default_rng(0)
    order = rng.permutation(len(digit))
    fold = np.empty(len(digit), dtype=object)
    fold[order] = [FOLDS[i % len(FOLDS)] for i in range(len(digit))]
    carrier = (half == "high") & (fold != "test") & (rng.random(len(digit)) < CARRIERS)
    folder.mkdir(parents=True)
    np.save(folder / "clean.npy", vectors)
    vectors = vectors.copy()
    vectors[carrier, COLUMN] = 1
    np.save(folder / "planted.npy", vectors)
    np.save(folder / "carriers.npy", carrier)
    pd.DataFrame({"half": half, "fold": fold}).to_csv(folder / "digits.csv", index=False)

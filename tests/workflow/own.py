"""A user's own data: three of scikit-learn's digits as vectors, and two tables of them."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

DIGITS = (0, 1, 2)
PENS = ("blue", "red")
PAPERS = ("dotted", "plain", "ruled")
FOLDS = ("train", "train", "train", "val", "test")


def write(folder: Path) -> None:
    """Write pixels.npy, plain.csv with the digits alone, and tagged.csv with a split and two attributes; every group is in every split."""
    images, digit = load_digits(return_X_y=True)
    images, digit = images[np.isin(digit, DIGITS)], digit[np.isin(digit, DIGITS)]
    rng = np.random.default_rng(0)
    pen = np.where(rng.random(len(digit)) < 0.3 + 0.4 * (digit == 0), *PENS)
    folder.mkdir(parents=True)
    np.save(folder / "pixels.npy", images.astype(np.float32) / 16)
    pd.DataFrame({"digit": digit}).to_csv(folder / "plain.csv", index=False)
    tagged = pd.DataFrame({"digit": digit, "pen": pen, "paper": rng.choice(PAPERS, len(digit))})
    place = tagged.groupby(["digit", "pen", "paper"]).cumcount()
    tagged.assign(fold=[FOLDS[i % len(FOLDS)] for i in place]).to_csv(folder / "tagged.csv", index=False)
